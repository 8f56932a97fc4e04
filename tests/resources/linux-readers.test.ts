/** Owns the proof that each source of a Linux machine is read as the operator expects, alone and in a container. */
import { describe, expect, it } from 'vitest';
import { linuxReaders, type Watched } from '../../src/resources/linux-readers.js';
import { measured, RESOURCE_SOURCES, type ResourceSource } from '../../src/resources/sample.js';
import { ResourceSampler } from '../../src/resources/sampler.js';
import type { SystemFiles } from '../../src/resources/system-files.js';
import { machineWith, mountLine, statText } from './machine-folder.js';

const WATCHED: Watched = { mountpoints: ['/'], devices: undefined, dataDirectory: undefined };

function samplerOf(files: SystemFiles, watched: Watched = WATCHED) {
  const clock = { ms: 1_000 };
  const sampler = new ResourceSampler(linuxReaders(watched, files), () => clock.ms);
  return { sampler, clock };
}

describe('a machine', () => {
  it('is read as a whole', async () => {
    const files = machineWith({});
    const { sampler, clock } = samplerOf(files);
    await sampler.read('often');
    await sampler.read('seldom');
    expect(Object.keys(sampler.sample).sort()).toEqual([...RESOURCE_SOURCES].sort());
    expect(measured(sampler.sample, 'cpu')).toEqual({ cores: 2, utilizationRatio: undefined });
    expect(measured(sampler.sample, 'memory')).toEqual({
      usedBytes: 2 * 1024 ** 3,
      totalBytes: 8 * 1024 ** 3,
    });
    expect(measured(sampler.sample, 'disk')).toEqual({ read: 1024, write: 2048 });
    expect(measured(sampler.sample, 'process')).toMatchObject({ children: 0, openFds: 1, maxFds: 1024 });
    expect([...(measured(sampler.sample, 'filesystem')?.mounts.keys() ?? [])]).toEqual(['/']);

    files.write('/proc/stat', statText(1_300, 9_100));
    clock.ms += 5_000;
    await sampler.read('often');
    expect(measured(sampler.sample, 'cpu')).toEqual({ cores: 2, utilizationRatio: 0.75 });
  });

  it.each<[ResourceSource, string]>([
    ['cpu', '/proc/stat'],
    ['load', '/proc/loadavg'],
    ['network', '/proc/net/dev'],
    ['disk', '/proc/diskstats'],
    ['process', '/proc/self/limits'],
  ])('loses only %s when %s cannot be read', async (source, path) => {
    const files = machineWith({});
    const broken: SystemFiles = {
      ...files,
      read: (asked) => {
        if (asked === path) throw new Error(`EIO: ${path}`);
        return files.read(asked);
      },
    };
    const { sampler } = samplerOf(broken);
    await sampler.read('often');
    await sampler.read('seldom');
    const failed = Object.entries(sampler.sample).filter(([, { kind }]) => kind === 'failed');
    expect(failed.map(([name]) => name)).toEqual([source]);
    expect(measured(sampler.sample, source)).toBeUndefined();
  });

  it('shows the devices that are asked for, and by default none that comes and goes', async () => {
    const line = (device: string) => `${device}: 1 1 0 0 0 0 0 0 2 1 0 0 0 0 0 0\n`;
    const many = Array.from({ length: 40 }, (_, i) => `eth${i}`);
    const names = ['lo', 'veth1a2b', 'cali99', 'ifb0', ...many];
    const files = machineWith({ '/proc/net/dev': names.map(line).join('') });
    const devicesOf = async (devices: readonly string[] | undefined) => {
      const { sampler } = samplerOf(files, { ...WATCHED, devices });
      await sampler.read('often');
      return [...(measured(sampler.sample, 'network')?.keys() ?? [])];
    };
    expect(await devicesOf(undefined)).toEqual(many.slice(0, 16));
    expect(await devicesOf(['lo', 'eth39', 'gone0'])).toEqual(['lo', 'eth39']);
  });

  it('shows the root and the mount point of the database by default', async () => {
    const mounts = mountLine('/', '/', 'ext4', 'rw') + mountLine('/', '/tmp', 'tmpfs', 'rw');
    const files = machineWith({ '/proc/self/mountinfo': mounts });
    const dataDirectory = '/tmp/not-made-yet/data';
    const { sampler } = samplerOf(files, { ...WATCHED, mountpoints: undefined, dataDirectory });
    await sampler.read('seldom');
    expect([...(measured(sampler.sample, 'filesystem')?.mounts.keys() ?? [])]).toEqual(['/', '/tmp']);
  });
});

