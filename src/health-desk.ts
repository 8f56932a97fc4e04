/** Owns where the bodies of health and of numbers get their facts: the boards of this process, and jobs that look at them. */
import { performance } from 'node:perf_hooks';
import { alertmanagerAt } from './alerts/alertmanager.js';
import type { ValidConfig } from './config/valid-config.js';
import { watchdogName } from './config/watchdog-name.js';
import type { FlowOverview } from './http/deps.js';
import type { NumbersDeps } from './http/metrics-api.js';
import type { LimitsInForce } from './limits-in-force.js';
import type { Metrics } from './metrics/registry.js';
import { routingOf } from './notification-ways.js';
import { readFlowDays } from './operations/flow-days.js';
import { BreakerWatch } from './operations/health-breakers.js';
import { ChannelWatch } from './operations/health-channels.js';
import type { HealthFacts, ReadyFacts } from './operations/health-facts.js';
import { FiringBoard } from './operations/health-firing.js';
import { jobLines } from './operations/health-jobs.js';
import { PerformanceWindow } from './operations/health-performance.js';
import { readEnds, readFailures } from './operations/metrics-notifications.js';
import type { ProbeBoard } from './probe-board.js';
import type { Job, JobState } from './resilience/job.js';
import type { ResourceBoard } from './resource-board.js';
import type { Database } from './storage/database.js';
import type { RootLogger } from './telemetry/logger.js';

/** How often the process looks at its own counters: what failed last is known to this length. */
const LOOK_EVERY_MS = 5_000;
/** Half of this it may be behind, as on a machine with much to do, before it counts as late. */
const LOOK_DEADLINE_MS = 30_000;

/** What the desk looks at. */
export interface HealthDeskOptions {
  readonly config: Pick<ValidConfig, 'notifications' | 'alertmanagerUrl'>;
  readonly metrics: Metrics;
  readonly log: RootLogger;
  readonly store: Database;
  readonly limits: Pick<LimitsInForce, 'values'>;
  readonly resources: Pick<ResourceBoard, 'latest' | 'history'> | undefined;
  readonly probes: Pick<ProbeBoard, 'latest'>;
  readonly flows: () => readonly FlowOverview[];
  /** The flows whose moves are counted as they happen. */
  readonly counted: () => ReadonlySet<string>;
  readonly ready: () => ReadyFacts;
  readonly isLeader: () => boolean;
  readonly jobStates: () => ReadonlyMap<string, JobState>;
}

/** One per process; its jobs are started by whoever runs the others. */
export interface HealthDesk {
  readonly facts: HealthFacts;
  readonly numbers: NumbersDeps;
  jobs(): readonly Job[];
}

/** The desk of an exporter. */
export function openHealthDesk(options: HealthDeskOptions): HealthDesk {
  const {
    config,
    metrics,
    log,
    store,
    limits,
    resources,
    probes,
    flows,
    counted,
    ready,
    isLeader,
    jobStates,
  } = options;
  const { notifications, alertmanagerUrl } = config;
  const channels = notifications === undefined ? [] : channelsOf(notifications);
  const breakerWatch = new BreakerWatch(metrics);
  const channelWatch = new ChannelWatch(metrics, channels);
  const performed = new PerformanceWindow(metrics);
  const alertmanager = alertmanagerUrl === undefined ? undefined : alertmanagerAt(alertmanagerUrl);
  const firing = new FiringBoard(alertmanager, watchdogName(notifications), Date.now);
  const look: Job = {
    name: 'health_look',
    every: { periodMs: LOOK_EVERY_MS },
    deadlineMs: LOOK_DEADLINE_MS,
    async run() {
      breakerWatch.look(Date.now());
      channelWatch.look(Date.now());
      await performed.look(performance.now(), counted());
    },
  };
  const facts: HealthFacts = {
    now: () => new Date(),
    ready,
    flows,
    jobs: () => jobLines(jobStates(), metrics),
    isLeader,
    breakers: () => breakerWatch.lines(),
    firing: () => firing.report(),
    resources: () => resources?.latest(),
    resourceHistory: (minutes) => resources?.history(minutes),
    probes: () => probes.latest(),
    performance: () => performed.report(),
    channels: () => channelWatch.lines(),
    thresholds: () => limits.values(),
  };
  return {
    facts,
    numbers: {
      facts,
      days: (flow, days) => readFlowDays(store, flow, days),
      notifications:
        notifications === undefined
          ? undefined
          : {
              keptMs: notifications.retention.sentMs,
              ends: (span) => readEnds(store, channels, span),
              failures: (seconds, limit) => readFailures(store, seconds, limit),
            },
      logger: log.named('http'),
    },
    jobs: () => [look, ...firing.jobs()],
  };
}

function channelsOf(notifications: NonNullable<ValidConfig['notifications']>): readonly string[] {
  const targets = [...routingOf(notifications).targets.values()];
  return [...new Set(targets.map(({ channel }) => channel))];
}
