/** Owns the series about supervised background jobs. */
import type { MetricSpec } from './define.js';

/** Upper bounds of background jobs in seconds. */
export const JOB_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const;

const STABLE = { stability: 'stable', feature: 'self' } as const;

const JOB = 'name of a background job, fixed in the program';

export const jobMetrics = {
  jobRuns: {
    name: 'job_runs_total',
    help: 'Finished runs of a background job.',
    type: 'counter',
    unit: undefined,
    labels: { job_name: JOB, outcome: 'declared outcomes of the job, at least `success` and `failure`' },
    ...STABLE,
  },
  jobDuration: {
    name: 'job_duration_seconds',
    help: 'Duration of finished runs of a background job, in seconds.',
    type: 'histogram',
    unit: 'seconds',
    labels: { job_name: JOB },
    buckets: JOB_BUCKETS_SECONDS,
    ...STABLE,
  },
  jobLastSuccessTimestamp: {
    name: 'job_last_success_timestamp_seconds',
    help: 'Moment at which a background job last succeeded, in seconds since the epoch; 0 before the first success.',
    type: 'gauge',
    unit: 'seconds',
    labels: { job_name: JOB },
    ...STABLE,
  },
  jobState: {
    name: 'job_state',
    help: 'State of a background job: 1 for the one that holds, 0 for the others; late is beyond half of its deadline, stuck beyond all of it.',
    type: 'gauge',
    unit: undefined,
    labels: { job_name: JOB, state: '`idle`, `running`, `late`, `stuck`, `stopped`' },
    ...STABLE,
  },
  jobRestarts: {
    name: 'job_restarts_total',
    help: 'Runs of a background job that were aborted at their deadline, so that the job could begin anew.',
    type: 'counter',
    unit: undefined,
    labels: { job_name: JOB },
    ...STABLE,
  },
} as const satisfies Readonly<Record<string, MetricSpec>>;
