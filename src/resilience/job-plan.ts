/** Owns when the next run of a job begins: pause, fixed rate, back-off, chance; decides, and starts nothing. */
import type { Job } from './job.js';
import type { JobClock } from './job-clock.js';
import { type Instant, Slots } from './job-slots.js';
import { LONGEST_MS } from './policy-clock.js';

const DEFAULT_BACKOFF = { firstMs: 250, maxMs: 5_000 };

/** A run to come; both moments are monotonic. It is late from `dueMs` on, and begins at `startMs`. */
export interface Due {
  readonly kind: 'slot' | 'other';
  readonly dueMs: number;
  readonly startMs: number;
}

/** The plan of one job from its start to its stop. */
export class JobPlan {
  readonly #slots: Slots | undefined;
  #delayMs = 0;

  constructor(
    private readonly job: Job,
    private readonly clock: JobClock,
    /** Uniform in [0, 1). */
    private readonly random: () => number,
  ) {
    this.#slots = job.every === undefined ? undefined : new Slots(job.every, this.#instant());
    this.#delayMs = this.#drawDelayMs();
  }

  /** The first run; undefined for a job that is only triggered. */
  first(): Due | undefined {
    if (this.#slots !== undefined) return this.slot();
    return this.job.intervalMs === undefined ? undefined : this.now();
  }

  /** A run that begins at once. */
  now(): Due {
    const nowMs = this.clock.now();
    return { kind: 'other', dueMs: nowMs, startMs: nowMs };
  }

  /** The run at the next slot, asked anew while it is waited for: the wall clock may be set. Undefined without slots. */
  slot(): Due | undefined {
    if (this.#slots === undefined) return undefined;
    const dueMs = this.#slots.nextMs(this.#instant());
    const startMs = dueMs + this.#delayMs;
    return { kind: 'slot', dueMs: startMs, startMs: Math.max(this.clock.now(), startMs) };
  }

  /** The run after a good one. `missed`: slots that passed meanwhile and are let go. */
  afterSuccess(): { readonly due: Due | undefined; readonly missed: number } {
    if (this.#slots !== undefined) {
      const isLetGo = (this.job.overlap ?? 'skip') === 'skip';
      const missed = isLetGo ? this.#slots.take(this.#instant()) : 0;
      return { due: this.slot(), missed };
    }
    if (this.job.intervalMs === undefined) return { due: undefined, missed: 0 };
    const startMs = this.clock.now() + this.#pauseMs(this.job.intervalMs);
    return { due: { kind: 'other', dueMs: startMs, startMs }, missed: 0 };
  }

  /** The run after so many failures in a row. A slot that passes while the job backs off makes it late. */
  afterFailure(consecutiveFailures: number): Due {
    const { firstMs, maxMs } = this.#backoff;
    const fullMs = Math.min(maxMs, firstMs * 2 ** (consecutiveFailures - 1));
    const startMs = this.clock.now() + fullMs * (1 - this.random() / 2);
    return { kind: 'other', dueMs: Math.min(startMs, this.slot()?.dueMs ?? startMs), startMs };
  }

  /** A run begins, serving the slots that are due. Answers how many of them it comes too late for: all but the last. */
  begin(): number {
    this.#delayMs = this.#drawDelayMs();
    return Math.max(0, (this.#slots?.take(this.#instant()) ?? 0) - 1);
  }

  #instant(): Instant {
    return { now: this.clock.now(), wall: this.clock.wallMs?.() ?? 0 };
  }

  #drawDelayMs(): number {
    const { every, jitter } = this.job;
    return every === undefined || jitter === undefined ? 0 : every.periodMs * jitter * this.random();
  }

  #pauseMs(interval: NonNullable<Job['intervalMs']>): number {
    const pauseMs = askPauseMs(interval);
    // A broken pause would otherwise become a 1 ms timer, a busy loop on the watched database.
    if (pauseMs === undefined) return this.#backoff.maxMs;
    const swing = (this.job.jitter ?? 0) * (2 * this.random() - 1);
    return Math.min(LONGEST_MS, pauseMs * (1 + swing));
  }

  get #backoff(): { readonly firstMs: number; readonly maxMs: number } {
    return this.job.backoff ?? DEFAULT_BACKOFF;
  }
}

function askPauseMs(interval: NonNullable<Job['intervalMs']>): number | undefined {
  if (typeof interval === 'number') return interval;
  try {
    const pauseMs = interval();
    return pauseMs >= 0 ? pauseMs : undefined;
  } catch {
    return undefined;
  }
}
