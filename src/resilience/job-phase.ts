/** Owns the phases of a supervised job's life, and which state each is told as. */
import type { Job, JobState } from './job.js';
import type { Due } from './job-plan.js';
import type { RunWatch } from './run-watch.js';

/** One run, from its start until its outcome no longer matters. */
export interface Run {
  readonly number: number;
  readonly startedMs: number;
  readonly controller: AbortController;
  /** Set once the run's outcome was told: an outcome is counted once, whatever still happens to the run. */
  isTold: boolean;
}

/** What follows an aborted run. */
export type After =
  | { readonly kind: 'begin' | 'retry' | 'stop' }
  | { readonly kind: 'rest'; readonly restMs: number };

/** Where a job stands. Each phase holds only what is true in it, and at most one run. */
export type Phase =
  /** `due` is undefined while nothing but a trigger would begin a run. */
  | { readonly kind: 'waiting'; readonly due: Due | undefined; readonly cancel: () => void }
  | {
      readonly kind: 'running';
      readonly current: Run;
      readonly watch: RunWatch;
      /** The next slot, where the job has a rate. */
      readonly next: Due | undefined;
      cancelSlot: () => void;
    }
  /** The run was aborted and has its grace. */
  | {
      readonly kind: 'ending';
      readonly current: Run;
      readonly grace: RunWatch;
      readonly isStuck: boolean;
      after: After;
      readonly stopped: ((ended: boolean) => void)[];
    }
  | { readonly kind: 'resting'; readonly cancel: () => void }
  | { readonly kind: 'stopped'; readonly ended: boolean };

/** How far behind its plan the job may be, milliseconds. */
export function toleranceMs(job: Job): number {
  if (job.toleranceMs !== undefined) return job.toleranceMs;
  const wholeMs = job.deadlineMs ?? job.every?.periodMs;
  return wholeMs === undefined ? Number.POSITIVE_INFINITY : wholeMs / 2;
}

/** The state that is told of a phase at the monotonic moment `nowMs`. */
export function stateOf(phase: Phase, job: Job, nowMs: number): JobState {
  const limitMs = toleranceMs(job);
  const isBehind = (due: Due | undefined): boolean => due !== undefined && nowMs - due.dueMs > limitMs;
  switch (phase.kind) {
    case 'waiting':
      return isBehind(phase.due) ? 'late' : 'idle';
    case 'running':
      return phase.watch.servedMs > limitMs || isBehind(phase.next) ? 'late' : 'running';
    case 'ending':
      if (phase.isStuck) return 'stuck';
      return nowMs - phase.current.startedMs > limitMs ? 'late' : 'running';
    case 'resting':
      return 'crash_looping';
    case 'stopped':
      return 'stopped';
  }
}
