/** Owns the arithmetic of cumulative distributions: what happened between two looks, and the quantiles of it. */
import type { SampleValue } from '../metrics/instrument.js';

/** Everything of one kind since the process began. */
export interface Totals {
  /** Cumulative counts by upper bound, the bounds ascending; the last is +Inf. */
  readonly buckets: ReadonlyMap<number, number>;
  readonly sumSeconds: number;
  readonly count: number;
  readonly errors: number;
}

/** What happened within a span. Durations are seconds, undefined when nothing happened. */
export interface Traffic {
  readonly count: number;
  readonly errors: number;
  readonly perMinute: number;
  readonly meanSeconds: number | undefined;
  readonly p50Seconds: number | undefined;
  readonly p95Seconds: number | undefined;
  readonly p99Seconds: number | undefined;
}

/**
 * Sums the samples of one histogram by a key. `keyOf` names the kind of a label set, undefined leaves it out; `isError`
 * says whether events of a label set count as failed.
 */
export function totalsBy(
  samples: readonly SampleValue[],
  keyOf: (labels: SampleValue['labels']) => string | undefined,
  isError: (labels: SampleValue['labels']) => boolean,
): ReadonlyMap<string, Totals> {
  const found = new Map<
    string,
    { buckets: Map<number, number>; sum: number; count: number; errors: number }
  >();
  for (const { value, labels, metricName = '' } of samples) {
    const key = keyOf(labels);
    if (key === undefined) continue;
    const totals = found.get(key) ?? { buckets: new Map<number, number>(), sum: 0, count: 0, errors: 0 };
    found.set(key, totals);
    if (metricName.endsWith('_sum')) totals.sum += value;
    else if (metricName.endsWith('_count')) {
      totals.count += value;
      if (isError(labels)) totals.errors += value;
    } else if (labels.le !== undefined) {
      const bound = labels.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels.le);
      totals.buckets.set(bound, (totals.buckets.get(bound) ?? 0) + value);
    }
  }
  return new Map(
    [...found].map(([key, { buckets, sum, count, errors }]) => [
      key,
      { buckets, sumSeconds: sum, count, errors },
    ]),
  );
}

/** What happened between two looks at the same totals; `before` is undefined for what began in between. */
export function trafficBetween(before: Totals | undefined, now: Totals, seconds: number): Traffic {
  const count = now.count - (before?.count ?? 0);
  const bounds = [...now.buckets.keys()].sort((a, b) => a - b);
  const counts = bounds.map((bound) => (now.buckets.get(bound) ?? 0) - (before?.buckets.get(bound) ?? 0));
  const quantile = (share: number) => quantileOf(share, bounds, counts);
  return {
    count,
    errors: now.errors - (before?.errors ?? 0),
    perMinute: seconds > 0 ? (count / seconds) * 60 : 0,
    meanSeconds: count > 0 ? (now.sumSeconds - (before?.sumSeconds ?? 0)) / count : undefined,
    p50Seconds: quantile(0.5),
    p95Seconds: quantile(0.95),
    p99Seconds: quantile(0.99),
  };
}

/** As `histogram_quantile`: linear within a bucket, and the last finite bound for what lies beyond it. */
function quantileOf(share: number, bounds: readonly number[], counts: readonly number[]): number | undefined {
  const total = counts.at(-1) ?? 0;
  if (!(total > 0)) return undefined;
  const rank = share * total;
  const at = counts.findIndex((count) => count >= rank);
  const upper = bounds[at]!;
  const lower = at === 0 ? 0 : bounds[at - 1]!;
  if (upper === Number.POSITIVE_INFINITY) return lower;
  const below = at === 0 ? 0 : counts[at - 1]!;
  return lower + (upper - lower) * ((rank - below) / (counts[at]! - below));
}
