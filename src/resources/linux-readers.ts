/** Owns the readers of a Linux machine: everything straight from the kernel's own texts, in less than a millisecond. */
import { type CgroupFolders, cpuLimit, findCgroups, memoryLimit } from './cgroup.js';
import { type CpuReading, cpuUse } from './cpu.js';
import { FilesystemReader } from './filesystems.js';
import { existingPath, mountPointOf, mountPoints } from './mounts.js';
import {
  ResourceFormatError,
  readAllowedProcessors,
  readCpuTicks,
  readDisks,
  readLoadAverage,
  readMemory,
  readNetwork,
  readSwap,
} from './proc-text.js';
import { heapUse, linuxProcessUse } from './process-use.js';
import type { BytesUse, NetworkTotals, Reader } from './sample.js';
import type { SystemFiles } from './system-files.js';

/** What is looked at. */
export interface Watched {
  /** Mount points; undefined: the root, and the one that holds `dataDirectory`. */
  readonly mountpoints: readonly string[] | undefined;
  /** Network devices; undefined: all but the loopback and those that come and go with containers. */
  readonly devices: readonly string[] | undefined;
  /** Where the embedded database lives; undefined without one. */
  readonly dataDirectory: string | undefined;
}

/** A process is moved to other groups only by hand: looking for them now and then is enough. */
const FIND_GROUPS_EVERY_MS = 30_000;
/** Most devices that are shown when none are configured. */
const MAX_DEVICES = 16;
/** The loopback, devices that only shape or discard, and one end per container: the names of these never end. */
const PASSING_DEVICE = /^(lo|ifb\d+|dummy\d+|veth.*|cali.*|tap.*|lxc.*|fwpr.*|fwln.*)$/;

/** The readers of this machine. A library that asks through programs of the system needs a hundred times their time. */
export function linuxReaders(watched: Watched, files: SystemFiles): readonly Reader[] {
  const groups = groupFinder(files);
  return [
    cpuReader(files, groups),
    { source: 'load', read: () => readLoadAverage(files.read('/proc/loadavg')) },
    { source: 'memory', read: (nowMs) => memoryUse(files, groups(nowMs)) },
    { source: 'swap', read: () => readSwap(files.read('/proc/meminfo')) },
    { source: 'network', read: () => networkTotals(files.read('/proc/net/dev'), watched.devices) },
    { source: 'disk', read: () => readDisks(files.read('/proc/diskstats')) },
    { source: 'heap', read: heapUse },
    filesystemReader(watched, files),
    { source: 'process', read: () => linuxProcessUse(files) },
  ];
}

function groupFinder(files: SystemFiles): (nowMs: number) => CgroupFolders {
  let found: CgroupFolders | undefined;
  let foundAtMs = Number.NEGATIVE_INFINITY;
  return (nowMs) => {
    if (found === undefined || nowMs - foundAtMs >= FIND_GROUPS_EVERY_MS) {
      found = findCgroups(files.read);
      foundAtMs = nowMs;
    }
    return found;
  };
}

function cpuReader(files: SystemFiles, groups: (nowMs: number) => CgroupFolders): Reader<'cpu'> {
  let before: CpuReading | undefined;
  return {
    source: 'cpu',
    read(nowMs) {
      const now = cpuReading(files, groups(nowMs), nowMs);
      const use = cpuUse(before, now);
      before = now;
      return use;
    },
  };
}

function cpuReading(files: SystemFiles, groups: CgroupFolders, atMs: number): CpuReading {
  // A set of processors that a container or a service is held to has no file of its own that is always there.
  const allowed = readAllowedProcessors(files.read('/proc/self/status'));
  const ticks = readCpuTicks(files.read('/proc/stat'), allowed);
  const limit = cpuLimit(groups, ticks.cores, files.read);
  if (limit === undefined) return { of: 'machine', ...ticks };
  const { cores, usedSeconds } = limit;
  if (usedSeconds === undefined) {
    // The machine's own use would say nothing about a share of it.
    throw new ResourceFormatError(
      `a quota of ${cores} cores holds, but the control group does not tell what is used: mount its cpu statistics`,
    );
  }
  return { of: 'quota', cores, usedSeconds, atMs };
}

function memoryUse(files: SystemFiles, groups: CgroupFolders): BytesUse {
  const machine = readMemory(files.read('/proc/meminfo'));
  return memoryLimit(groups, machine.totalBytes, files.read) ?? machine;
}

function networkTotals(
  text: string,
  devices: readonly string[] | undefined,
): ReadonlyMap<string, NetworkTotals> {
  if (devices !== undefined) return readNetwork(text, (device) => devices.includes(device));
  const all = readNetwork(text, (device) => !PASSING_DEVICE.test(device));
  return new Map([...all].slice(0, MAX_DEVICES));
}

function filesystemReader(watched: Watched, files: SystemFiles): Reader<'filesystem'> {
  const mounted = () => mountPoints(files.read('/proc/self/mountinfo'));
  const { dataDirectory } = watched;
  const defaults = () =>
    dataDirectory === undefined
      ? ['/']
      : [...new Set(['/', mountPointOf(existingPath(dataDirectory), mounted())])];
  const reader = new FilesystemReader({ wanted: () => watched.mountpoints ?? defaults(), mounted });
  return { source: 'filesystem', read: () => reader.read() };
}
