/** Owns the relay as a whole: channels as configured, its jobs, what HTTP asks of it, and what it tells log and series. */
import { type ChatViews, openChatControl } from './chat-control.js';
import type { NotificationsConfig } from './config/notifications.js';
import type { AlertDeps } from './http/alert-api.js';
import { acknowledgeSeries } from './metrics/acknowledge-series.js';
import { notificationSeries } from './metrics/notification-series.js';
import type { Metrics } from './metrics/registry.js';
import { type Lanes, openLanes } from './notification-lanes.js';
import { relayReporter } from './notification-log.js';
import { buildWays, routingOf } from './notification-ways.js';
import { Air } from './notifications/air.js';
import type { ChatMaintenance } from './notifications/chat-maintenance.js';
import type { Claim } from './notifications/claim.js';
import { countOutbox, knownAlerts } from './notifications/counts.js';
import { listDeadLetters, redrive } from './notifications/dead-letters.js';
import { forgetOld, readHistory } from './notifications/history.js';
import { takeIn } from './notifications/intake.js';
import { freeGone } from './notifications/outbox.js';
import { renderClaim } from './notifications/render.js';
import { targetsOf } from './notifications/target.js';
import { judgeWatchdog, lastSign, ping } from './notifications/watchdog.js';
import type { NotifyFailpoint } from './notifications/worker-options.js';
import type { Job } from './resilience/job.js';
import { Limiter } from './resilience/limiter.js';
import { isBearer, secretSource } from './secret-source.js';
import type { Database } from './storage/database.js';
import { isGone } from './storage/holder.js';
import { currentRequestId } from './telemetry/context.js';
import type { RootLogger } from './telemetry/logger.js';

/**
 * Half of the store's connections: in a storm Alertmanager tells thousands of groups at the same moment, and behind all
 * of them nothing would be sent. Whoever finds no room comes back after a 503, but not at once: a refusal without a wait
 * is asked again so soon that refusing would be all that is done.
 */
const INTAKE = { name: 'alert intake', limit: 2, maxQueue: 1_000, maxWaitMs: 2_500 } as const;
const COUNT_EVERY_MS = 2_000;
const FREE_EVERY_MS = 1_000;
const JUDGE_EVERY_MS = 5_000;
const FORGET_EVERY_MS = 60_000;

/** What the relay needs. */
export interface RelayOptions {
  readonly config: NotificationsConfig;
  readonly store: Database;
  readonly metrics: Metrics;
  readonly log: RootLogger;
  readonly holder: string;
  /** Whether the store has our tables yet. */
  readonly isReady: () => boolean;
  readonly failpoint: (name: NotifyFailpoint | 'webhook_stored') => void;
  /** What commands in the chat may show. Default: nothing. */
  readonly views?: ChatViews;
  /** Undefined where nobody looks after planned work. */
  readonly maintenance?: ChatMaintenance | undefined;
  /** Wall clock in milliseconds. */
  readonly wallMs: () => number;
}

/** A running relay has jobs, and answers HTTP. */
export interface Relay {
  jobs(): readonly Job[];
  /** How a job is started before its time, once the jobs run; without it what was taken in waits until somebody looks. */
  wakeBy(trigger: (job: string) => unknown): void;
  readonly http: AlertDeps;
}

