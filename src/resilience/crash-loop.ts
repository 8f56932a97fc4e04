/** Owns the judgement whether a job fails so often that it should rest; asks no clock. */
import type { CrashLoopCap } from './job.js';

/** What went wrong: a run failed by itself, or was stuck and had to be aborted. */
export type Crash = 'failed' | 'stuck';

/** Remembers the crashes of one job. Never more moments than the cap asks for. */
export class CrashLoop {
  #momentsMs: number[] = [];
  #onTrial = false;

  constructor(private readonly cap: CrashLoopCap | undefined) {}

  /** A run crashed at `nowMs` (monotonic). Answers the milliseconds to rest, 0 for none. */
  crashed(crash: Crash, nowMs: number): number {
    const { cap } = this;
    if (cap === undefined || (crash === 'failed' && cap.counts === 'restarts')) return 0;
    this.#momentsMs = this.#momentsMs.filter((atMs) => nowMs - atMs < cap.withinMs);
    this.#momentsMs.push(nowMs);
    if (!this.#onTrial && this.#momentsMs.length < cap.after) return 0;
    this.#onTrial = true;
    this.#momentsMs = [];
    return cap.restMs;
  }

  /** A run ended well: only a run on trial changes anything, because failing every other time is a loop, too. */
  succeeded(): void {
    this.#onTrial = false;
  }

  /** Somebody restarts the job by hand: nothing is held against it. */
  forgive(): void {
    this.#onTrial = false;
    this.#momentsMs = [];
  }
}
