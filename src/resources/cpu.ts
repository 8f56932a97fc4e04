/** Owns the use of the processors between two readings: of the machine, or of the quota of the container. */
import type { CpuUse } from './sample.js';

/** What one reading of the processors found. */
export type CpuReading =
  /** Processor time of the machine since its start, in any unit; `only` names the processors when it is not all. */
  | {
      readonly of: 'machine';
      readonly busy: number;
      readonly total: number;
      readonly cores: number;
      readonly only?: string;
    }
  /** Processor time that the container has used of its quota; `atMs` is monotonic. */
  | { readonly of: 'quota'; readonly usedSeconds: number; readonly atMs: number; readonly cores: number };

/** The use from `before` to `now`; the ratio is undefined when the two cannot be compared. */
export function cpuUse(before: CpuReading | undefined, now: CpuReading): CpuUse {
  const ratio = before === undefined ? undefined : ratioBetween(before, now);
  return { cores: now.cores, utilizationRatio: ratio };
}

function ratioBetween(before: CpuReading, now: CpuReading): number | undefined {
  if (before.of === 'machine' && now.of === 'machine') {
    // Other processors have been counting something else since the start.
    if (before.only !== now.only) return undefined;
    return share(now.busy - before.busy, now.total - before.total);
  }
  if (before.of === 'quota' && now.of === 'quota') {
    const seconds = (now.atMs - before.atMs) / 1000;
    return share(now.usedSeconds - before.usedSeconds, seconds * now.cores);
  }
  return undefined;
}

/** Idle counters of a machine can fall a little, and a quota allows short bursts: neither is a use below 0 or above 1. */
function share(used: number, available: number): number | undefined {
  return available > 0 ? Math.min(1, Math.max(0, used / available)) : undefined;
}
