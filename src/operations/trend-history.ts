/** Owns the history of an exporter's machine and flows: points of Prometheus over some hours, their trends and summaries. */
import { NoSeriesError, ownMatchers } from './own-series.js';
import type { Point, Prometheus, Series, Span } from './prometheus-client.js';
import { type Summary, summaryOf, type Trend, trendOf } from './trend.js';

/** Longest history that is answered: a month. */
export const MAX_HISTORY_HOURS = 720;
/** More points than this make no line on a screen clearer. */
const MOST_POINTS = 300;
const STEPS_SECONDS = [15, 30, 60, 120, 300, 600, 900, 1800, 3600, 10_800] as const;
/** Shorter windows than these can hold no scrape, or no two of them, at the usual interval. */
const SHORTEST_MEAN_SECONDS = 60;
const SHORTEST_RATE_SECONDS = 120;

/** What is told of each moment. */
export const HISTORY_VALUES = ['memory_percent', 'cpu_percent', 'transitions_per_minute'] as const;
export type HistoryValue = (typeof HISTORY_VALUES)[number];

/** One moment; a value that Prometheus does not have then is undefined. */
export interface HistoryPoint extends Readonly<Record<HistoryValue, number | undefined>> {
  readonly atMs: number;
}

/** The history. */
export interface PerformanceHistory {
  readonly hours: number;
  readonly stepSeconds: number;
  readonly points: readonly HistoryPoint[];
  readonly trends: Readonly<Record<HistoryValue, Trend>>;
  readonly summaries: Readonly<Record<HistoryValue, Summary>>;
  /** Transitions of all flows within the span; undefined when no flow was counted. */
  readonly transitions: number | undefined;
  /** What was asked, so that everybody can ask the same. */
  readonly queries: Readonly<Record<HistoryValue, string>>;
}

/** What the history is asked of. */
export interface HistoryOptions {
  readonly prometheus: Prometheus;
  /** When this process started, as its series says it. */
  readonly startSeconds: number;
  readonly nowMs: number;
}

/** Reads the history. Rejects with PrometheusError, or {@link NoSeriesError} when there is nothing to tell. */
export async function readHistory(
  { prometheus, startSeconds, nowMs }: HistoryOptions,
  hours: number,
  signal?: AbortSignal,
): Promise<PerformanceHistory> {
  const own = await ownMatchers(prometheus, startSeconds, nowMs, signal);
  const span = spanOf(hours, nowMs);
  const queries = historyQueries(own, span.stepMs / 1000);
  const total = `sum(increase(flow_transitions_total{${own}}[${hours}h]))`;
  const [memory, cpu, transitions, sum] = await Promise.all([
    prometheus.range(queries.memory_percent, span, signal),
    prometheus.range(queries.cpu_percent, span, signal),
    prometheus.range(queries.transitions_per_minute, span, signal),
    prometheus.instant(total, span.toMs, signal),
  ]);
  const rows = {
    memory_percent: pointsOf(memory),
    cpu_percent: pointsOf(cpu),
    transitions_per_minute: pointsOf(transitions),
  };
  if (HISTORY_VALUES.every((value) => rows[value].length === 0))
    throw new NoSeriesError(
      `no value of this exporter within the last ${hours} h`,
      'Ask for more hours, or wait for the first scrapes.',
    );
  return {
    hours,
    stepSeconds: span.stepMs / 1000,
    points: joined(rows),
    trends: byValue((value) => trendOf(rows[value])),
    summaries: byValue((value) => summaryOf(rows[value])),
    transitions: sum[0]?.points[0]?.value,
    queries,
  };
}

/** The span of these hours: its moments lie on multiples of the step, so that two questions see the same points. */
export function spanOf(hours: number, nowMs: number): Span {
  const seconds = hours * 3600;
  const step = STEPS_SECONDS.find((one) => seconds / one <= MOST_POINTS) ?? STEPS_SECONDS.at(-1)!;
  const stepMs = step * 1000;
  const toMs = Math.floor(nowMs / stepMs) * stepMs;
  return { fromMs: toMs - seconds * 1000, toMs, stepMs };
}

/** The queries for our own series at this step: means and rates over the step, so that no peak falls between two points. */
export function historyQueries(own: string, stepSeconds: number): Readonly<Record<HistoryValue, string>> {
  const mean = `${Math.max(stepSeconds, SHORTEST_MEAN_SECONDS)}s`;
  const rate = `${Math.max(stepSeconds, SHORTEST_RATE_SECONDS)}s`;
  const average = (name: string) => `avg_over_time(${name}{${own}}[${mean}])`;
  return {
    memory_percent: `100 * ${average('system_memory_used_bytes')} / ${average('system_memory_total_bytes')}`,
    cpu_percent: `100 * ${average('system_cpu_utilization_ratio')}`,
    transitions_per_minute: `60 * sum(rate(flow_transitions_total{${own}}[${rate}]))`,
  };
}

function pointsOf(series: readonly Series[]): readonly Point[] {
  return series[0]?.points ?? [];
}

function joined(rows: Readonly<Record<HistoryValue, readonly Point[]>>): readonly HistoryPoint[] {
  const byMoment = new Map<number, Partial<Record<HistoryValue, number>>>();
  for (const value of HISTORY_VALUES)
    for (const point of rows[value])
      byMoment.set(point.atMs, { ...byMoment.get(point.atMs), [value]: point.value });
  return [...byMoment]
    .sort(([a], [b]) => a - b)
    .map(([atMs, at]) => ({
      atMs,
      memory_percent: at.memory_percent,
      cpu_percent: at.cpu_percent,
      transitions_per_minute: at.transitions_per_minute,
    }));
}

function byValue<T>(of: (value: HistoryValue) => T): Readonly<Record<HistoryValue, T>> {
  return Object.fromEntries(HISTORY_VALUES.map((value) => [value, of(value)])) as Record<HistoryValue, T>;
}
