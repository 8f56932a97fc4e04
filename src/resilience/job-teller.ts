/** Owns what one job tells its listener, and how often. */
import type { JobClock } from './job-clock.js';
import { type JobEvent, type StuckCause, tell } from './job-event.js';
import type { After, Run } from './job-phase.js';

/** Signs of life are told this often at most. */
const BEAT_TOLD_EVERY_MS = 1_000;

/** How a run ended. */
export type Outcome = { readonly value: unknown } | { readonly error: unknown };

/** Tells the events of one job. No method throws. */
export class JobTeller {
  #run = 0;
  #beatToldMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly job: string,
    private readonly clock: JobClock,
    private readonly on: (event: JobEvent) => unknown,
  ) {}

  started(run: Run): void {
    this.#run = run.number;
    this.#tell({ kind: 'started', ...this.#told });
  }

  beat(): void {
    const nowMs = this.clock.now();
    if (nowMs - this.#beatToldMs < BEAT_TOLD_EVERY_MS) return;
    this.#beatToldMs = nowMs;
    this.#tell({ kind: 'beat', ...this.#told });
  }

  stuck(run: Run, cause: StuckCause, consecutiveFailures: number): void {
    this.#tell({ kind: 'timedOut', ...this.#ended(run), cause, consecutiveFailures });
  }

  /** Once per run; `failure` says what an error means here. */
  ended(run: Run, outcome: Outcome, failure: 'cancelled' | 'failed', consecutiveFailures: number): void {
    if (run.isTold) return;
    const ended = this.#ended(run);
    if ('value' in outcome) this.#tell({ kind: 'succeeded', ...ended });
    else if (failure === 'cancelled') this.#tell({ kind: 'cancelled', ...ended });
    else this.#tell({ kind: 'failed', ...ended, error: outcome.error, consecutiveFailures });
  }

  abandoned(run: Run): void {
    this.#tell({ kind: 'abandoned', ...this.#ended(run) });
  }

  missed(missed: number): void {
    if (missed > 0) this.#tell({ kind: 'missed', ...this.#told, missed });
  }

  /** Tells of a rest, if that is what follows. */
  rests(after: After): void {
    if (after.kind === 'rest') this.#tell({ kind: 'crashLooping', ...this.#told, restMs: after.restMs });
  }

  restarted(): void {
    this.#tell({ kind: 'restarted', ...this.#told });
  }

  get #told(): { job: string; run: number } {
    return { job: this.job, run: this.#run };
  }

  #ended(run: Run): { job: string; run: number; durationMs: number } {
    return { job: this.job, run: run.number, durationMs: this.clock.now() - run.startedMs };
  }

  #tell(event: JobEvent): void {
    tell(this.on, event);
  }
}
