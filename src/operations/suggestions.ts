/** Owns the judgement of a threshold by what was observed: quantiles, how often it would have fired, and a better value. */
import type { Severity, ThresholdSpec } from '../config/thresholds.js';

/** Fewer samples prove nothing. */
export const MIN_SAMPLES = 100;
/** A limit that is crossed more often than this is no alarm any more, but the usual. */
const OFTEN = 0.5;
/** A limit that is crossed less often than this may be further away than it needs to be… */
const SELDOM = 0.05;
/** …if three quarters of the observations stay below this share of it. */
const FAR = 0.8;
const MOST_CONFIDENCE = 0.95;
const CONFIDENCE_IN_TIGHTENING = 0.7;
/** Digits of a proposal: more would feign a precision that a limit does not have. */
const DIGITS = 4;

/** What to do with a value. */
export const ADVICE = ['keep', 'loosen', 'tighten', 'not enough samples'] as const;
export type Advice = (typeof ADVICE)[number];

/** Quantiles of the observations, as `quantile_over_time` computes them. */
export interface Observed {
  readonly p5: number;
  readonly p25: number;
  readonly p50: number;
  readonly p75: number;
  readonly p95: number;
  readonly p99: number;
}

/** A severity and the value in force. */
export interface Rung {
  readonly severity: Severity;
  readonly value: number;
}

/** The judgement of one value. */
export interface Judgement extends Rung {
  readonly advice: Advice;
  /** Undefined unless another value is better. */
  readonly suggested: number | undefined;
  /** Share of the observations at which the alert's condition held, 0 to 1; undefined without observations. */
  readonly exceededShare: number | undefined;
  /** 0 to 1; 0 when there is no proposal. */
  readonly confidence: number;
  readonly reason: string;
}

/** A threshold as it is compared. */
export interface Compared {
  readonly side: ThresholdSpec['side'];
  readonly bounds: readonly [min: number, max: number];
  readonly fires?: 'at';
}

/** The quantiles of values in any order; undefined without one. */
export function observedOf(values: readonly number[]): Observed | undefined {
  if (values.length === 0) return undefined;
  const sorted = Float64Array.from(values).sort();
  const at = (q: number) => quantile(sorted, q);
  return { p5: at(0.05), p25: at(0.25), p50: at(0.5), p75: at(0.75), p95: at(0.95), p99: at(0.99) };
}

/**
 * Judges the ladder of one threshold, from quiet to loud, by what was observed. A value that is crossed more than half
 * of the time is loosened to where only one observation in twenty crosses it (louder rungs: one in a hundred). The
 * quietest one is tightened when it is hardly ever crossed and what is usual stays far away from it. A proposal that
 * the configuration would refuse is not made: it lies within the bounds and below the next rung.
 */
export function judgeLadder(
  compared: Compared,
  rungs: readonly Rung[],
  values: readonly number[],
): readonly Judgement[] {
  const observed = observedOf(values);
  if (observed === undefined || values.length < MIN_SAMPLES)
    return rungs.map((rung) => ({
      ...rung,
      advice: 'not enough samples',
      suggested: undefined,
      exceededShare: observed === undefined ? undefined : exceededShare(compared, rung.value, values),
      confidence: 0,
      reason: `${values.length} samples; at least ${MIN_SAMPLES} are needed`,
    }));
  // From loud to quiet, because a rung has to stay below what the louder one becomes.
  let louder: number | undefined;
  const judged: Judgement[] = [];
  for (const [index, rung] of [...rungs.entries()].reverse()) {
    const one = judgeRung(compared, rung, index === 0, { observed, values, louder });
    louder = one.suggested ?? one.value;
    judged.unshift(one);
  }
  return judged;
}

function judgeRung(
  compared: Compared,
  rung: Rung,
  isQuietest: boolean,
  { observed, values, louder }: { observed: Observed; values: readonly number[]; louder: number | undefined },
): Judgement {
  const share = exceededShare(compared, rung.value, values);
  const isBelow = compared.side === 'below';
  const crossed = `crossed by ${percent(share)} of the samples`;
  const keep = (reason: string): Judgement => ({
    ...rung,
    advice: 'keep',
    suggested: undefined,
    exceededShare: share,
    confidence: 0,
    reason,
  });
  const propose = (advice: Advice, [name, value]: readonly [keyof Observed, number], confidence: number) => {
    const suggested = Number(value.toPrecision(DIGITS));
    const [min, max] = compared.bounds;
    if (suggested < min || suggested > max)
      return keep(`${crossed}; ${name} is ${suggested}, outside of what the configuration takes`);
    if (louder !== undefined && (isBelow ? suggested <= louder : suggested >= louder))
      return keep(`${crossed}; ${name} is ${suggested}, but the next severity begins at ${louder}`);
    if (suggested === rung.value) return keep(crossed);
    return {
      ...rung,
      advice,
      suggested,
      exceededShare: share,
      confidence,
      reason: `${crossed}; ${name} of what was observed is ${suggested}`,
    };
  };
  if (share > OFTEN) {
    const name = looseQuantile(isBelow, isQuietest);
    return propose('loosen', [name, observed[name]], Math.min(share, MOST_CONFIDENCE));
  }
  const usual = isBelow ? observed.p25 : observed.p75;
  const isFar = isBelow ? rung.value < FAR * usual : usual < FAR * rung.value;
  if (isQuietest && share < SELDOM && isFar)
    return propose('tighten', [isBelow ? 'p25' : 'p75', usual], CONFIDENCE_IN_TIGHTENING);
  return keep(crossed);
}

function looseQuantile(isBelow: boolean, isQuietest: boolean): keyof Observed {
  // Below: there is no quantile under the twentieth part that a few hundred samples could carry.
  if (isBelow) return 'p5';
  return isQuietest ? 'p95' : 'p99';
}

function exceededShare({ side, fires }: Compared, limit: number, values: readonly number[]): number {
  const crosses = (value: number) =>
    (side === 'below' ? value < limit : value > limit) || (fires === 'at' && value === limit);
  return values.filter(crosses).length / values.length;
}

/** Between the two nearest ranks, as Prometheus does it. */
function quantile(sorted: Float64Array, q: number): number {
  const rank = q * (sorted.length - 1);
  const lower = Math.floor(rank);
  const upper = Math.min(sorted.length - 1, lower + 1);
  const weight = rank - lower;
  return sorted[lower]! * (1 - weight) + sorted[upper]! * weight;
}

function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}
