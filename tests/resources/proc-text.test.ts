/** Owns the proof of how the kernel's texts are read. */
import { describe, expect, it } from 'vitest';
import {
  readAllowedProcessors,
  readCpuTicks,
  readDisks,
  readLoadAverage,
  readMaxFds,
  readMemory,
  readNetwork,
  readSwap,
} from '../../src/resources/proc-text.js';

describe('/proc/stat', () => {
  it('counts stolen time as busy, waiting for disks as rest, and guests once', () => {
    const text = `cpu  100 10 50 800 40 5 15 20 60 6
cpu0 50 5 25 400 20 3 8 10 30 3
cpu1 50 5 25 400 20 2 7 10 30 3
intr 1 2 3
btime 1795262574
`;
    expect(readCpuTicks(text)).toEqual({ busy: 200, total: 1040, cores: 2 });
  });

  it('counts the processors alone on which the process may run', () => {
    const text = 'cpu  0 0 0 0\ncpu0 1 0 0 9\ncpu1 2 0 0 8\ncpu3 4 0 0 6\n';
    expect(readCpuTicks(text, [1, 3])).toEqual({ busy: 6, total: 20, cores: 2, only: '1,3' });
    // Processors that are switched off have no line, and whoever may run everywhere has the machine.
    expect(readCpuTicks(text, [0, 2])).toEqual({ busy: 1, total: 10, cores: 1, only: '0' });
    expect(readCpuTicks(text.replace('0 0 0 0', '7 0 0 23'), [0, 1, 2, 3])).toEqual({
      busy: 7,
      total: 30,
      cores: 3,
    });
    expect(() => readCpuTicks(text, [7])).toThrow('/proc/stat does not hold the processors 7');
  });

  it.each([
    ['Cpus_allowed_list:\t0-1\n', [0, 1]],
    ['Cpus_allowed:\tff\nCpus_allowed_list:\t1,3-5,8\nMems_allowed_list:\t0\n', [1, 3, 4, 5, 8]],
    ['Cpus_allowed_list:\t7\n', [7]],
    ['Name:\tnode\n', undefined],
  ])('%j', (text, processors) => {
    expect(readAllowedProcessors(text)).toEqual(processors);
  });

  it('is read from an old kernel with four columns', () => {
    expect(readCpuTicks('cpu  1 2 3 4\ncpu0 1 2 3 4\n')).toEqual({ busy: 6, total: 10, cores: 1 });
  });
});

describe('/proc/meminfo', () => {
  const text = `MemTotal:       24682416 kB
MemFree:        19094992 kB
MemAvailable:   23726668 kB
SwapTotal:       1000 kB
SwapFree:         400 kB
HugePages_Total:       0
`;

  it('takes what is available, not what is free', () => {
    expect(readMemory(text)).toEqual({ usedBytes: 955_748 * 1024, totalBytes: 24_682_416 * 1024 });
    expect(readSwap(text)).toEqual({ usedBytes: 600 * 1024, totalBytes: 1000 * 1024 });
  });

  it('is refused by name when a line is missing', () => {
    const without = text.replace(/MemAvailable.*\n/, '');
    expect(() => readMemory(without)).toThrow('/proc/meminfo does not hold MemAvailable');
    expect(() => readMemory(without)).toThrow(expect.objectContaining({ code: 'RESOURCE_FORMAT' }));
  });
});

describe('/proc/net/dev', () => {
  // The first number follows the colon without a blank when it is long.
  const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 100 1    0    0    0     0          0         0 100 1    0    0    0     0       0          0
  eth0:22199231997 29562980    3    0    0     0          0         0 5392458 42809    4    0    0     0       0          0
`;

  it('holds bytes and errors of both directions, of wanted devices', () => {
    expect(readNetwork(text, (device) => device !== 'lo')).toEqual(
      new Map([
        [
          'eth0',
          { receiveBytes: 22_199_231_997, receiveErrors: 3, transmitBytes: 5_392_458, transmitErrors: 4 },
        ],
      ]),
    );
  });

  it('has no devices in its heading', () => {
    expect([...readNetwork(text, () => true).keys()]).toEqual(['lo', 'eth0']);
  });
});

describe('/proc/diskstats', () => {
  const line = (device: string, read: number, written: number) =>
    `   8       0 ${device} 10 0 ${read} 5 20 0 ${written} 7 0 1 2 0 0 0 0 3 4\n`;

  it('adds whole disks up, without their parts and without what is made of them', () => {
    const text = [
      line('sda', 8, 2),
      line('sda1', 8, 2),
      line('vdb', 1, 1),
      line('nvme0n1', 100, 200),
      line('nvme0n1p3', 100, 200),
      line('mmcblk0', 10, 20),
      line('mmcblk0p1', 10, 20),
      ...['dm-0', 'md127', 'loop0', 'zram0', 'ram1', 'sr0'].map((device) => line(device, 5000, 5000)),
    ].join('');
    expect(readDisks(text)).toEqual({ read: 119 * 512, write: 223 * 512 });
    expect(readDisks('')).toEqual({ read: 0, write: 0 });
  });
});

describe('the others', () => {
  it('load and limits', () => {
    expect(readLoadAverage('2.27 1.84 2.49 6/159 24777\n')).toEqual({ '1m': 2.27, '5m': 1.84, '15m': 2.49 });
    expect(() => readLoadAverage('')).toThrow('/proc/loadavg');
    const limits = (soft: string) =>
      `Limit  Soft Limit  Hard Limit  Units\nMax open files            ${soft}                20000                files\n`;
    expect(readMaxFds(limits('1024'))).toBe(1024);
    expect(readMaxFds(limits('unlimited'))).toBeUndefined();
  });
});
