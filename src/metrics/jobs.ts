/** Owns the series of supervised jobs: runs as they end, states as a scrape finds them. */
import { type JobState, jobStates } from '../resilience/job.js';
import type { JobEvent } from '../resilience/job-event.js';
import { InstrumentOptionError } from '../resilience/setup-options.js';
import type { Metrics } from './registry.js';

/** Label values of how a run ended, by the event that tells it. */
const OUTCOMES = {
  succeeded: 'success',
  failed: 'failure',
  timedOut: 'timeout',
  abandoned: 'abandoned',
  cancelled: 'cancelled',
} as const;

/** What only a job that is alive brings about. A run that hangs says nothing of itself: the supervisor tells of it. */
const LIFE: ReadonlySet<JobEvent['kind']> = new Set(['started', 'beat', 'succeeded', 'failed', 'cancelled']);

/** The two ways in which jobs reach their series. */
export interface JobSeries {
  /** Takes each event of the supervisor; `trace`, such as `{ trace_id }`, is the exemplar of the run's duration. */
  take(event: JobEvent, trace?: Readonly<Record<string, string>>): void;
  /**
   * Reads the states at each scrape from now on; the answer ends that. A stopped job loses its series once 20 others were
   * stopped after it.
   */
  follow(supervisor: { states(): ReadonlyMap<string, JobState> }): () => void;
}

/** Stopped jobs that keep their series. Jobs that are named after something that comes and goes must not use up the budget. */
const STOPPED_SHOWN = 20;

/**
 * The series of the jobs of one supervisor. `nowSeconds` is the wall clock in seconds since the epoch, by default the
 * system's. Throws InstrumentOptionError when it is no function.
 */
export function jobSeries(metrics: Metrics, nowSeconds: () => number = () => Date.now() / 1000): JobSeries {
  // Called inside the supervisor's listener, it would throw where nobody hears it, and take every series but the state away.
  if (typeof nowSeconds !== 'function')
    throw new InstrumentOptionError('nowSeconds', 'a function', nowSeconds, 'jobSeries');
  const declared = new Set<string>();

  function declare(job_name: string): void {
    if (declared.has(job_name)) return;
    declared.add(job_name);
    for (const outcome of Object.values(OUTCOMES)) metrics.jobRuns.inc({ job_name, outcome }, 0);
    metrics.jobRestarts.inc({ job_name }, 0);
    metrics.jobDuration.bind({ job_name });
    metrics.jobMissedRuns.inc({ job_name }, 0);
    metrics.jobLastSuccessTimestamp.inc({ job_name }, 0);
    metrics.jobLastHeartbeatTimestamp.inc({ job_name }, 0);
  }

  function forget(job_name: string): void {
    declared.delete(job_name);
    for (const outcome of Object.values(OUTCOMES)) metrics.jobRuns.remove({ job_name, outcome });
    for (const state of jobStates) metrics.jobState.remove({ job_name, state });
    metrics.jobRestarts.remove({ job_name });
    metrics.jobDuration.remove({ job_name });
    metrics.jobMissedRuns.remove({ job_name });
    metrics.jobLastSuccessTimestamp.remove({ job_name });
    metrics.jobLastHeartbeatTimestamp.remove({ job_name });
  }

  return {
    take(event, trace) {
      const job_name = event.job;
      declare(job_name);
      if (event.kind === 'missed') metrics.jobMissedRuns.inc({ job_name }, event.missed);
      if (event.kind === 'timedOut' || event.kind === 'restarted') metrics.jobRestarts.inc({ job_name });
      if (LIFE.has(event.kind)) metrics.jobLastHeartbeatTimestamp.set({ job_name }, nowSeconds());
      if (!isOutcome(event)) return;
      metrics.jobRuns.inc({ job_name, outcome: OUTCOMES[event.kind] });
      const exemplar = trace === undefined ? undefined : { labels: trace, timestampSeconds: nowSeconds() };
      metrics.jobDuration.observe({ job_name }, event.durationMs / 1000, exemplar);
      if (event.kind === 'succeeded') metrics.jobLastSuccessTimestamp.set({ job_name }, nowSeconds());
    },
    follow(supervisor) {
      return metrics.onScrape(() => {
        const shown = shownOf(supervisor.states());
        for (const job_name of [...declared]) if (!shown.has(job_name)) forget(job_name);
        for (const [job_name, now] of shown) {
          declare(job_name);
          for (const state of jobStates) metrics.jobState.set({ job_name, state }, state === now ? 1 : 0);
        }
      });
    },
  };
}

/** The jobs that run, and of the others those stopped last. */
function shownOf(states: ReadonlyMap<string, JobState>): ReadonlyMap<string, JobState> {
  const stopped = [...states].filter(([, state]) => state === 'stopped').map(([name]) => name);
  const gone = new Set(stopped.slice(0, Math.max(0, stopped.length - STOPPED_SHOWN)));
  return new Map([...states].filter(([name]) => !gone.has(name)));
}

function isOutcome(event: JobEvent): event is JobEvent & { kind: keyof typeof OUTCOMES } {
  return Object.hasOwn(OUTCOMES, event.kind);
}
