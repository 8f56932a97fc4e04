/** Owns the running exporter: builds every part, starts them in order, and drains them in reverse. */
import { performance } from 'node:perf_hooks';
import { openAlertDesk } from './alert-desk.js';
import { tellCapture } from './capture-log.js';
import { FlowRunner, type RunnerEvent } from './changes/flow-runner.js';
import { Turns } from './changes/turns.js';
import type { Failpoint } from './changes/watcher.js';
import type { ValidConfig } from './config/valid-config.js';
import { FlowBoard } from './flow-board.js';
import { openHealthDesk } from './health-desk.js';
import { LEASE_NAME, type LiveState, readiness, startJobs, storeAnswers, uncountedFlows } from './jobs.js';
import { LimitsInForce } from './limits-in-force.js';
import { DWELL_BUCKETS_SECONDS } from './metrics/catalog-flows.js';
import { createMetrics, type Metrics } from './metrics/registry.js';
import { type OpenDatabases, openDatabases } from './open-databases.js';
import { openProbeBoard, type ProbeBoard } from './probe-board.js';
import type { ConfigReading, Reload } from './reload.js';
import type { Supervisor } from './resilience/supervisor.js';
import { openResourceBoard, type ResourceBoard } from './resource-board.js';
import type { ServiceManagerLink } from './service-manager.js';
import { holderName } from './storage/holder.js';
import { release } from './storage/lease.js';
import { stuckReport } from './stuck-report.js';
import type { RootLogger } from './telemetry/logger.js';
import { startTracing } from './telemetry/start-tracing.js';
import { noTracing, type Tracing } from './telemetry/tracing.js';
import { startWeb, type Web, type WebParts } from './web-start.js';

/** Together below ten seconds, the patience of `docker stop`, even when no database answers. */
const STOP_WEB_MS = 2_000;
const STOP_JOBS_MS = 3_000;
const RELEASE_LEASE_MS = 1_000;
const CLOSE_DATABASES_MS = 3_000;
/** Flows that may read their whole table at the same time; fewer than the connections of either database. */
const SCANS_AT_ONCE = 2;
const FLUSH_DEADLINE_MS = 2_000;

/** A running exporter. */
export interface Exporter {
  /** Where it listens, for people. */
  readonly url: string;
  /** The databases as they were opened; the demo's application writes to the source. */
  readonly databases: OpenDatabases;
  readonly metrics: Metrics;
  /** The latest sample of the machine and the health score; undefined when measuring is off. */
  readonly resources: ResourceBoard | undefined;
  /** The latest answer of each probed service. */
  readonly probes: ProbeBoard;
  readonly tracing: Tracing;
  /** What /-/ready answers. */
  ready(): { readonly ready: boolean; readonly reasons: readonly string[] };
  /** Reads the configuration and the web configuration file again, now; a broken one changes nothing. */
  reload(): Reload;
  /** Stops intake, ends the running work, closes. Resolves within about ten seconds. */
  stop(): Promise<void>;
}

export interface ServeOptions {
  readonly config: ValidConfig;
  readonly version: string;
  readonly log: RootLogger;
  /** How the configuration is read again; undefined when it is of no file. */
  readonly reading?: ConfigReading | undefined;
  /** Who hears that we are ready and still at work; undefined when nobody asked. */
  readonly manager?: ServiceManagerLink | undefined;
  /** Runs once the embedded database, if any, answers and before flows are opened: the demo makes its tables here. */
  readonly prepare?: (databases: OpenDatabases) => Promise<void>;
}

