/** Owns since when the moves of a flow are counted as they happen: not through a silence, nor while a backlog is read. Pure. */
import type { CaptureMode } from './flow.js';

/** Totals and looks that are older say nothing of now, and a counting that is further behind tells of another time. */
export const CURRENT_WITHIN_SECONDS = 30;
/** Totals that were asked for before a backlog was read may arrive this much after it: their question ends by then. */
const SETTLE_SECONDS = 5;

/** One per flow. Moments are seconds since the epoch, lags are seconds. */
export class Continuity {
  private totalsAt = Number.NEGATIVE_INFINITY;
  private lookedAt = Number.NEGATIVE_INFINITY;
  private beganAt: number | undefined;

  constructor(private readonly mode: CaptureMode) {}

  /** Totals came from the store. After a silence they hold the moves of all of it. */
  tookTotals(atSeconds: number): void {
    if (!isCurrent(this.totalsAt, atSeconds)) this.beganAt = undefined;
    this.totalsAt = atSeconds;
  }

  /** Somebody looked how far the counting is behind. */
  looked(atSeconds: number, lagSeconds: number): void {
    if (!this.isWatched(atSeconds) || lagSeconds > CURRENT_WITHIN_SECONDS) this.beganAt = undefined;
    this.lookedAt = atSeconds;
    if (lagSeconds <= CURRENT_WITHIN_SECONDS) this.beganAt ??= atSeconds + SETTLE_SECONDS;
  }

  /** Totals taken from this moment on differ by what moved between them; undefined while there is no such moment. */
  since(atSeconds: number): number | undefined {
    const isCounted = isCurrent(this.totalsAt, atSeconds) && this.isWatched(atSeconds);
    return isCounted && this.beganAt !== undefined && this.beganAt <= atSeconds ? this.beganAt : undefined;
  }

  /** A journal is looked at every second or so. Polling is as rare as the operator wants, and knows of no lag. */
  private isWatched(atSeconds: number): boolean {
    return this.mode === 'poll' || isCurrent(this.lookedAt, atSeconds);
  }
}

function isCurrent(thenSeconds: number, nowSeconds: number): boolean {
  return nowSeconds - thenSeconds <= CURRENT_WITHIN_SECONDS;
}
