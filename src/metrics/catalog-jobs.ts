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
    labels: { job_name: JOB, outcome: '`success`, `failure`, `timeout`, `abandoned`, `cancelled`' },
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
  jobLastHeartbeatTimestamp: {
    name: 'job_last_heartbeat_timestamp_seconds',
    help: 'Moment of the last sign of life of a background job, to the second, in seconds since the epoch: a run began, ended, or told from inside that it goes on; 0 before the first.',
    type: 'gauge',
    unit: 'seconds',
    labels: { job_name: JOB },
    ...STABLE,
  },
  jobMissedRuns: {
    name: 'job_missed_runs_total',
    help: 'Runs of a background job that were due at its fixed rate and did not take place, because the one before went on too long or the process was frozen.',
    type: 'counter',
    unit: undefined,
    labels: { job_name: JOB },
    ...STABLE,
  },
  jobState: {
    name: 'job_state',
    help: 'State of a background job: 1 for the one that holds, 0 for the others; late is behind its plan by more than its tolerance, stuck a run that was aborted and still goes on, crash_looping a rest after too many failures.',
    type: 'gauge',
    unit: undefined,
    labels: { job_name: JOB, state: '`idle`, `running`, `late`, `stuck`, `crash_looping`, `stopped`' },
    ...STABLE,
  },
  jobRestarts: {
    name: 'job_restarts_total',
    help: 'Times a background job was begun anew because its run was stuck, beyond its deadline or without a sign of life, or because somebody asked for it.',
    type: 'counter',
    unit: undefined,
    labels: { job_name: JOB },
    ...STABLE,
  },
} as const satisfies Readonly<Record<string, MetricSpec>>;
