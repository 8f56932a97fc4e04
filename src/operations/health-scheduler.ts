/** Owns the body of `/health/scheduler`: the background jobs, and what waits for them. */
import { type FlowFacts, type HealthFacts, jobsNotWell, rounded } from './health-facts.js';
import type { JobLine } from './health-jobs.js';

/** The body. */
export function schedulerBody(
  facts: Pick<HealthFacts, 'jobs' | 'flows' | 'isLeader' | 'now'>,
): Readonly<Record<string, unknown>> {
  const jobs = facts.jobs();
  const ill = jobsNotWell(jobs).map(({ name }) => name);
  return {
    status: ill.length === 0 ? 'healthy' : 'degraded',
    timestamp: facts.now().toISOString(),
    leader: facts.isLeader(),
    job_count: jobs.length,
    not_well: ill,
    jobs: jobs.map(jobJson),
    queue: facts.flows().map(queueJson),
  };
}

function jobJson(job: JobLine): unknown {
  return {
    name: job.name,
    state: job.state,
    runs: job.runs,
    missed_runs: job.missedRuns,
    restarts: job.restarts,
    last_success_at: job.lastSuccessAt?.toISOString() ?? null,
    last_heartbeat_at: job.lastHeartbeatAt?.toISOString() ?? null,
  };
}

/** Work waits where a status has a limit; elsewhere items may stay for ever. */
function queueJson({ flow, mode, verdict, statuses, limits, captureLagSeconds, asOf }: FlowFacts): unknown {
  const waiting = statuses.filter(({ status }) => limits.has(status));
  const isKnown = waiting.length > 0 && waiting.every(({ items }) => items !== undefined);
  const ages = waiting.flatMap(({ oldestAgeSeconds }) => oldestAgeSeconds ?? []);
  return {
    flow,
    mode,
    verdict: verdict ?? null,
    waiting_items: isKnown ? waiting.reduce((sum, { items }) => sum + (items ?? 0), 0) : null,
    over_limit_items: isKnown ? waiting.reduce((sum, { stuckItems }) => sum + (stuckItems ?? 0), 0) : null,
    oldest_age_seconds: ages.length === 0 ? null : rounded(Math.max(...ages)),
    capture_lag_seconds: rounded(captureLagSeconds),
    as_of: asOf?.toISOString() ?? null,
  };
}
