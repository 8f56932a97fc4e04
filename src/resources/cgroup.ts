/** Owns the limits of the container: which control groups hold this process, what they allow, what is used of it. */
import type { BytesUse } from './sample.js';

/** Reads a whole text of the system by its absolute path; throws when there is none. */
export type ReadText = (path: string) => string;

/** The memory that the tightest group allows. */
export type MemoryLimit = BytesUse;

/** The processor time that the tightest group allows. */
export interface CpuLimit {
  /** Cores, usually a fraction. */
  readonly cores: number;
  /** Processor time that the group has used so far, in seconds; undefined when the system does not tell. */
  readonly usedSeconds: number | undefined;
}

/** The folders of a process's groups, from its own up to the highest one that can be seen. */
export interface CgroupFolders {
  readonly memory: GroupPath | undefined;
  readonly cpu: GroupPath | undefined;
  /** Version 1 keeps the used time in a hierarchy of its own. */
  readonly cpuacct: GroupPath | undefined;
}

/** One hierarchy. */
export interface GroupPath {
  readonly version: 1 | 2;
  readonly folders: readonly string[];
}

/**
 * Where the groups of this process are mounted. Both versions can be mounted at once; then a controller is where
 * version 1 has it. Undefined parts: no group that could limit.
 */
export function findCgroups(read: ReadText): CgroupFolders {
  const groups = textOr(read, '/proc/self/cgroup');
  const mounts = textOr(read, '/proc/self/mountinfo').split('\n').map(parseMount);
  const first = (controller: string): GroupPath | undefined => {
    const mount = mounts.find((m) => m?.type === 'cgroup' && m.options.includes(controller));
    const own = [...groups.matchAll(/^\d+:([^:]*):(.*)$/gm)].find(([, names]) =>
      names!.split(',').includes(controller),
    )?.[2];
    return mount === undefined || own === undefined ? undefined : pathOf(1, mount, own);
  };
  const second = (): GroupPath | undefined => {
    const mount = mounts.find((m) => m?.type === 'cgroup2');
    const own = /^0::(.*)$/m.exec(groups)?.[1];
    return mount === undefined || own === undefined ? undefined : pathOf(2, mount, own);
  };
  return {
    memory: first('memory') ?? second(),
    cpu: first('cpu') ?? second(),
    cpuacct: first('cpuacct'),
  };
}

/** The tightest memory limit below what the machine has; undefined when no group limits. */
export function memoryLimit(
  { memory }: CgroupFolders,
  machineBytes: number,
  read: ReadText,
): MemoryLimit | undefined {
  if (memory === undefined) return undefined;
  const file = memory.version === 2 ? 'memory.max' : 'memory.limit_in_bytes';
  const tightest = lowest(memory.folders, (folder) => numberOr(read, `${folder}/${file}`));
  // "max" and the huge number with which version 1 says the same are no limit, nor is more than the machine has.
  if (tightest === undefined || tightest.value >= machineBytes) return undefined;
  const { folder, value: totalBytes } = tightest;
  const used = memory.version === 2 ? 'memory.current' : 'memory.usage_in_bytes';
  const inactive = memory.version === 2 ? 'inactive_file' : 'total_inactive_file';
  const reclaimable = Number(
    new RegExp(`^${inactive} (\\d+)$`, 'm').exec(textOr(read, `${folder}/memory.stat`))?.[1] ?? 0,
  );
  // Cached files count as used although the kernel gives them back first: with them every limit looks exhausted.
  const usedBytes = Math.max(0, number(read(`${folder}/${used}`), used) - reclaimable);
  return { usedBytes, totalBytes };
}

/** The tightest processor quota below what the machine has; undefined when no group limits. */
export function cpuLimit(
  { cpu, cpuacct }: CgroupFolders,
  machineCores: number,
  read: ReadText,
): CpuLimit | undefined {
  if (cpu === undefined) return undefined;
  const quota = cpu.version === 2 ? quotaOfTwo : quotaOfOne;
  const tightest = lowest(cpu.folders, (folder) => quota(folder, read));
  if (tightest === undefined || tightest.value >= machineCores) return undefined;
  const { folder, value: cores } = tightest;
  return { cores, usedSeconds: usedSeconds(cpu, cpuacct, folder, read) };
}

function quotaOfTwo(folder: string, read: ReadText): number | undefined {
  const [, quota, period] = /^(\d+) (\d+)$/m.exec(textOr(read, `${folder}/cpu.max`)) ?? [];
  return quota === undefined ? undefined : Number(quota) / Number(period);
}

function quotaOfOne(folder: string, read: ReadText): number | undefined {
  const quota = numberOr(read, `${folder}/cpu.cfs_quota_us`);
  const period = numberOr(read, `${folder}/cpu.cfs_period_us`);
  // A quota of −1 is none.
  return quota !== undefined && quota > 0 && period !== undefined && period > 0 ? quota / period : undefined;
}

function usedSeconds(
  cpu: GroupPath,
  cpuacct: GroupPath | undefined,
  folder: string,
  read: ReadText,
): number | undefined {
  if (cpu.version === 2) {
    const micros = /^usage_usec (\d+)$/m.exec(textOr(read, `${folder}/cpu.stat`))?.[1];
    return micros === undefined ? undefined : Number(micros) / 1e6;
  }
  // The limited group is as far above our own in the one hierarchy as in the other.
  const twin = cpuacct?.folders[cpu.folders.indexOf(folder)];
  const nanos = twin === undefined ? undefined : numberOr(read, `${twin}/cpuacct.usage`);
  return nanos === undefined ? undefined : nanos / 1e9;
}

interface Mount {
  readonly root: string;
  readonly point: string;
  readonly type: string;
  readonly options: readonly string[];
}

// proc(5): id, parent, device, root, mount point, options, fields without number, "-", type, source, super options.
function parseMount(line: string): Mount | undefined {
  const [left, right] = line.split(' - ');
  const [, , , root, point] = left!.split(' ');
  const [type, , options] = (right ?? '').split(' ');
  if (root === undefined || point === undefined || type === undefined) return undefined;
  return { root, point, type, options: (options ?? '').split(',') };
}

/** Inside a container the mount may begin at our own group, or show folders above which we cannot look. */
function pathOf(version: 1 | 2, { root, point }: Mount, own: string): GroupPath {
  const below = root === '/' ? own : own === root || own.startsWith(`${root}/`) ? own.slice(root.length) : '';
  const parts = below.split('/').filter((part) => part !== '' && part !== '..');
  const folders = parts.map((_part, i) => [point, ...parts.slice(0, parts.length - i)].join('/'));
  return { version, folders: [...folders, point] };
}

function lowest(
  folders: readonly string[],
  limitOf: (folder: string) => number | undefined,
): { readonly folder: string; readonly value: number } | undefined {
  let found: { folder: string; value: number } | undefined;
  for (const folder of folders) {
    const value = limitOf(folder);
    if (value !== undefined && (found === undefined || value < found.value)) found = { folder, value };
  }
  return found;
}

function numberOr(read: ReadText, path: string): number | undefined {
  const text = textOr(read, path).trim();
  return /^-?\d+$/.test(text) ? Number(text) : undefined;
}

function number(text: string, what: string): number {
  const value = Number(text.trim());
  if (!(value >= 0)) throw new TypeError(`${what} is not a number`);
  return value;
}

/** The root group has none of these files, and a container may hide them all: then there is no limit to see. */
function textOr(read: ReadText, path: string): string {
  try {
    return read(path);
  } catch {
    return '';
  }
}
