/** Owns the readers of every other system: what the library systeminformation and Node.js itself can tell there. */
import { availableParallelism, cpus, loadavg } from 'node:os';
import type { Systeminformation } from 'systeminformation';
import { type CpuReading, cpuUse } from './cpu.js';
import type { Watched } from './linux-readers.js';
import { heapUse, portableProcessUse } from './process-use.js';
import type { BytesUse, FilesystemUse, NetworkTotals, Reader } from './sample.js';

/** Network devices shown when none are configured. */
const MAX_DEVICES = 16;

/** What is asked of the library; loaded when it is first asked, because on Linux it never is. */
export type SystemInformation = Pick<
  typeof import('systeminformation'),
  'mem' | 'fsSize' | 'fsStats' | 'networkStats'
>;

/** The readers. On Linux its answers agree with the kernel's own texts but cost a hundred times their time. */
export function portableReaders(
  watched: Watched,
  platform: NodeJS.Platform,
  load: () => Promise<SystemInformation> = async () => (await import('systeminformation')).default,
): readonly Reader[] {
  const readers: Reader[] = [
    cpuReader(),
    { source: 'memory', read: async () => memoryUse(await (await load()).mem()) },
    { source: 'swap', read: async () => swapUse(await (await load()).mem()) },
    { source: 'network', read: async () => networkTotals(await (await load()).networkStats('*'), watched) },
    { source: 'heap', read: heapUse },
    {
      source: 'filesystem',
      read: async () => filesystemUse(await (await load()).fsSize(), mountpointsOf(watched, platform)),
    },
    { source: 'process', read: portableProcessUse },
  ];
  // The library has no totals of the disks there.
  if (platform !== 'win32') {
    readers.push({ source: 'disk', read: async () => diskTotals(await (await load()).fsStats()) });
    // Windows has no load average; Node.js answers zeros there.
    readers.push({ source: 'load', read: loadAverage });
  }
  return readers;
}

function mountpointsOf({ mountpoints }: Watched, platform: NodeJS.Platform): readonly string[] | undefined {
  return mountpoints ?? (platform === 'win32' ? undefined : ['/']);
}

function memoryUse({ total, available }: Systeminformation.MemData): BytesUse {
  return { usedBytes: total - available, totalBytes: total };
}

function swapUse({ swaptotal, swapused }: Systeminformation.MemData): BytesUse {
  return { usedBytes: swapused, totalBytes: swaptotal };
}

function networkTotals(
  all: readonly Systeminformation.NetworkStatsData[],
  { devices }: Watched,
): ReadonlyMap<string, NetworkTotals> {
  const shown = all.filter(({ iface }) => devices?.includes(iface) ?? !/^lo\d*$/.test(iface));
  return new Map(
    shown.slice(0, devices === undefined ? MAX_DEVICES : shown.length).map((one) => [
      one.iface,
      {
        receiveBytes: one.rx_bytes,
        transmitBytes: one.tx_bytes,
        receiveErrors: one.rx_errors,
        transmitErrors: one.tx_errors,
      },
    ]),
  );
}

/** A wanted mount point that is not in the list has failed; without a wish, every one is shown. */
function filesystemUse(
  all: readonly Systeminformation.FsSizeData[],
  wanted: readonly string[] | undefined,
): FilesystemUse {
  const known = new Map(all.map((one) => [one.mount, one]));
  const mounts = new Map<string, BytesUse>();
  const failed = new Map<string, Error>();
  for (const point of wanted ?? known.keys()) {
    const one = known.get(point);
    if (one === undefined) failed.set(point, new Error(`nothing is mounted at ${point}`));
    else mounts.set(point, { usedBytes: one.used, totalBytes: one.used + one.available });
  }
  return { mounts, failed };
}

function diskTotals({ rx, wx }: Systeminformation.FsStatsData): { read: number; write: number } {
  return { read: rx, write: wx };
}

function loadAverage() {
  const [one = 0, five = 0, fifteen = 0] = loadavg();
  return { '1m': one, '5m': five, '15m': fifteen };
}

function cpuReader(): Reader<'cpu'> {
  let before: CpuReading | undefined;
  return {
    source: 'cpu',
    read() {
      let total = 0;
      let idle = 0;
      for (const { times } of cpus()) {
        total += times.user + times.nice + times.sys + times.idle + times.irq;
        idle += times.idle;
      }
      const now: CpuReading = { of: 'machine', busy: total - idle, total, cores: availableParallelism() };
      const use = cpuUse(before, now);
      before = now;
      return use;
    },
  };
}
