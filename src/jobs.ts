/** Owns the background jobs of the exporter: who leads, what is published when, and one reader per flow. */
import { performance } from 'node:perf_hooks';
import type { FlowRunner } from './changes/flow-runner.js';
import type { FlowBoard } from './flow-board.js';
import { jobSeries } from './metrics/jobs.js';
import type { Metrics } from './metrics/registry.js';
import type { OpenDatabases } from './open-databases.js';
import type { CrashLoopCap, Job } from './resilience/job.js';
import { systemJobClock } from './resilience/job-clock.js';
import type { JobEvent } from './resilience/job-event.js';
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
/**
 * A call to the store has a deadline of 5 s: a run that is silent for longer hangs for another reason. Found in time,
 * the lease is renewed by the next run before it ends.
 */
const STORE_SILENCE_MS = 7_000;
/** The same for a reader, whose usual calls end after 20 s at the latest. */
const CAPTURE_SILENCE_MS = 30_000;
/** Rounds take milliseconds; only the baseline of a large table is longer, and that is worth saying. */
const CAPTURE_TOLERANCE_MS = 60_000;
/** A job that hangs again and again helps nobody, and each run left behind may hold a connection. */
const CRASH_LOOP: CrashLoopCap = { after: 5, withinMs: 600_000, restMs: 60_000, counts: 'restarts' };

/** What the jobs know about themselves; readiness and the leader's fence are read from it. */
export interface LiveState {
  migrated: boolean;
  leaderUntilMs: number;
  publishedAtMs: number;
  epoch: bigint;
}

/** Starts the jobs: those of other parts, lease, publishing, and one reader per flow. The supervisor stops them in reverse order. */
export function startJobs(parts: {
  log: RootLogger;
  databases: OpenDatabases;
  board: FlowBoard;
  runners: ReadonlyMap<string, FlowRunner>;
  metrics: Metrics;
  state: LiveState;
  holder: string;
  tracing: Tracing;
  /** Jobs of parts that look after themselves, such as the measuring of resources. */
  others: readonly Job[];
}): Supervisor {
  const { log, databases, board, runners, metrics, state, holder, tracing } = parts;
  const { store } = databases;
  /** The trace of each job's run under way or just ended. */
  const traces = new Map<string, string | undefined>();
  const series = jobSeries(metrics, () => Date.now() / 1000);
  const supervisor = createSupervisor({
    clock: systemJobClock({ unref: false, wallMs: Date.now }),
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

  for (const job of parts.others) start(job);

  let leaseRuns = 0;
  start({
    name: 'lease',
    // Not a pause: a slow answer must not eat into the time that the lease has left.
    every: { periodMs: LEASE_RENEW_MS },
    deadlineMs: 40_000,
    heartbeatMs: STORE_SILENCE_MS,
    toleranceMs: LEASE_RENEW_MS,
    backoff,
    crashLoop: CRASH_LOOP,
    run: async (_signal, beat) => {
      leaseRuns += 1;
      const mine = leaseRuns;
      if (!state.migrated) {
        beat(MIGRATE_DEADLINE_MS * 2);
        await migrate(store, { deadlineMs: MIGRATE_DEADLINE_MS });
        state.migrated = true;
      }
      beat();
      const askedAtMs = performance.now();
      let lease = await acquireOrRenew(store, LEASE_NAME, holder, LEASE_TTL_SECONDS);
      beat();
      if (!lease.held && isGone(lease.holder)) {
        await release(store, LEASE_NAME, lease.holder, lease.epoch);
        beat();
        lease = await acquireOrRenew(store, LEASE_NAME, holder, LEASE_TTL_SECONDS);
      }
      // A run that was left behind must not undo what the one after it found.
      if (leaseRuns !== mine) return;
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
    deadlineMs: READY_WITHIN_MS,
    heartbeatMs: STORE_SILENCE_MS,
    toleranceMs: AGES_EVERY_MS,
    backoff,
    crashLoop: CRASH_LOOP,
    run: async (signal, beat) => {
      if (!state.migrated) return;
      const folds = [...runners.values()].reduce((sum, runner) => sum + runner.folds, 0);
      publishPauseMs = folds === publishedFolds ? PUBLISH_EVERY_MS : PUBLISH_WHILE_COUNTING_MS;
      publishedFolds = folds;
      const totals = await loadTotals(store);
      signal.throwIfAborted();
      board.takeTotals(totals);
      state.publishedAtMs = performance.now();
      if (performance.now() - agesAtMs < AGES_EVERY_MS) return;
      for (const [flow, limits] of board.limits()) {
        beat();
        const ages = await loadAges(store, flow, limits);
        signal.throwIfAborted();
        board.takeAges(flow, ages);
      }
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
      heartbeatMs: CAPTURE_SILENCE_MS,
      toleranceMs: CAPTURE_TOLERANCE_MS,
      backoff,
      crashLoop: CRASH_LOOP,
      run: async (signal, beat) => {
        pauseMs = state.migrated ? await runner.tick(signal, beat) : LEASE_RENEW_MS / 10;
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
  else if (!storeAnswers(state)) reasons.push('the store does not answer');
  for (const name of uncountedFlows(runners)) reasons.push(`flow ${name} is not counted yet`);
  return { ready: reasons.length === 0, reasons };
}

/** Whether the store has answered within the last half minute. */
export function storeAnswers({ migrated, publishedAtMs }: LiveState): boolean {
  return migrated && performance.now() - publishedAtMs <= READY_WITHIN_MS;
}

/** The flows that are not counted yet, or not any more. */
export function uncountedFlows(runners: ReadonlyMap<string, FlowRunner>): readonly string[] {
  return [...runners].filter(([, { counting }]) => !counting).map(([name]) => name);
}

function logJob(log: RootLogger, event: JobEvent, traceId: string | undefined): void {
  const trace = traceId === undefined ? {} : { trace_id: traceId };
  if (event.kind === 'failed') {
    const { error: err, consecutiveFailures: failures } = event;
    log.named(event.job).error('job failed', { err, failures, ...trace });
  }
  if (event.kind === 'timedOut' || event.kind === 'abandoned') {
    const seconds = event.durationMs / 1000;
    const cause = event.kind === 'timedOut' ? { cause: event.cause } : {};
    log.named(event.job).error('job took too long', { kind: event.kind, ...cause, seconds, ...trace });
  }
  if (event.kind === 'crashLooping') {
    log.named(event.job).error('job rests: it hung too often', { seconds: event.restMs / 1000 });
  }
  if (event.kind === 'restarted') log.named(event.job).warn('job is begun anew by hand');
}
