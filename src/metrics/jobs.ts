/** Owns the series of supervised jobs: runs as they end, states as a scrape finds them. */
import { type JobState, jobStates } from '../resilience/job.js';
import type { JobEvent } from '../resilience/job-event.js';
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
  /** Reads the states at each scrape from now on; the answer ends that. */
  follow(supervisor: { states(): ReadonlyMap<string, JobState> }): () => void;
}

/** The series of the jobs of one supervisor. `nowSeconds` is the wall clock in seconds since the epoch. */
export function jobSeries(metrics: Metrics, nowSeconds: () => number): JobSeries {
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
        for (const [job_name, now] of supervisor.states()) {
          declare(job_name);
          for (const state of jobStates) metrics.jobState.set({ job_name, state }, state === now ? 1 : 0);
        }
      });
    },
  };
}

function isOutcome(event: JobEvent): event is JobEvent & { kind: keyof typeof OUTCOMES } {
  return Object.hasOwn(OUTCOMES, event.kind);
}
