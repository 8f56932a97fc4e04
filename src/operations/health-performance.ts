/** Owns the last five minutes of this process: requests in and out, moves of flows, and how late the event loop was. */
import type { SampleValue } from '../metrics/instrument.js';
import type { Metrics } from '../metrics/registry.js';
import { type Totals, type Traffic, totalsBy, trafficBetween } from './health-traffic.js';

/** How far back the report looks. */
const WINDOW_MS = 5 * 60_000;

/** What happened lately. */
export interface PerformanceReport {
  /** Length of the window that the numbers are about; 0 before the second look. */
  readonly windowSeconds: number;
  /** Requests that this exporter answered. */
  readonly http: Traffic | undefined;
  /** Requests that this process made, by API. */
  readonly apis: ReadonlyMap<string, Traffic>;
  /** Status changes per minute, by flow. */
  readonly movesPerMinute: ReadonlyMap<string, number>;
  /** Undefined before the second look. */
  readonly eventLoopDelayP99Seconds: number | undefined;
}

interface Look {
  readonly atMs: number;
  readonly http: Totals | undefined;
  readonly apis: ReadonlyMap<string, Totals>;
  readonly moves: ReadonlyMap<string, number>;
  readonly loop: Totals | undefined;
}

type Looked = Pick<
  Metrics,
  'httpServerDuration' | 'httpClientDuration' | 'flowTransitions' | 'eventLoopDelay'
>;

const ALL = 'all';
const EMPTY: PerformanceReport = {
  windowSeconds: 0,
  http: undefined,
  apis: new Map(),
  movesPerMinute: new Map(),
  eventLoopDelayP99Seconds: undefined,
};

/** Looks at the process's own series now and then; what happened is what lies between the oldest look and the latest. */
export class PerformanceWindow {
  readonly #looks: Look[] = [];

  constructor(private readonly metrics: Looked) {}

  /**
   * Looks. `nowMs` is a monotonic clock in milliseconds; `counted` are the flows that are counted as they move: before
   * that their counters are at zero or stand still, and the jump to the stored total is no move of these minutes.
   */
  async look(nowMs: number, counted: ReadonlySet<string>): Promise<void> {
    const { httpServerDuration, httpClientDuration, flowTransitions, eventLoopDelay } = this.metrics;
    const server = await httpServerDuration.get();
    const client = await httpClientDuration.get();
    const moves = await flowTransitions.get();
    const loop = await eventLoopDelay.get();
    const isBad = (status: string | undefined) => status?.startsWith('5') === true || status === 'aborted';
    this.#looks.push({
      atMs: nowMs,
      http: totalsBy(
        server.values,
        () => ALL,
        (labels) => isBad(labels.http_response_status_code),
      ).get(ALL),
      apis: totalsBy(
        client.values,
        ({ api }) => api,
        (labels) => labels.error_type !== 'none' || isBad(labels.http_response_status_code),
      ),
      moves: movesBy(moves.values, counted),
      loop: totalsBy(
        loop.values,
        () => ALL,
        () => false,
      ).get(ALL),
    });
    // One look older than the window stays, so that the window is whole.
    while (this.#looks.length > 2 && nowMs - this.#looks[1]!.atMs >= WINDOW_MS) this.#looks.shift();
  }

  /** From memory. */
  report(): PerformanceReport {
    const [first] = this.#looks;
    const last = this.#looks.at(-1);
    if (first === undefined || last === undefined || first === last) return EMPTY;
    const seconds = (last.atMs - first.atMs) / 1000;
    const between = (before: Totals | undefined, now: Totals) => trafficBetween(before, now, seconds);
    return {
      windowSeconds: seconds,
      http: last.http === undefined ? undefined : between(first.http, last.http),
      apis: new Map([...last.apis].map(([api, now]) => [api, between(first.apis.get(api), now)])),
      movesPerMinute: new Map([...last.moves].flatMap(([flow, total]) => this.#pace(flow, total, last.atMs))),
      eventLoopDelayP99Seconds:
        last.loop === undefined ? undefined : between(first.loop, last.loop).p99Seconds,
    };
  }

  /** Counted from the first look since which each knew the flow; with one look alone nothing is known of its pace. */
  #pace(flow: string, total: number, nowMs: number): readonly (readonly [string, number])[] {
    const first = this.#looks[this.#looks.findLastIndex(({ moves }) => !moves.has(flow)) + 1];
    if (first === undefined || first.atMs === nowMs) return [];
    // Totals of a store that was replaced begin again below those of before.
    const moved = Math.max(0, total - first.moves.get(flow)!);
    return [[flow, (moved / (nowMs - first.atMs)) * 60_000]];
  }
}

function movesBy(samples: readonly SampleValue[], counted: ReadonlySet<string>): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const { value, labels } of samples) {
    const { flow = '' } = labels;
    if (counted.has(flow)) sums.set(flow, (sums.get(flow) ?? 0) + value);
  }
  return sums;
}
