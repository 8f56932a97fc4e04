/** Owns the life of one supervised job: wait, run, expire, stop; one run at a time. */

import { type Job, JobAborted, type JobEvent, type JobState, MAX_TIMER_MS } from './job.js';
import type { JobClock } from './job-clock.js';

const DEFAULT_GRACE_MS = 2_000;
const DEFAULT_BACKOFF = { firstMs: 250, maxMs: 5_000 };

/** What a loop needs from outside. */
export interface LoopOptions {
  readonly clock: JobClock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Told every event; an exception it throws is dropped. */
  readonly on: (event: JobEvent) => void;
}

type Phase =
  | { readonly kind: 'waiting'; readonly cancel: () => void }
  | { readonly kind: 'running'; readonly current: Run; readonly cancelDeadline: () => void }
  | { readonly kind: 'expired'; readonly current: Run; readonly cancelGrace: () => void }
  | {
      readonly kind: 'stopping';
      readonly current: Run;
      readonly done: Promise<boolean>;
      end(ended: boolean): void;
    }
  | { readonly kind: 'stopped'; readonly ended: boolean };

interface Run {
  readonly number: number;
  readonly startedMs: number;
  readonly controller: AbortController;
  /** Set once the run's outcome was told: an outcome is counted once, whatever still happens to the run. */
  isTold: boolean;
}

/** Runs one job from `start()` to `stop()`; a stopped loop is not started again. */
export class JobLoop {
  #phase: Phase = { kind: 'stopped', ended: true };
  #runs = 0;
  #consecutiveFailures = 0;

  constructor(
    private readonly job: Job,
    private readonly options: LoopOptions,
  ) {}

  /** True before the first start and once the last run has ended or was left behind. */
  get isStopped(): boolean {
    return this.#phase.kind === 'stopped';
  }

  /** What the job is doing now. */
  get state(): JobState {
    const phase = this.#phase;
    if (phase.kind === 'waiting') return 'idle';
    if (phase.kind === 'stopped') return 'stopped';
    if (phase.kind === 'expired') return 'stuck';
    const runMs = this.options.clock.now() - phase.current.startedMs;
    if (runMs >= this.job.deadlineMs) return 'stuck';
    return runMs > this.job.deadlineMs / 2 ? 'late' : 'running';
  }

  /** Begins the first run in the next turn of the event loop. */
  start(): void {
    this.#waitThenRun(0);
  }

  /** Aborts the run that is going on, if any; true when it ended within the grace. */
  stop(): Promise<boolean> {
    const phase = this.#phase;
    if (phase.kind === 'stopped') return Promise.resolve(phase.ended);
    if (phase.kind === 'stopping') return phase.done;
    if (phase.kind === 'waiting') {
      phase.cancel();
      this.#phase = { kind: 'stopped', ended: true };
      return Promise.resolve(true);
    }
    if (phase.kind === 'running') phase.cancelDeadline();
    else phase.cancelGrace();
    return this.#stopRun(phase.current);
  }

