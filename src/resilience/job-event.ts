/** Owns what is told of supervised jobs, and that a listener's accident stays with the listener. */

/** Why a run is called stuck: its whole time is over, or it gave no sign of life. */
export type StuckCause = 'deadline' | 'heartbeat';

/** What happened to a job. `run` counts up from 1 per job; `error` is whatever the run threw. */
export type JobEvent =
  | { readonly kind: 'started'; readonly job: string; readonly run: number }
  /** The run gave a sign of life; told at most once a second. */
  | { readonly kind: 'beat'; readonly job: string; readonly run: number }
  | { readonly kind: 'succeeded'; readonly job: string; readonly run: number; readonly durationMs: number }
  | {
      readonly kind: 'failed';
      readonly job: string;
      readonly run: number;
      readonly durationMs: number;
      readonly error: unknown;
      readonly consecutiveFailures: number;
    }
  /** The run was stuck and is aborted; the job begins anew after its back-off. */
  | {
      readonly kind: 'timedOut';
      readonly job: string;
      readonly run: number;
      readonly durationMs: number;
      readonly cause: StuckCause;
      readonly consecutiveFailures: number;
    }
  /** The run ended with an error because the job was being stopped or begun anew. */
  | { readonly kind: 'cancelled'; readonly job: string; readonly run: number; readonly durationMs: number }
  /** The run ignored its abort: it may still be going on, and its result no longer counts. */
  | { readonly kind: 'abandoned'; readonly job: string; readonly run: number; readonly durationMs: number }
  /** So many due runs did not take place: the one before went on too long, or the process was frozen. */
  | { readonly kind: 'missed'; readonly job: string; readonly run: number; readonly missed: number }
  /** Too many failures: the job rests for `restMs`, or until it is restarted by hand. */
  | { readonly kind: 'crashLooping'; readonly job: string; readonly run: number; readonly restMs: number }
  /** Somebody called `restart`. */
  | { readonly kind: 'restarted'; readonly job: string; readonly run: number };

/** Tells the listener; what it throws, or the promise it rejects, is dropped. */
export function tell(on: (event: JobEvent) => unknown, event: JobEvent): void {
  try {
    const answer = on(event);
    // An async listener that fails would become an unhandled rejection and end the host.
    if (answer instanceof Promise) answer.catch(() => {});
  } catch {
    // A reporter that fails must not stop the work it reports on.
  }
}
