/** Owns making one row of the history out of a sample and the one before: what is old, failed or went back is not known. */
import type { HistoryValues } from './history.js';
import {
  type FilesystemUse,
  measured,
  type NetworkTotals,
  type Outcome,
  type ResourceSample,
} from './sample.js';

/** What is known at one moment. */
export interface HistoryMoment {
  /** Monotonic clock in milliseconds. */
  readonly atMs: number;
  readonly sample: ResourceSample;
  /** 0 to 100; undefined when there is none. */
  readonly healthScore: number | undefined;
  /** Work in statuses that have a limit, of each flow that is counted. */
  readonly work: readonly { readonly items: number; readonly overLimit: number }[];
}

/**
 * The row of `now`. A reading older than `staleMs` is not known: its source hangs. Rates are means since the sample
 * `before`; undefined at the first one, where a total went back, and where it was not read again.
 */
export function historyValues(
  now: HistoryMoment,
  before: ResourceSample | undefined,
  staleMs: number,
): HistoryValues {
  const sample = freshOf(now.sample, now.atMs - staleMs);
  const memory = measured(sample, 'memory');
  const own = measured(sample, 'process');
  const network = spanOf(sample.network, before?.network);
  const disk = spanOf(sample.disk, before?.disk);
  const { work } = now;
  return {
    cpu_utilization_ratio: measured(sample, 'cpu')?.utilizationRatio,
    load_average_1m: measured(sample, 'load')?.['1m'],
    memory_used_bytes: memory?.usedBytes,
    memory_total_bytes: memory?.totalBytes,
    swap_used_bytes: measured(sample, 'swap')?.usedBytes,
    filesystem_used_ratio: fullest(measured(sample, 'filesystem')),
    network_receive_bytes_per_second: network && rateOf(network, 'receiveBytes'),
    network_transmit_bytes_per_second: network && rateOf(network, 'transmitBytes'),
    disk_read_bytes_per_second: disk && perSecond(disk.now.read - disk.before.read, disk.seconds),
    disk_write_bytes_per_second: disk && perSecond(disk.now.write - disk.before.write, disk.seconds),
    resident_memory_bytes: own?.residentBytes,
    heap_used_bytes: measured(sample, 'heap')?.usedBytes,
    open_fds: own?.openFds,
    children: own?.children,
    health_score: now.healthScore,
    waiting_items: work.length === 0 ? undefined : work.reduce((sum, { items }) => sum + items, 0),
    over_limit_items: work.length === 0 ? undefined : work.reduce((sum, one) => sum + one.overLimit, 0),
  };
}

/** Two readings of totals, and the time between them. */
interface Span<T> {
  readonly now: T;
  readonly before: T;
  readonly seconds: number;
}

function freshOf(sample: ResourceSample, sinceMs: number): ResourceSample {
  return Object.fromEntries(Object.entries(sample).filter(([, { atMs }]) => atMs >= sinceMs));
}

function spanOf<T>(now: Outcome<T> | undefined, before: Outcome<T> | undefined): Span<T> | undefined {
  if (now?.kind !== 'measured' || before?.kind !== 'measured' || now.atMs <= before.atMs) return undefined;
  return { now: now.value, before: before.value, seconds: (now.atMs - before.atMs) / 1000 };
}

/** Of the devices that are in both readings: what one that came or went has carried since is in neither. */
function rateOf(
  { now, before, seconds }: Span<ReadonlyMap<string, NetworkTotals>>,
  total: 'receiveBytes' | 'transmitBytes',
): number | undefined {
  const grown = [...now].flatMap(([device, totals]) => {
    const earlier = before.get(device);
    return earlier === undefined ? [] : [totals[total] - earlier[total]];
  });
  if (grown.length === 0 || grown.some((bytes) => bytes < 0)) return undefined;
  return perSecond(
    grown.reduce((sum, bytes) => sum + bytes, 0),
    seconds,
  );
}

/** To whole bytes; undefined when the total went back, because it began anew meanwhile. */
function perSecond(bytes: number, seconds: number): number | undefined {
  return bytes < 0 ? undefined : Math.round(bytes / seconds);
}

function fullest(use: FilesystemUse | undefined): number | undefined {
  const shares = [...(use?.mounts.values() ?? [])]
    .filter(({ totalBytes }) => totalBytes > 0)
    .map(({ usedBytes, totalBytes }) => usedBytes / totalBytes);
  return shares.length === 0 ? undefined : Math.max(...shares);
}
