/** Owns the bounds of a job's options, and the errors of the supervisor and of aborted runs. */
import { type Job, overlapPolicies } from './job.js';

/**
 * `JOB_INVALID`: an option is out of bounds. `JOB_RUNNING`: a job of this name has not been stopped. `JOB_UNKNOWN`: no
 * job of this name is running.
 */
export class SupervisorError extends Error {
  override readonly name = 'SupervisorError';
  constructor(
    readonly code: 'JOB_INVALID' | 'JOB_RUNNING' | 'JOB_UNKNOWN',
    message: string,
  ) {
    super(message);
  }
}

/**
 * The reason on a run's signal. `JOB_DEADLINE`: it took too long. `JOB_SILENT`: it gave no sign of life. `JOB_REPLACED`:
 * the next run is due or was triggered. `JOB_RESTARTED`: somebody restarts the job. `JOB_STOPPED`: it is being stopped.
 */
export class JobAborted extends Error {
  override readonly name = 'JobAborted';
  constructor(
    readonly code: 'JOB_DEADLINE' | 'JOB_SILENT' | 'JOB_REPLACED' | 'JOB_RESTARTED' | 'JOB_STOPPED',
    message: string,
  ) {
    super(message);
  }
}

/** The reach of a timer: a longer one would fire at once. */
export const MAX_TIMER_MS = 2_147_483_647;

/** Throws SupervisorError, naming option, value and rule, unless all options of the job are within their bounds. */
export function checkJob(job: Job, clock: { readonly wallMs?: unknown } = {}): void {
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
  const { every, crashLoop } = job;
  if (!/^[a-z][a-z0-9_]*$/.test(job.name)) refuse('name', job.name, 'lower-case words joined by _');
  if (typeof job.intervalMs === 'number') span('intervalMs', job.intervalMs, 0);
  if (every !== undefined && job.intervalMs !== undefined)
    refuse('intervalMs', job.intervalMs, 'left out where every is given');
  if (job.deadlineMs === undefined && job.heartbeatMs === undefined)
    refuse('deadlineMs', undefined, 'given unless heartbeatMs is');
  span('deadlineMs', job.deadlineMs, 1);
  span('heartbeatMs', job.heartbeatMs, 1);
  span('toleranceMs', job.toleranceMs, 0);
  span('graceMs', job.graceMs, 0);
  if (every !== undefined) {
    span('every.periodMs', every.periodMs, 1);
    span('every.offsetMs', every.offsetMs, 0);
    const from = every.from ?? 'start';
    if (from !== 'start' && from !== 'wall') refuse('every.from', from, 'start or wall');
    if (from === 'wall' && clock.wallMs === undefined)
      refuse('every.from', from, 'start, unless the clock has wallMs');
  }
  const overlap = job.overlap ?? 'skip';
  if (!overlapPolicies.includes(overlap)) refuse('overlap', overlap, overlapPolicies.join(', '));
  span('backoff.firstMs', job.backoff?.firstMs, 1);
  span('backoff.maxMs', job.backoff?.maxMs, job.backoff?.firstMs ?? 1);
  if (job.jitter !== undefined && !(job.jitter >= 0 && job.jitter <= 1))
    refuse('jitter', job.jitter, 'from 0 to 1');
  if (crashLoop === undefined) return;
  span('crashLoop.withinMs', crashLoop.withinMs, 1);
  span('crashLoop.restMs', crashLoop.restMs, 1);
  if (!(Number.isInteger(crashLoop.after) && crashLoop.after >= 1 && crashLoop.after <= 1_000))
    refuse('crashLoop.after', crashLoop.after, 'a whole number from 1 to 1000');
  const counts = crashLoop.counts ?? 'failures';
  if (counts !== 'failures' && counts !== 'restarts')
    refuse('crashLoop.counts', counts, 'failures or restarts');
}
