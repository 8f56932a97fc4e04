/** Owns what a supervised job is: its options and their bounds, the events of its runs, its errors. */

/** A repeating piece of work. All spans are milliseconds from 0 to 2,147,483,647 (24.8 days, the reach of a timer). */
export interface Job {
  /** Unique among the running jobs; lower-case words joined by `_`, because it becomes a label value. */
  readonly name: string;
  /** Pause between the end of a good run and the next start; a function is asked after every good run. */
  readonly intervalMs: number | (() => number);
  /** A run that takes longer is aborted through its signal. Above 0. */
  readonly deadlineMs: number;
  /** Share of the pause, 0 to 1, by which it is randomly shortened or lengthened. Default 0. */
  readonly jitter?: number;
  /** Pause after failures: doubles from `firstMs` to `maxMs`, of which up to half is taken off at random. */
  readonly backoff?: { readonly firstMs: number; readonly maxMs: number };
  /**
   * How long an aborted run may go on before it is left behind, on a deadline and on stop. Default 2,000. A run
   * left behind on a deadline makes room for the next one, so it must not hold what the next one needs.
   */
  readonly graceMs?: number;
  /** One run. It must end soon after the signal aborts; whatever it throws is reported, never passed on. */
  run(signal: AbortSignal): Promise<unknown>;
}

/** What a job is doing. `late`: a run has used more than half of its time; `stuck`: all of it, and still goes on. */
export const jobStates = ['idle', 'running', 'late', 'stuck', 'stopped'] as const;
/** What a job is doing. */
export type JobState = (typeof jobStates)[number];

/** What happened to a run. `run` counts up from 1 per job; `error` is whatever the run threw. */
export type JobEvent =
  | { readonly kind: 'started'; readonly job: string; readonly run: number }
  | { readonly kind: 'succeeded'; readonly job: string; readonly run: number; readonly durationMs: number }
  | {
      readonly kind: 'failed';
      readonly job: string;
      readonly run: number;
      readonly durationMs: number;
      readonly error: unknown;
      readonly consecutiveFailures: number;
    }
  | {
      readonly kind: 'timedOut';
      readonly job: string;
      readonly run: number;
      readonly durationMs: number;
      readonly consecutiveFailures: number;
    }
  /** The run ended with an error because the job was being stopped. */
  | { readonly kind: 'cancelled'; readonly job: string; readonly run: number; readonly durationMs: number }
  /** The run ignored its abort: it may still be going on, and its result no longer counts. */
  | { readonly kind: 'abandoned'; readonly job: string; readonly run: number; readonly durationMs: number };

/** `JOB_INVALID`: an option is out of bounds. `JOB_RUNNING`: a job of this name has not been stopped. */
export class SupervisorError extends Error {
  override readonly name = 'SupervisorError';
  constructor(
    readonly code: 'JOB_INVALID' | 'JOB_RUNNING',
    message: string,
  ) {
    super(message);
  }
}

/** The reason on a run's signal. `JOB_DEADLINE`: it took too long. `JOB_STOPPED`: the job is being stopped. */
export class JobAborted extends Error {
  override readonly name = 'JobAborted';
  constructor(
    readonly code: 'JOB_DEADLINE' | 'JOB_STOPPED',
    message: string,
  ) {
    super(message);
  }
}

/** The reach of a timer: a longer one would fire at once. */
export const MAX_TIMER_MS = 2_147_483_647;

/** Throws SupervisorError, naming option, value and rule, unless all options of the job are within their bounds. */
export function checkJob(job: Job): void {
  const refuse = (option: string, value: unknown, rule: string): never => {
    throw new SupervisorError(
      'JOB_INVALID',
      `job ${job.name}: ${option} is ${String(value)}, but must be ${rule}`,
    );
  };
  const span = (option: string, value: number | undefined, least: number): void => {
    if (value === undefined) return;
    if (!(value >= least && value <= MAX_TIMER_MS))
      refuse(option, value, `from ${least} to ${MAX_TIMER_MS} ms`);
  };
  if (!/^[a-z][a-z0-9_]*$/.test(job.name)) refuse('name', job.name, 'lower-case words joined by _');
  if (typeof job.intervalMs === 'number') span('intervalMs', job.intervalMs, 0);
  span('deadlineMs', job.deadlineMs, 1);
  span('graceMs', job.graceMs, 0);
  span('backoff.firstMs', job.backoff?.firstMs, 1);
  span('backoff.maxMs', job.backoff?.maxMs, job.backoff?.firstMs ?? 1);
  if (job.jitter !== undefined && !(job.jitter >= 0 && job.jitter <= 1))
    refuse('jitter', job.jitter, 'from 0 to 1');
}
