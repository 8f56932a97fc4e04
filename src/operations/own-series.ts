/** Owns the question which series in Prometheus are ours: told by the moment of our start, which no other exporter shares. */
import { type Prometheus, quoted, type Series } from './prometheus-client.js';

/** Prometheus answers, but does not have what the question needs. */
export class NoSeriesError extends Error {
  override readonly name = 'NoSeriesError';
  readonly code = 'NO_SERIES';
  constructor(
    /** What it has, or has not. */
    readonly what: string,
    /** What the operator can do. */
    readonly remedy: string,
  ) {
    super(`Prometheus has ${what}. ${remedy}`);
  }
}

/** The series that carries the start. */
export const START_METRIC = 'flowgauge_start_time_seconds';

/**
 * Matchers of our own series, such as `job="flowgauge",instance="127.0.0.1:9877"`. Directly after a restart the new
 * start is not scraped yet: then the only exporter that Prometheus knows is taken for us. Throws {@link NoSeriesError}.
 */
export async function ownMatchers(
  prometheus: Prometheus,
  startSeconds: number,
  nowMs: number,
  signal?: AbortSignal,
): Promise<string> {
  const now = await prometheus.instant(`${START_METRIC} == ${startSeconds}`, nowMs, signal);
  if (now[0] !== undefined) return matchersOf(now[0]);
  const known = await prometheus.instant(
    `group by (job, instance) (last_over_time(${START_METRIC}[1h]))`,
    nowMs,
    signal,
  );
  if (known.length === 1) return matchersOf(known[0]!);
  throw new NoSeriesError(
    known.length === 0 ? 'no series of this exporter' : 'not scraped this exporter since it started',
    'See that prometheus.url is the server that scrapes this exporter, and wait for one scrape.',
  );
}

function matchersOf({ labels }: Series): string {
  return `job=${quoted(labels.job ?? '')},instance=${quoted(labels.instance ?? '')}`;
}
