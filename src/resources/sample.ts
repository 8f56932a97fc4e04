/** Owns what a sample of the machine and of this process consists of, and what became of each of its sources. */

/** Every source; each is read, fails and is shown by itself. */
export const RESOURCE_SOURCES = [
  'cpu',
  'load',
  'memory',
  'swap',
  'network',
  'heap',
  'filesystem',
  'disk',
  'process',
] as const;
/** The name of a source. */
export type ResourceSource = (typeof RESOURCE_SOURCES)[number];

/** Bytes in use, and how many there are. */
export interface BytesUse {
  readonly usedBytes: number;
  readonly totalBytes: number;
}

/** Use of the processors that we may use. */
export interface CpuUse {
  /** Cores that we may use, a fraction under a quota. */
  readonly cores: number;
  /** 0 to 1 since the reading before; undefined at the first one. */
  readonly utilizationRatio: number | undefined;
}

/** Runnable and waiting tasks of the machine, averaged over 1, 5 and 15 minutes. */
export interface LoadAverage {
  readonly '1m': number;
  readonly '5m': number;
  readonly '15m': number;
}

/** Totals of one network device since it came up. */
export interface NetworkTotals {
  readonly receiveBytes: number;
  readonly transmitBytes: number;
  readonly receiveErrors: number;
  readonly transmitErrors: number;
}

/** The ways through a disk. */
export const DISK_DIRECTIONS = ['read', 'write'] as const;
/** Bytes read from and written to all disks since the machine started. */
export type DiskTotals = Readonly<Record<(typeof DISK_DIRECTIONS)[number], number>>;

/** File systems by mount point, and those that gave no answer. */
export interface FilesystemUse {
  readonly mounts: ReadonlyMap<string, BytesUse>;
  readonly failed: ReadonlyMap<string, Error>;
}

/** The JavaScript heap of this process. */
export interface HeapUse {
  readonly usedBytes: number;
  /** Where V8 gives up, in bytes. */
  readonly limitBytes: number;
}

/** This process as the system sees it. What a system does not tell is undefined. */
export interface ProcessUse {
  readonly residentBytes: number;
  /** Living descendants of this process. */
  readonly children: number | undefined;
  readonly openFds: number | undefined;
  readonly maxFds: number | undefined;
}

/** What each source tells. */
export interface ResourceReadings {
  readonly cpu: CpuUse;
  readonly load: LoadAverage;
  readonly memory: BytesUse;
  readonly swap: BytesUse;
  readonly network: ReadonlyMap<string, NetworkTotals>;
  readonly heap: HeapUse;
  readonly filesystem: FilesystemUse;
  readonly disk: DiskTotals;
  readonly process: ProcessUse;
}

/** One way to read one source. `nowMs` is a monotonic clock in milliseconds; what it throws is that source's failure. */
export interface Reader<S extends ResourceSource = ResourceSource> {
  readonly source: S;
  read(nowMs: number): ResourceReadings[S] | Promise<ResourceReadings[S]>;
}

/** How the last reading of a source ended. */
export type Outcome<T> = {
  /** Monotonic milliseconds at the end of the reading. */
  readonly atMs: number;
  readonly durationMs: number;
} & (
  | { readonly kind: 'measured'; readonly value: T }
  /** What the source told before is no longer true, so it is not kept. */
  | { readonly kind: 'failed'; readonly error: unknown }
);

/** The latest outcome of each source; a source that this system does not have, or that was not read yet, is absent. */
export type ResourceSample = { readonly [S in ResourceSource]?: Outcome<ResourceReadings[S]> };

/** What a source told last; undefined when it failed, was not read yet, or does not exist here. */
export function measured<S extends ResourceSource>(
  sample: ResourceSample,
  source: S,
): ResourceReadings[S] | undefined {
  const outcome = sample[source] as Outcome<ResourceReadings[S]> | undefined;
  return outcome?.kind === 'measured' ? outcome.value : undefined;
}
