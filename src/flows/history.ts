/** Owns the short memory of a flow's moves: what happened during the last minutes and the last hour, for the verdict. */
import { type Flow, NONE, statusLabels, tightestLimitMs } from './flow.js';
import type { ArrivalBaseline, FlowObservation, StatusObservation } from './verdict.js';

/** Length of the window in which exits are looked for, in seconds. */
export const VERDICT_WINDOW_SECONDS = 300;
/** Length of the memory that says what is usual, in seconds. */
export const BASELINE_WINDOW_SECONDS = 6 * 3600;
const SAMPLE_EVERY_SECONDS = 15;

/** One pair's running total. */
export interface MoveTotal {
  readonly from: string;
  readonly to: string;
  readonly count: number;
  readonly lastUs: number;
}

/** Head age and size of a status now. */
export interface StatusNow {
  readonly items: number;
  readonly oldestUs: number | undefined;
}

interface Sample {
  readonly atSeconds: number;
  readonly arrivals: number;
  readonly into: ReadonlyMap<string, number>;
  readonly outOf: ReadonlyMap<string, number>;
}

/** Remembers samples of running totals; everything it says is a difference of two of them. */
export class MoveHistory {
  private readonly samples: Sample[] = [];

  constructor(private readonly flow: Flow) {}

  /** Takes the totals of now (seconds since the epoch); samples closer than a few seconds are dropped. */
  remember(atSeconds: number, moves: readonly MoveTotal[]): void {
    const last = this.samples[this.samples.length - 1];
    if (last !== undefined && atSeconds - last.atSeconds < SAMPLE_EVERY_SECONDS) return;
    this.samples.push(sampleOf(atSeconds, moves));
    while (this.samples.length > 0 && atSeconds - this.samples[0]!.atSeconds > BASELINE_WINDOW_SECONDS) {
      this.samples.shift();
    }
  }

  /** What the verdict looks at. Totals of before a restart count through the moment of their last move. */
  observe(
    atSeconds: number,
    moves: readonly MoveTotal[],
    now: ReadonlyMap<string, StatusNow>,
  ): FlowObservation {
    const current = sampleOf(atSeconds, moves);
    const before = this.sampleBefore(atSeconds - VERDICT_WINDOW_SECONDS) ?? current;
    const statuses: StatusObservation[] = statusLabels(this.flow).map((status) => {
      const { items, oldestUs } = now.get(status) ?? { items: 0, oldestUs: undefined };
      const limitMs = tightestLimitMs(this.flow, status);
      return {
        status,
        items,
        oldestAgeSeconds: oldestUs === undefined ? undefined : Math.max(0, atSeconds - oldestUs / 1e6),
        limitSeconds: limitMs === undefined ? undefined : limitMs / 1000,
        arrivalsInWindow: difference(current.into, before.into, status),
        exitsInWindow: Math.max(
          difference(current.outOf, before.outOf, status),
          movedSince(moves, atSeconds - VERDICT_WINDOW_SECONDS, (m) => m.from === status && m.to !== status),
        ),
      };
    });
    return {
      statuses,
      windowSeconds: VERDICT_WINDOW_SECONDS,
      arrivalsInWindow: Math.max(
        current.arrivals - before.arrivals,
        movedSince(moves, atSeconds - VERDICT_WINDOW_SECONDS, (m) => m.from === NONE),
      ),
      baseline: this.baseline(atSeconds, current, moves),
    };
  }

  /**
   * Moves of the last `seconds` (at most the length of the memory), up to the totals of now. Nothing before
   * `sinceSeconds` (since the epoch) is looked back on. `windowSeconds` is what really is; undefined before the first
   * sample from then on.
   */
  recent(
    atSeconds: number,
    seconds: number,
    sinceSeconds: number,
    moves: readonly MoveTotal[],
  ):
    | { readonly windowSeconds: number; readonly into: ReadonlyMap<string, number>; readonly total: number }
    | undefined {
    const known = this.samples.filter((sample) => sample.atSeconds >= sinceSeconds);
    const before = known.findLast((sample) => sample.atSeconds <= atSeconds - seconds) ?? known[0];
    if (before === undefined) return undefined;
    const now = sampleOf(atSeconds, moves);
    const into = new Map([...now.into.keys()].map((to) => [to, difference(now.into, before.into, to)]));
    const total = [...into.values()].reduce((sum, count) => sum + count, 0);
    return { windowSeconds: Math.max(0, atSeconds - before.atSeconds), into, total };
  }

  private baseline(
    atSeconds: number,
    current: Sample,
    moves: readonly MoveTotal[],
  ): ArrivalBaseline | undefined {
    const oldest = this.samples[0];
    if (oldest === undefined || atSeconds - oldest.atSeconds < 3 * VERDICT_WINDOW_SECONDS) return undefined;
    const lastUs = Math.max(
      ...moves.filter((m) => m.from === NONE).map((m) => m.lastUs),
      Number.NEGATIVE_INFINITY,
    );
    return {
      windowSeconds: atSeconds - oldest.atSeconds,
      arrivals: current.arrivals - oldest.arrivals,
      lastArrivalAgeSeconds: Number.isFinite(lastUs) ? Math.max(0, atSeconds - lastUs / 1e6) : undefined,
    };
  }

  private sampleBefore(atSeconds: number): Sample | undefined {
    let found = this.samples[0];
    for (const sample of this.samples) {
      if (sample.atSeconds > atSeconds) break;
      found = sample;
    }
    return found;
  }
}

function sampleOf(atSeconds: number, moves: readonly MoveTotal[]): Sample {
  const into = new Map<string, number>();
  const outOf = new Map<string, number>();
  let arrivals = 0;
  for (const { from, to, count } of moves) {
    if (from === to) continue;
    if (from === NONE) arrivals += count;
    into.set(to, (into.get(to) ?? 0) + count);
    outOf.set(from, (outOf.get(from) ?? 0) + count);
  }
  return { atSeconds, arrivals, into, outOf };
}

function difference(
  now: ReadonlyMap<string, number>,
  before: ReadonlyMap<string, number>,
  key: string,
): number {
  return Math.max(0, (now.get(key) ?? 0) - (before.get(key) ?? 0));
}

function movedSince(
  moves: readonly MoveTotal[],
  sinceSeconds: number,
  is: (m: MoveTotal) => boolean,
): number {
  return moves.some((m) => is(m) && m.lastUs / 1e6 >= sinceSeconds) ? 1 : 0;
}
