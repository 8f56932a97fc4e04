/** Owns the report on all thresholds: asks Prometheus for a week of each observation and judges the values in force by it. */
import type { Severity, ThresholdValue } from '../config/thresholds.js';
import { ownMatchers } from './own-series.js';
import type { Prometheus, Span } from './prometheus-client.js';
import { type Judgement, judgeLadder, type Observed, observedOf } from './suggestions.js';
import {
  OBSERVATIONS,
  observationQuery,
  specOf,
  type ThresholdName,
  WITHOUT_OBSERVATION,
} from './suggestions-queries.js';

/** How far back is looked, and how often. Together they stay below the 11,000 points that Prometheus gives at once. */
export const SUGGESTION_WINDOW_MS = 7 * 86_400_000;
export const SUGGESTION_STEP_MS = 60_000;
/** Each question reads a week: more at once would crowd out the evaluation of the rules. */
const AT_ONCE = 3;
/** All questions together; each has its own deadline too. */
const REPORT_DEADLINE_MS = 45_000;

/** What was found about one threshold. */
export interface ThresholdReport {
  readonly threshold: string;
  readonly component: string;
  /** What Prometheus was asked; undefined when a history says nothing about this threshold. */
  readonly query: string | undefined;
  readonly samples: number;
  readonly firstSampleAtMs: number | undefined;
  readonly observed: Observed | undefined;
  /** From quiet to loud. */
  readonly judgements: readonly Judgement[];
  /** Why there is no judgement. */
  readonly without: string | undefined;
}

/** What the report is made from. */
export interface SuggestionOptions {
  readonly prometheus: Prometheus;
  /** When this process started, as its series says it. */
  readonly startSeconds: number;
  /** The values in force. */
  readonly thresholds: readonly ThresholdValue[];
  readonly nowMs: number;
}

/** The span that is looked at: on whole minutes, as a subquery of Prometheus would look. */
export function suggestionSpan(nowMs: number): Span {
  const toMs = Math.floor(nowMs / SUGGESTION_STEP_MS) * SUGGESTION_STEP_MS;
  return { fromMs: toMs - SUGGESTION_WINDOW_MS, toMs, stepMs: SUGGESTION_STEP_MS };
}

/** Judges every threshold that is in force. Rejects with PrometheusError or NoSeriesError. */
export async function reportThresholds(options: SuggestionOptions): Promise<readonly ThresholdReport[]> {
  const { prometheus, startSeconds, thresholds, nowMs } = options;
  const failed = new AbortController();
  const signal = AbortSignal.any([failed.signal, AbortSignal.timeout(REPORT_DEADLINE_MS)]);
  const own = await ownMatchers(prometheus, startSeconds, nowMs, signal);
  const names = [...new Set(thresholds.map(({ threshold }) => threshold))];
  const reports = new Map<string, ThresholdReport>();
  const waiting = names[Symbol.iterator]();
  const work = async () => {
    for (const name of waiting) reports.set(name, await reportOne(options, name, own, signal));
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  } catch (error) {
    // The others would go on asking for a report that nobody gets any more.
    failed.abort();
    throw error;
  }
  return names.map((name) => reports.get(name)!);
}

async function reportOne(
  { prometheus, thresholds, nowMs }: SuggestionOptions,
  threshold: string,
  own: string,
  signal: AbortSignal,
): Promise<ThresholdReport> {
  const spec = specOf(threshold);
  const observation = OBSERVATIONS[threshold as ThresholdName];
  if (spec === undefined || observation === undefined)
    return {
      threshold,
      component: 'other',
      query: undefined,
      samples: 0,
      firstSampleAtMs: undefined,
      observed: undefined,
      judgements: [],
      without: WITHOUT_OBSERVATION[threshold as ThresholdName] ?? 'no history is kept of it',
    };
  const query = observationQuery(observation, spec.side, own);
  const [series] = await prometheus.range(query, suggestionSpan(nowMs), signal);
  const points = series?.points ?? [];
  const values = points.map(({ value }) => value);
  const rungs = thresholds
    .filter((one) => one.threshold === threshold && one.severity !== 'none')
    .map(({ severity, value }) => ({ severity: severity as Severity, value }));
  const compared = { side: spec.side, bounds: spec.bounds, ...fires(observation.fires) };
  return {
    threshold,
    component: observation.component,
    query,
    samples: values.length,
    firstSampleAtMs: points[0]?.atMs,
    observed: observedOf(values),
    judgements: judgeLadder(compared, rungs, values),
    without: undefined,
  };
}

function fires(how: 'at' | undefined): { readonly fires?: 'at' } {
  return how === undefined ? {} : { fires: how };
}
