/** Owns the due moments of a job at a fixed rate: which is next, which were missed; asks no clock. */
import type { FixedRate } from './job.js';

/** One reading of both clocks, milliseconds. `wall` is 0 where no job needs it. */
export interface Instant {
  readonly now: number;
  readonly wall: number;
}

/** A slot must not be begun for and found not to be due yet, because a sum was rounded: it would be served twice. */
const ROUNDING_MS = 0.01;

/** The due moments ("slots") of one job, each served by a run or missed, in order. */
export class Slots {
  /** Number of the first slot that is neither served nor missed. */
  #next: number;
  readonly #startedMs: number;
  readonly #offsetMs: number;
  /** When slots were last taken, or the job was started; monotonic. */
  #takenMs: number;
  /** The next slot is never sooner than this after that, whatever the wall clock says. */
  #restMs = 0;

  constructor(
    private readonly rate: FixedRate,
    at: Instant,
  ) {
    this.#startedMs = at.now;
    this.#takenMs = at.now;
    this.#offsetMs = rate.offsetMs ?? 0;
    this.#next = rate.from === 'wall' ? this.#latest(at) + 1 : 0;
  }

  /** Monotonic moment of the next slot; in the past when it is overdue. */
  nextMs(at: Instant): number {
    if (this.rate.from === 'wall') this.#followWall(at);
    return at.now + this.#next * this.rate.periodMs + this.#offsetMs - this.#planMs(at);
  }

  /** Takes all slots that are due; answers how many. */
  take(at: Instant): number {
    const { periodMs } = this.rate;
    const due = Math.max(0, this.#latest(at) - this.#next + 1);
    if (due === 0) return 0;
    this.#next += due;
    const elapsedMs = at.now - this.#takenMs;
    this.#takenMs = at.now;
    this.#restMs = periodMs / 2;
    if (this.rate.from !== 'wall') return due;
    // A wall clock that is set forward did not make us miss a day.
    return Math.min(due, Math.max(1, Math.floor(elapsedMs / periodMs)));
  }

  #planMs(at: Instant): number {
    return this.rate.from === 'wall' ? at.wall : at.now - this.#startedMs;
  }

  #latest(at: Instant): number {
    return Math.floor((this.#planMs(at) - this.#offsetMs + ROUNDING_MS) / this.rate.periodMs);
  }

  /**
   * After the wall clock was set back, waiting for the slots to come round again would be a pause of hours. But a small
   * step back must not bring the slot that was just served a second time.
   */
  #followWall(at: Instant): void {
    const wall = at.wall - (at.now - this.#takenMs) + this.#restMs;
    this.#next = Math.min(this.#next, this.#latest({ now: at.now, wall }) + 1);
  }
}