/** The relay of an exporter. */
export function openRelay(options: RelayOptions): Relay {
  const { config, store, metrics, holder, isReady, failpoint, wallMs } = options;
  const log = options.log.named('notifications');
  const ways = buildWays(config, options.log, metrics);
  const routing = routingOf(config);
  const names = ways.map(({ channel }) => channel.name);
  const series = notificationSeries(metrics, names);
  const response = acknowledgeSeries(metrics);
  const intake = new Limiter(INTAKE);
  const chat = openChatControl({
    ...options,
    channels: names,
    views: options.views ?? NO_VIEWS,
    takeIn: (batch) => http.takeIn(batch, undefined),
  });
  const ingest =
    config.webhookTokenFile === undefined ? undefined : secretSource(config.webhookTokenFile, options.log);
  const pingUrl =
    config.watchdog.pingUrlFile === undefined
      ? undefined
      : secretSource(config.watchdog.pingUrlFile, options.log);

  async function pingOutside(): Promise<void> {
    if (pingUrl === undefined) return;
    const fault = await ping(pingUrl().reveal());
    if (fault !== undefined) log.warn('the address outside was not reached with the sign of life', { fault });
  }

  const report = relayReporter(log, series, pingOutside);

  let trigger: (job: string) => unknown = () => {};
  const lanes = new Map<string, Lanes>();
  for (const { channel, rest } of ways) {
    const worker = {
      db: store,
      channel,
      pace: rest,
      render: (claim: Claim) => renderClaim(claim, wallMs(), chat.buttonsFor(claim.channel, claim.chat)),
      holder,
      leaseMs: config.leaseMs,
      stormAbove: config.digestAbove,
      random: Math.random,
      air: new Air(),
      report,
      failpoint,
    };
    lanes.set(
      channel.name,
      openLanes(worker, (job) => trigger(job), isReady),
    );
  }

  const whenReady =
    (run: (signal: AbortSignal) => Promise<unknown>) =>
    async (signal: AbortSignal): Promise<void> => {
      if (isReady()) await run(signal);
    };
  const backoff = { firstMs: 250, maxMs: 2_000 };

  const watchdogTargets = [...routing.targets.values()];
  let areAlertsDeclared = false;
  const jobs: readonly Job[] = [
    {
      name: 'notify_free',
      intervalMs: FREE_EVERY_MS,
      deadlineMs: 10_000,
      backoff,
      run: whenReady(async () => {
        const freed = await freeGone(store, isGone);
        if (freed > 0) log.info('chats of a process that has ended were freed', { chats: freed });
      }),
    },
    {
      name: 'notify_count',
      intervalMs: COUNT_EVERY_MS,
      deadlineMs: 10_000,
      backoff,
      run: whenReady(async () => {
        if (!areAlertsDeclared) for (const name of await knownAlerts(store)) series.declareAlert(name);
        areAlertsDeclared = true;
        for (const counts of await countOutbox(store, names)) series.counts(counts);
        const sign = await lastSign(store, config.watchdog.alertname);
        if (sign !== undefined) series.watchdog(sign);
      }),
    },
    {
      name: 'notify_watchdog',
      intervalMs: JUDGE_EVERY_MS,
      deadlineMs: 15_000,
      backoff,
      run: whenReady(async () => {
        const { alertname: name, patienceMs } = config.watchdog;
        const news = await judgeWatchdog(store, {
          name,
          patienceMs,
          targets: watchdogTargets,
          ttlMs: config.ttlMs,
        });
        if (news !== 'nothing new') log.warn('sign of life', { news });
      }),
    },
    {
      name: 'notify_forget',
      intervalMs: FORGET_EVERY_MS,
      deadlineMs: 30_000,
      backoff,
      run: whenReady(async () => {
        while (await forgetOld(store, config.retention));
      }),
    },
    ...chat.jobs(),
    ...[...lanes.values()].flatMap((all) => all.jobs),
  ];

  const http: AlertDeps = {
    async takeIn(batch, requestId) {
      const arrivedMs = performance.now();
      const { targets, known } = targetsOf(routing, batch.receiver);
      if (!known)
        log.warn('a receiver is not in notifications.routes; its alerts go to the fallback', {
          receiver: batch.receiver,
          fallback: config.fallback,
        });
      const { alertname: watchdog } = config.watchdog;
      const taken = { targets, ttlMs: config.ttlMs, watchdog, requestId, arrivedMs };
      const done = await intake.execute(() => takeIn(store, batch, taken));
      failpoint('webhook_stored');
      for (const name of new Set(targets.map(({ channel }) => channel))) lanes.get(name)?.wake();
      for (const { alertname, status, severity, lastedSeconds } of done.stored) {
        series.event(alertname, status);
        if (lastedSeconds !== undefined) response.resolved(severity, lastedSeconds);
      }
      for (const { channel } of targets) series.deduplicated(channel, done.repeats);
      return { stored: done.stored.length, repeats: done.repeats };
    },
    mayIngest: (authorization) => ingest === undefined || isBearer(authorization, ingest()),
    history: (query) => readHistory(store, query),
    deadLetters: (limit) => listDeadLetters(store, limit),
    redrive: (query) => redrive(store, query, config.ttlMs),
    logger: options.log.named('http'),
    requestId: currentRequestId,
  };
  return {
    jobs: () => jobs,
    wakeBy(next) {
      trigger = next;
    },
    http,
  };
}

const NO_VIEWS: ChatViews = { flows: () => [], stuck: async () => ({ totalStuck: 0, items: [] }) };
