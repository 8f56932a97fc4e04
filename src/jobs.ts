/** Owns the background jobs of the exporter: who leads, what is published when, and one reader per flow. */
import { performance } from 'node:perf_hooks';
import type { FlowRunner } from './changes/flow-runner.js';
import type { FlowBoard } from './flow-board.js';
import { jobSeries } from './metrics/jobs.js';
import type { Metrics } from './metrics/registry.js';
import type { OpenDatabases } from './open-databases.js';
import type { Job, JobEvent } from './resilience/job.js';
import { systemJobClock } from './resilience/job-clock.js';
import { createSupervisor, type Supervisor } from './resilience/supervisor.js';
import { loadAges, loadTotals } from './storage/flow-totals.js';
import { isGone } from './storage/holder.js';
import { acquireOrRenew, release } from './storage/lease.js';
import { migrate } from './storage/migrations.js';
import type { WorkContext } from './telemetry/context.js';
import type { RootLogger } from './telemetry/logger.js';
import { tracedJob } from './telemetry/traced-job.js';
import type { Tracing } from './telemetry/tracing.js';

/** Name of the lease that the reading exporter holds. */
export const LEASE_NAME = 'reader';
const LEASE_TTL_SECONDS = 15;
const LEASE_RENEW_MS = 3_000;
const PUBLISH_EVERY_MS = 1_000;
/** While changes are being counted: half of this is part of every change's way to /metrics. */
const PUBLISH_WHILE_COUNTING_MS = 250;
const AGES_EVERY_MS = 5_000;
/** Readiness speaks of the last half minute, so that one slow query does not take us out of service. */
const READY_WITHIN_MS = 30_000;
const MIGRATE_DEADLINE_MS = 15_000;

/** What the jobs know about themselves; readiness and the leader's fence are read from it. */
export interface LiveState {
  migrated: boolean;
  leaderUntilMs: number;
  publishedAtMs: number;
  epoch: bigint;
}

/** Starts the jobs: lease, publishing, and one reader per flow. The supervisor stops them in reverse order. */
export function startJobs(parts: {
  log: RootLogger;
  databases: OpenDatabases;
  board: FlowBoard;
  runners: ReadonlyMap<string, FlowRunner>;
  metrics: Metrics;
  state: LiveState;
  holder: string;
  tracing: Tracing;
}): Supervisor {
  const { log, databases, board, runners, metrics, state, holder, tracing } = parts;
  const { store } = databases;
  /** The trace of each job's run under way or just ended. */
  const traces = new Map<string, string | undefined>();
  const series = jobSeries(metrics, () => Date.now() / 1000);
  const supervisor = createSupervisor({
    clock: systemJobClock({ unref: false }),
    random: Math.random,
    on: (event) => {
      const traceId = traces.get(event.job);
      series.take(event, traceId === undefined ? undefined : { trace_id: traceId });
      logJob(log, event, traceId);
    },
  });
  series.follow(supervisor);
  const start = (job: Job, context: WorkContext = {}) =>
    supervisor.start(tracedJob(job, tracing, context, (traceId) => traces.set(job.name, traceId)));
  // The longest pause bounds how long after a database's return nothing is counted.
  const backoff = { firstMs: 250, maxMs: 2_000 };

  start({
    name: 'lease',
    intervalMs: LEASE_RENEW_MS,
    deadlineMs: 20_000,
    backoff,
    run: async () => {
      if (!state.migrated) {
        await migrate(store, { deadlineMs: MIGRATE_DEADLINE_MS });
        state.migrated = true;
      }
      const askedAtMs = performance.now();
      let lease = await acquireOrRenew(store, LEASE_NAME, holder, LEASE_TTL_SECONDS);
      if (!lease.held && isGone(lease.holder)) {
        await release(store, LEASE_NAME, lease.holder, lease.epoch);
        lease = await acquireOrRenew(store, LEASE_NAME, holder, LEASE_TTL_SECONDS);
      }
      const { held, epoch } = lease;
      state.epoch = epoch;
      // Counted from before the question: the answer may have travelled for a while.
      state.leaderUntilMs = held ? askedAtMs + LEASE_TTL_SECONDS * 1000 * 0.8 : 0;
      metrics.leader.set({}, held ? 1 : 0);
    },
  });

  let agesAtMs = Number.NEGATIVE_INFINITY;
  let publishedFolds = 0;
  let publishPauseMs = PUBLISH_EVERY_MS;
  start({
    name: 'publish',
    intervalMs: () => publishPauseMs,
    deadlineMs: 15_000,
    backoff,
    run: async () => {
      if (!state.migrated) return;
      const folds = [...runners.values()].reduce((sum, runner) => sum + runner.folds, 0);
      publishPauseMs = folds === publishedFolds ? PUBLISH_EVERY_MS : PUBLISH_WHILE_COUNTING_MS;
      publishedFolds = folds;
      board.takeTotals(await loadTotals(store));
      state.publishedAtMs = performance.now();
      if (performance.now() - agesAtMs < AGES_EVERY_MS) return;
      for (const [flow, limits] of board.limits()) board.takeAges(flow, await loadAges(store, flow, limits));
      agesAtMs = performance.now();
    },
  });

  for (const [name, runner] of runners) {
    let pauseMs = 0;
    const job: Job = {
      name: `capture_${name}`,
      intervalMs: () => pauseMs,
      // A first baseline of a large table is one run.
      deadlineMs: 40 * 60_000,
      backoff,
      run: async (signal) => {
        pauseMs = state.migrated ? await runner.tick(signal) : LEASE_RENEW_MS / 10;
      },
    };
    start(job, { flow: name });
  }
  return supervisor;
}

/** Whether the last half minute was good enough to be sent work, and if not, why. */
export function readiness(
  state: LiveState,
  runners: ReadonlyMap<string, FlowRunner>,
): { ready: boolean; reasons: string[] } {
  const reasons: string[] = [];
  if (!state.migrated) reasons.push('the store has not answered yet');
  else if (performance.now() - state.publishedAtMs > READY_WITHIN_MS)
    reasons.push('the store does not answer');
  for (const [name, runner] of runners) {
    if (!runner.counting) reasons.push(`flow ${name} is not counted yet`);
  }
  return { ready: reasons.length === 0, reasons };
}

function logJob(log: RootLogger, event: JobEvent, traceId: string | undefined): void {
  const trace = traceId === undefined ? {} : { trace_id: traceId };
  if (event.kind === 'failed') {
    const { error: err, consecutiveFailures: failures } = event;
    log.named(event.job).error('job failed', { err, failures, ...trace });
  }
  if (event.kind === 'timedOut' || event.kind === 'abandoned') {
    const seconds = event.durationMs / 1000;
    log.named(event.job).error('job took too long', { kind: event.kind, seconds, ...trace });
  }
}