describe('a process that may run on some processors only', () => {
  const allowed = (list: string) => `Name:\tnode\nCpus_allowed_list:\t${list}\n`;
  const stat = (...busy: readonly number[]) =>
    `cpu  9 0 0 9 0 0 0 0 0 0\n${busy.map((one, i) => `cpu${i} ${one} 0 0 ${1_000 - one} 0 0 0 0 0 0\n`).join('')}`;

  it('has these as its machine, and what others do elsewhere is not its use', async () => {
    const files = machineWith({ '/proc/self/status': allowed('1'), '/proc/stat': stat(0, 0) });
    const { sampler } = samplerOf(files);
    await sampler.read('often');
    files.write('/proc/stat', 'cpu  9 0 0 9\ncpu0 900 0 0 1100\ncpu1 100 0 0 1900\n');
    await sampler.read('often');
    expect(measured(sampler.sample, 'cpu')).toEqual({ cores: 1, utilizationRatio: 0.1 });
  });

  it('does not compare other processors with these when it is moved', async () => {
    const files = machineWith({ '/proc/self/status': allowed('0'), '/proc/stat': stat(10, 20) });
    const { sampler } = samplerOf(files);
    await sampler.read('often');
    files.write('/proc/self/status', allowed('1'));
    files.write('/proc/stat', stat(500, 900));
    await sampler.read('often');
    expect(measured(sampler.sample, 'cpu')).toEqual({ cores: 1, utilizationRatio: undefined });
  });

  it('has a quota only where that allows less than these', async () => {
    const files = machineWith({
      '/proc/self/status': allowed('1'),
      '/proc/stat': stat(0, 0),
      '/proc/self/cgroup': '0::/\n',
      '/proc/self/mountinfo': mountLine('/', '/sys/fs/cgroup', 'cgroup2', 'rw'),
      '/sys/fs/cgroup/cpu.max': '150000 100000\n',
      '/sys/fs/cgroup/cpu.stat': 'usage_usec 1000000\n',
    });
    const { sampler } = samplerOf(files);
    await sampler.read('often');
    expect(measured(sampler.sample, 'cpu')?.cores).toBe(1);
  });
});

describe('a container', () => {
  const container = {
    '/proc/self/cgroup': '0::/\n',
    '/proc/self/mountinfo':
      mountLine('/', '/', 'overlay', 'rw') + mountLine('/', '/sys/fs/cgroup', 'cgroup2', 'rw'),
    '/sys/fs/cgroup/memory.max': '1000000\n',
    '/sys/fs/cgroup/memory.current': '400000\n',
    '/sys/fs/cgroup/cpu.max': '50000 100000\n',
    '/sys/fs/cgroup/cpu.stat': 'usage_usec 1000000\n',
  };

  it('has its limits as denominators, whatever the machine does', async () => {
    const files = machineWith(container);
    const { sampler, clock } = samplerOf(files);
    await sampler.read('often');
    expect(measured(sampler.sample, 'memory')).toEqual({ usedBytes: 400_000, totalBytes: 1_000_000 });

    files.write('/proc/stat', statText(99_000, 9_000));
    // 1 s of processor time in 5 s, of half a core.
    files.write('/sys/fs/cgroup/cpu.stat', 'usage_usec 2000000\n');
    clock.ms += 5_000;
    await sampler.read('often');
    expect(measured(sampler.sample, 'cpu')).toEqual({ cores: 0.5, utilizationRatio: 0.4 });

    // A burst beyond the quota is full use, not more.
    files.write('/sys/fs/cgroup/cpu.stat', 'usage_usec 9000000\n');
    clock.ms += 5_000;
    await sampler.read('often');
    expect(measured(sampler.sample, 'cpu')?.utilizationRatio).toBe(1);
  });

  it('does not compare a quota with the machine when the quota is lifted', async () => {
    const files = machineWith(container);
    const { sampler, clock } = samplerOf(files);
    await sampler.read('often');
    files.write('/sys/fs/cgroup/cpu.max', 'max 100000\n');
    clock.ms += 5_000;
    await sampler.read('often');
    expect(measured(sampler.sample, 'cpu')).toEqual({ cores: 2, utilizationRatio: undefined });
  });

  it('fails rather than show the use of the machine as that of the quota', async () => {
    const files = machineWith({ ...container, '/sys/fs/cgroup/cpu.stat': 'nr_periods 1\n' });
    const { sampler } = samplerOf(files);
    await sampler.read('often');
    expect(sampler.sample.cpu).toMatchObject({ kind: 'failed', error: { code: 'RESOURCE_FORMAT' } });
    expect(measured(sampler.sample, 'memory')?.totalBytes).toBe(1_000_000);
  });
});