/** Starts everything. Rejects when the address is taken or the embedded database cannot start; a database that is down is waited for. */
export async function startExporter(options: ServeOptions): Promise<Exporter> {
  const { config, version, log, reading } = options;
  const metrics = createMetrics({
    maxSeriesPerMetric: config.limits.seriesPerMetric,
    maxSeries: config.limits.seriesTotal,
  });
  metrics.buildInfo.set({ version, node: process.version }, 1);
  metrics.startEventLoopDelay();
  log.countOn(metrics);
  const board = new FlowBoard(metrics, Date.now);
  const tracing = await openTracing(options);
  const databases = await openDatabases(config, log, metrics, tracing);
  const state = { migrated: false, leaderUntilMs: 0, publishedAtMs: Number.NEGATIVE_INFINITY, epoch: 0n };
  const isLeader = () => performance.now() < state.leaderUntilMs;

  const resources = openResourceBoard(config, {
    metrics,
    log,
    flows: () => board.overviews(),
    wallMs: Date.now,
    nowMs: () => performance.now(),
  });
  const limits = new LimitsInForce({
    settings: config.thresholds,
    metrics,
    log: log.named('limits'),
    memoryTotalBytes: () => resources?.memoryTotalBytes(),
  });
  const probes = openProbeBoard(config, { metrics, log, databases });
  const holder = holderName();
  let supervisor: Supervisor | undefined;
  const stuck = (flow: string, limit: number) =>
    stuckReport(databases.store, runners.get(flow)?.flow, limit, Date.now());
  const views = { flows: () => board.overviews(), stuck };
  const isReady = () => state.migrated;
  const alerts = openAlertDesk({
    ...{ config, store: databases.store, metrics, log, holder, isReady, isLeader, views },
    failpoint: (name) => stopAt(config.failpoint, name),
    wallMs: Date.now,
    nowMs: () => performance.now(),
  });
  const { relay, maintenance } = alerts;
  const jobStates = () => supervisor?.states() ?? new Map();
  const desk = openHealthDesk({
    config,
    metrics,
    log,
    store: databases.store,
    limits,
    resources,
    probes,
    flows: () => board.overviews(),
    counted: () => board.counted(),
    ready: () => ({ storeAnswers: storeAnswers(state), uncounted: uncountedFlows(runners) }),
    isLeader,
    jobStates,
  });
  const web = await startOrClose(databases, {
    config,
    version,
    log,
    metrics,
    tracing,
    relay,
    maintenance,
    reading,
    live: {
      thresholds: (settings) => limits.take(settings),
      health: ({ weights }) => resources?.weigh(weights),
      log: ({ level }) => reading?.setLogLevel(level),
      maintenance: maintenance === undefined ? undefined : (planned) => maintenance.take(planned),
    },
    fits: { maintenance: (planned) => maintenance?.canTake(planned) ?? true },
    store: databases.store,
    isMigrated: () => state.migrated,
    flows: () => board.overviews(),
    stuck: (flow, { limit }) => stuckReport(databases.store, runners.get(flow)?.flow, limit, Date.now()),
    ready: () => readiness(state, runners),
    health: desk,
    numbers: desk.numbers,
    recentMoves: (flow, seconds) => board.recentMoves(flow, seconds),
  });

  const runners = buildRunners(options, databases, board, isLeader);
  const condition = { ready: () => readiness(state, runners), jobStates };
  try {
    await options.prepare?.(databases);
  } catch (error) {
    await web.close(0);
    await databases.close(CLOSE_DATABASES_MS);
    throw error;
  }
  supervisor = startJobs({
    log,
    databases,
    board,
    runners,
    metrics,
    state,
    holder,
    tracing,
    others: [
      ...(resources === undefined ? [] : [...resources.jobs(), limits.job()]),
      ...probes.jobs(),
      ...alerts.jobs(),
      ...desk.jobs(),
      ...web.jobs(),
      ...(options.manager === undefined ? [] : [options.manager.job(condition)]),
    ],
  });
  relay?.wakeBy((job) => supervisor?.trigger(job));
  log.info('started', {
    url: web.url,
    version,
    store: databases.store.label,
    source: databases.source.label,
  });

  return {
    url: web.url,
    databases,
    metrics,
    resources,
    probes,
    tracing,
    ready: condition.ready,
    reload: web.reload,
    stop: async () => {
      await stop(options, web, supervisor, databases, holder, state);
      if (!(await tracing.stop(FLUSH_DEADLINE_MS))) log.warn('the last traces may not have been sent');
    },
  };
}

function stopAt(configured: string | undefined, name: string): void {
  if (configured === name) process.kill(process.pid, 'SIGKILL');
  if (configured === `freeze:${name}`) process.kill(process.pid, 'SIGSTOP');
}

async function openTracing({ config, version, log }: ServeOptions): Promise<Tracing> {
  if (config.tracing.kind === 'off') {
    const { why, isMistake } = config.tracing;
    log.named('tracing')[isMistake ? 'warn' : 'debug']('tracing is off', { why });
    return noTracing;
  }
  for (const secret of config.tracing.secrets) log.protect(secret.reveal());
  return startTracing({ serviceName: 'flowgauge', version, log: log.named('tracing') });
}

async function startOrClose(databases: OpenDatabases, parts: WebParts): Promise<Web> {
  try {
    return await startWeb(parts);
  } catch (error) {
    await databases.close(CLOSE_DATABASES_MS);
    throw error;
  }
}

function buildRunners(
  { config, log }: ServeOptions,
  databases: OpenDatabases,
  board: FlowBoard,
  isLeader: () => boolean,
): ReadonlyMap<string, FlowRunner> {
  const report = (event: RunnerEvent) => {
    board.take(event);
    tellCapture(log, event);
  };
  const failpoint = (name: Failpoint) => stopAt(config.failpoint, name);
  const scans = new Turns(SCANS_AT_ONCE);
  return new Map(
    config.flows.map((flow) => [
      flow.name,
      new FlowRunner({
        config: flow,
        source: databases.source,
        store: databases.store,
        boundsSeconds: DWELL_BUCKETS_SECONDS,
        pageSize: config.journal.page,
        readIntervalMs: { min: config.journal.readIntervalMinMs, max: config.journal.readIntervalMaxMs },
        scans,
        failpoint,
        isLeader,
        report,
        nowMs: () => performance.now(),
      }),
    ]),
  );
}

async function stop(
  { log, manager }: ServeOptions,
  web: Web,
  supervisor: Supervisor,
  databases: OpenDatabases,
  holder: string,
  state: LiveState,
): Promise<void> {
  const startedMs = performance.now();
  manager?.stopping();
  const closed = web.close(STOP_WEB_MS);
  const leftBehind = await within(STOP_JOBS_MS, supervisor.stopAll());
  if (leftBehind === undefined || leftBehind.length > 0) {
    log.warn('jobs did not end in time; what they had not committed is done again after the next start', {
      jobs: leftBehind,
    });
  }
  if (state.migrated) {
    // Not worth waiting for: a lease that nobody renews runs out by itself.
    const released = release(databases.store, LEASE_NAME, holder, state.epoch);
    await within(RELEASE_LEASE_MS, released).catch((err) => log.debug('lease not released', { err }));
  }
  await closed;
  await databases.close(CLOSE_DATABASES_MS);
  log.info('stopped', { seconds: Math.round(performance.now() - startedMs) / 1000 });
}

/** What the promise resolves with, or undefined after `ms`; what it rejects with after that is nobody's concern. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  promise.catch(() => {});
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
