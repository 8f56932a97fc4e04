/** Owns the limits that follow from the memory of the machine: how large they are, and when they are computed anew. Pure. */
import { AUTO, type ThresholdSetting, type ThresholdValue } from './thresholds.js';

/** Billions and millions of bytes: a machine sold as 32 GiB has more than the first, less than 32 GiB. */
const GB = 1e9;
const MB = 1e6;

/** The larger the machine, the larger the share of it that may be in use. The largest first. */
const STEPS = [
  { fromBytes: 32 * GB, warning: 70, critical: 85 },
  { fromBytes: 16 * GB, warning: 60, critical: 75 },
  { fromBytes: 0, warning: 50, critical: 65 },
] as const;
/** On a small machine a share would be reached by the system alone. */
const FLOORS = { warning: 4096 * MB, critical: 6144 * MB } as const;
/** Percent by which the memory must have moved: a limit that follows every byte would change all day. */
const MOVED_BY_MORE_THAN = 10;

/** The limits of memory in use, in bytes, of a machine or container with so much of it. Above the whole memory where that is below the floors. */
export function limitsByMemory(totalBytes: number): Readonly<Record<'warning' | 'critical', number>> {
  const step = STEPS.find(({ fromBytes }) => totalBytes >= fromBytes) ?? STEPS[2];
  const limit = (rung: 'warning' | 'critical') =>
    Math.max(Math.round((totalBytes * step[rung]) / 100), FLOORS[rung]);
  return { warning: limit('warning'), critical: limit('critical') };
}

/** Whether the memory is so different from what limits were computed from that they are computed anew. */
export function hasMoved(computedFromBytes: number, totalBytes: number): boolean {
  return Math.abs(totalBytes - computedFromBytes) * 100 > computedFromBytes * MOVED_BY_MORE_THAN;
}

/** The values in force, in the order of the settings. What is `auto` is left out while the memory is not known. */
export function valuesInForce(
  settings: readonly ThresholdSetting[],
  totalBytes: number | undefined,
): readonly ThresholdValue[] {
  const computed = totalBytes === undefined ? undefined : limitsByMemory(totalBytes);
  return settings.flatMap(({ threshold, severity, value }): ThresholdValue[] => {
    if (value !== AUTO) return [{ threshold, severity, value }];
    if (severity !== 'warning' && severity !== 'critical') return [];
    return computed === undefined ? [] : [{ threshold, severity, value: computed[severity] }];
  });
}
