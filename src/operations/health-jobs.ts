/** Owns one line per background job: what it is doing, and what its series say of the past. */
import type { Metrics } from '../metrics/registry.js';
import type { JobState } from '../resilience/job.js';

/** How the runs of a job ended. */
export const RUN_OUTCOMES = ['success', 'failure', 'timeout', 'abandoned', 'cancelled'] as const;

/** One job. */
export interface JobLine {
  readonly name: string;
  readonly state: JobState;
  /** Finished runs of this process by their end. */
  readonly runs: Readonly<Record<(typeof RUN_OUTCOMES)[number], number>>;
  readonly missedRuns: number;
  readonly restarts: number;
  /** Undefined before the first. */
  readonly lastSuccessAt: Date | undefined;
  readonly lastHeartbeatAt: Date | undefined;
}

/** The jobs of a supervisor with what their series say, by name. */
export function jobLines(
  states: ReadonlyMap<string, JobState>,
  metrics: Pick<
    Metrics,
    'jobRuns' | 'jobMissedRuns' | 'jobRestarts' | 'jobLastSuccessTimestamp' | 'jobLastHeartbeatTimestamp'
  >,
): readonly JobLine[] {
  return [...states]
    .map(([name, state]) => {
      const job = { job_name: name };
      const runs = RUN_OUTCOMES.map(
        (outcome) => [outcome, metrics.jobRuns.value({ ...job, outcome }) ?? 0] as const,
      );
      return {
        name,
        state,
        runs: Object.fromEntries(runs) as JobLine['runs'],
        missedRuns: metrics.jobMissedRuns.value(job) ?? 0,
        restarts: metrics.jobRestarts.value(job) ?? 0,
        lastSuccessAt: momentOf(metrics.jobLastSuccessTimestamp.value(job)),
        lastHeartbeatAt: momentOf(metrics.jobLastHeartbeatTimestamp.value(job)),
      };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** A series of a moment is 0 before the first. */
function momentOf(seconds: number | undefined): Date | undefined {
  return seconds === undefined || seconds <= 0 ? undefined : new Date(seconds * 1000);
}