  #stopRun(current: Run): Promise<boolean> {
    let resolveDone: (ended: boolean) => void = () => {};
    const done = new Promise<boolean>((resolve) => {
      resolveDone = resolve;
    });
    const cancelGrace = this.options.clock.after(this.#graceMs, () => {
      this.#emit({ kind: 'abandoned', ...this.#ending(current) });
      end(false);
    });
    const end = (ended: boolean): void => {
      cancelGrace();
      this.#phase = { kind: 'stopped', ended };
      resolveDone(ended);
    };
    this.#phase = { kind: 'stopping', current, done, end };
    current.controller.abort(new JobAborted('JOB_STOPPED', `job ${this.job.name} is being stopped`));
    return done;
  }

  #waitThenRun(delayMs: number): void {
    this.#phase = { kind: 'waiting', cancel: this.options.clock.after(delayMs, () => this.#begin()) };
  }

  #begin(): void {
    this.#runs += 1;
    const { clock } = this.options;
    const current: Run = {
      number: this.#runs,
      startedMs: clock.now(),
      controller: new AbortController(),
      isTold: false,
    };
    const cancelDeadline = clock.after(this.job.deadlineMs, () => this.#expire(current));
    this.#phase = { kind: 'running', current, cancelDeadline };
    this.#emit({ kind: 'started', job: this.job.name, run: current.number });
    // A listener that stops the job while it hears of the start must not see the run begin all the same.
    if (current.controller.signal.aborted) {
      this.#settle(current, { error: current.controller.signal.reason });
      return;
    }
    void invoke(this.job, current.controller.signal).then((outcome) => this.#settle(current, outcome));
  }

  #expire(current: Run): void {
    const cancelGrace = this.options.clock.after(this.#graceMs, () => {
      this.#waitThenRun(this.#backoffMs());
      this.#emit({ kind: 'abandoned', ...this.#ending(current) });
    });
    this.#phase = { kind: 'expired', current, cancelGrace };
    this.#consecutiveFailures += 1;
    const { deadlineMs, name } = this.job;
    current.isTold = true;
    current.controller.abort(
      new JobAborted('JOB_DEADLINE', `job ${name} ran past its deadline of ${deadlineMs} ms`),
    );
    this.#emit({
      kind: 'timedOut',
      ...this.#ending(current),
      consecutiveFailures: this.#consecutiveFailures,
    });
  }

  #settle(current: Run, outcome: Outcome): void {
    const phase = this.#phase;
    // An abandoned run that ends after all must not disturb the run that took its place.
    if (phase.kind === 'waiting' || phase.kind === 'stopped' || phase.current !== current) return;
    if (phase.kind === 'expired') {
      phase.cancelGrace();
      this.#waitThenRun(this.#backoffMs());
      return;
    }
    if (phase.kind === 'running') phase.cancelDeadline();
    const failed = 'error' in outcome;
    if (phase.kind === 'running') {
      this.#consecutiveFailures = failed ? this.#consecutiveFailures + 1 : 0;
      this.#waitThenRun(failed ? this.#backoffMs() : this.#pauseMs());
    }
    this.#tell(current, outcome, phase.kind === 'stopping' ? 'cancelled' : 'failed');
    if (phase.kind === 'stopping') phase.end(true);
  }

  #tell(current: Run, outcome: Outcome, failure: 'cancelled' | 'failed'): void {
    if (current.isTold) return;
    const ending = this.#ending(current);
    if ('value' in outcome) this.#emit({ kind: 'succeeded', ...ending });
    else if (failure === 'cancelled') this.#emit({ kind: 'cancelled', ...ending });
    else {
      const consecutiveFailures = this.#consecutiveFailures;
      this.#emit({ kind: 'failed', ...ending, error: outcome.error, consecutiveFailures });
    }
  }

  get #graceMs(): number {
    return this.job.graceMs ?? DEFAULT_GRACE_MS;
  }

  #pauseMs(): number {
    const pauseMs = askPauseMs(this.job.intervalMs);
    // A broken pause would otherwise become a 1 ms timer, a busy loop on the watched database.
    if (pauseMs === undefined) return this.#backoff.maxMs;
    const swing = (this.job.jitter ?? 0) * (2 * this.options.random() - 1);
    return Math.min(MAX_TIMER_MS, pauseMs * (1 + swing));
  }

  #backoffMs(): number {
    const { firstMs, maxMs } = this.#backoff;
    const fullMs = Math.min(maxMs, firstMs * 2 ** (this.#consecutiveFailures - 1));
    return fullMs * (1 - this.options.random() / 2);
  }

  get #backoff(): { readonly firstMs: number; readonly maxMs: number } {
    return this.job.backoff ?? DEFAULT_BACKOFF;
  }

  #ending(current: Run): { job: string; run: number; durationMs: number } {
    return {
      job: this.job.name,
      run: current.number,
      durationMs: this.options.clock.now() - current.startedMs,
    };
  }

  #emit(event: JobEvent): void {
    try {
      this.options.on(event);
    } catch {
      // A reporter that fails must not stop the work it reports on.
    }
  }
}

type Outcome = { readonly value: unknown } | { readonly error: unknown };

async function invoke(job: Job, signal: AbortSignal): Promise<Outcome> {
  try {
    return { value: await job.run(signal) };
  } catch (error) {
    return { error };
  }
}

function askPauseMs(interval: Job['intervalMs']): number | undefined {
  if (typeof interval === 'number') return interval;
  try {
    const pauseMs = interval();
    return pauseMs >= 0 ? pauseMs : undefined;
  } catch {
    return undefined;
  }
}
