/** Owns the reading of the texts that the Linux kernel prints under /proc, as pure functions. */
import type { BytesUse, DiskTotals, LoadAverage, NetworkTotals } from './sample.js';

/** A text of the system that is not as its manual says. The message names the text and what was looked for. */
export class ResourceFormatError extends Error {
  readonly code = 'RESOURCE_FORMAT';
  override readonly name = 'ResourceFormatError';
}

/** Processor time since the start, in ticks. */
export interface CpuTicks {
  readonly busy: number;
  readonly total: number;
  readonly cores: number;
  /** The processors that are counted, such as `1,3`; absent when it is all of them. */
  readonly only?: string;
}

/** `/proc/stat`, of all processors or of those in `allowed`. */
export function readCpuTicks(text: string, allowed?: readonly number[]): CpuTicks {
  const lines = [...text.matchAll(/^cpu(\d+) (.*)$/gm)];
  const mine = lines.filter(([, number]) => allowed?.includes(Number(number)) ?? true);
  if (mine.length < lines.length) {
    const only = mine.map(([, number]) => number).join();
    if (only === '') throw missing('/proc/stat', `the processors ${allowed?.join()}`);
    const all = mine.map(([, , columns]) => ticksOf(columns!));
    const sum = (key: 'busy' | 'total') => all.reduce((total, ticks) => total + ticks[key], 0);
    return { busy: sum('busy'), total: sum('total'), cores: mine.length, only };
  }
  const line = /^cpu +(.*)$/m.exec(text)?.[1];
  if (line === undefined) throw missing('/proc/stat', 'the line cpu');
  return { ...ticksOf(line), cores: Math.max(1, lines.length) };
}

/** Waiting for a disk is not busy; time that the hypervisor took away is: nobody here can have it. */
function ticksOf(columns: string): { readonly busy: number; readonly total: number } {
  // Guest time, the last two columns, is already part of user and nice.
  const [user, nice, system, idle, iowait, irq = 0, softirq = 0, steal = 0] = columns.split(' ').map(Number);
  const resting = whole(idle, '/proc/stat') + (iowait ?? 0);
  const busy = whole(user, '/proc/stat') + (nice ?? 0) + (system ?? 0) + irq + softirq + steal;
  return { busy, total: busy + resting };
}

/** The processors of `/proc/self/status` on which this process may run; undefined when the kernel does not tell. */
export function readAllowedProcessors(text: string): readonly number[] | undefined {
  const list = /^Cpus_allowed_list:\s*([\d,-]+)$/m.exec(text)?.[1];
  return list?.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last! - first! + 1 }, (_, i) => first! + i);
  });
}

/** `/proc/meminfo`: in use is what could not be had without swapping. */
export function readMemory(text: string): BytesUse {
  const totalBytes = meminfoBytes(text, 'MemTotal');
  return { usedBytes: Math.max(0, totalBytes - meminfoBytes(text, 'MemAvailable')), totalBytes };
}

/** The swap part of `/proc/meminfo`; 0 of 0 without swap. */
export function readSwap(text: string): BytesUse {
  const totalBytes = meminfoBytes(text, 'SwapTotal');
  return { usedBytes: Math.max(0, totalBytes - meminfoBytes(text, 'SwapFree')), totalBytes };
}

function meminfoBytes(text: string, key: string): number {
  const kilobytes = new RegExp(`^${key}: +(\\d+) kB$`, 'm').exec(text)?.[1];
  if (kilobytes === undefined) throw missing('/proc/meminfo', key);
  return Number(kilobytes) * 1024;
}

/** `/proc/loadavg`. */
export function readLoadAverage(text: string): LoadAverage {
  const [one, five, fifteen] = text.split(' ', 3).map(Number);
  return {
    '1m': whole(one, '/proc/loadavg'),
    '5m': whole(five, '/proc/loadavg'),
    '15m': whole(fifteen, '/proc/loadavg'),
  };
}

/** `/proc/net/dev`: the totals of each device that `isWanted` takes. */
export function readNetwork(
  text: string,
  isWanted: (device: string) => boolean,
): ReadonlyMap<string, NetworkTotals> {
  const devices = new Map<string, NetworkTotals>();
  // The number may follow the colon without a blank.
  for (const [, device, numbers] of text.matchAll(/^ *([^:\s]+): *(.*)$/gm)) {
    if (!isWanted(device!)) continue;
    const columns = numbers!.trim().split(/ +/).map(Number);
    devices.set(device!, {
      receiveBytes: whole(columns[0], '/proc/net/dev'),
      receiveErrors: whole(columns[2], '/proc/net/dev'),
      transmitBytes: whole(columns[8], '/proc/net/dev'),
      transmitErrors: whole(columns[10], '/proc/net/dev'),
    });
  }
  return devices;
}

/** Not disks: kept in memory, or made of others, whose bytes would count twice; and the parts of a disk, likewise. */
const NO_DISK = /^(loop|ram|zram|dm-|md|sr|fd)\d|^([hsv]|xv)d[a-z]+\d+$|^(nvme\d+n\d+|mmcblk\d+)p\d+$/;
/** The kernel counts in sectors of this size, whatever the disk's own is. */
const SECTOR_BYTES = 512;

/** `/proc/diskstats`: the sum over all whole disks. */
export function readDisks(text: string): DiskTotals {
  let read = 0;
  let write = 0;
  for (const line of text.split('\n')) {
    const columns = line.trim().split(/ +/);
    const device = columns[2];
    if (device === undefined || NO_DISK.test(device)) continue;
    read += whole(Number(columns[5]), '/proc/diskstats') * SECTOR_BYTES;
    write += whole(Number(columns[9]), '/proc/diskstats') * SECTOR_BYTES;
  }
  return { read, write };
}

/** The soft limit of open files in `/proc/self/limits`; undefined when there is none. */
export function readMaxFds(text: string): number | undefined {
  const soft = /^Max open files +(\S+)/m.exec(text)?.[1];
  if (soft === undefined) throw missing('/proc/self/limits', 'Max open files');
  return soft === 'unlimited' ? undefined : whole(Number(soft), '/proc/self/limits');
}

function whole(value: number | undefined, file: string): number {
  if (value === undefined || !(value >= 0)) throw missing(file, 'a number in its column');
  return value;
}

function missing(file: string, what: string): ResourceFormatError {
  return new ResourceFormatError(`${file} does not hold ${what}: this kernel prints it differently`);
}
