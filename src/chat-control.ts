/** Owns the doing from a chat as a whole: one replica reads what people did, and cares for the silences they asked for. */
import { performance } from 'node:perf_hooks';
import type { AlertBatch } from './alerts/alert.js';
import { alertmanagerAt } from './alerts/alertmanager.js';
import type { NotificationsConfig } from './config/notifications.js';
import { acknowledgeSeries } from './metrics/acknowledge-series.js';
import type { Metrics } from './metrics/registry.js';
import type { FlowLine, StuckLines } from './notifications/chat-answers.js';
import { chatOfAddress, forgetActions } from './notifications/chat-journal.js';
import type { ChatMaintenance } from './notifications/chat-maintenance.js';
import { ChatPoll, ChatPollError, POLL_DEADLINE_MS } from './notifications/chat-poll.js';
import { keepSilences } from './notifications/chat-upkeep.js';
import type { Buttons } from './notifications/render.js';
import type { Job } from './resilience/job.js';
import { secretSource } from './secret-source.js';
import type { Database } from './storage/database.js';
import { isGone } from './storage/holder.js';
import { acquireOrRenew, release } from './storage/lease.js';
import type { RootLogger } from './telemetry/logger.js';

/** Name of the lease that the reading replica holds: Telegram answers one reader only. */
const LEASE_NAME = 'chat';
/** Longer than a poll and the update under way; what a killed reader's successor on another host waits. */
const LEASE_SECONDS = 60;
const NEXT_POLL_MS = 50;
const STAND_BY_MS = 3_000;
const KEEP_EVERY_MS = 5_000;
const FORGET_EVERY_MS = 600_000;
/** Prometheus tells a restarted Alertmanager of its alerts again within a minute. */
const ABSENT_FOR_MS = 120_000;

/** What a chat can be told of besides alerts. */
export interface ChatViews {
  readonly flows: () => readonly FlowLine[];
  readonly stuck: (flow: string, limit: number) => Promise<StuckLines>;
}

/** What the control needs. */
export interface ChatControlOptions {
  readonly config: NotificationsConfig;
  readonly store: Database;
  readonly metrics: Metrics;
  readonly log: RootLogger;
  readonly holder: string;
  readonly isReady: () => boolean;
  readonly views: ChatViews;
  /** Undefined where nobody looks after planned work. */
  readonly maintenance?: ChatMaintenance | undefined;
  readonly channels: readonly string[];
  /** Takes in a batch as the webhook does. */
  readonly takeIn: (batch: AlertBatch) => Promise<unknown>;
  readonly wallMs: () => number;
}

/** Buttons under the messages of some chats, and the jobs behind them. */
export interface ChatControl {
  buttonsFor(channel: string, chat: string): Buttons;
  jobs(): readonly Job[];
}

/** The control, or one that does nothing when it is switched off. */
export function openChatControl(options: ChatControlOptions): ChatControl {
  const { config, store, metrics, holder, isReady, views, wallMs } = options;
  const response = acknowledgeSeries(metrics);
  const { telegram } = config;
  const actions = telegram?.actions;
  if (telegram === undefined || actions === undefined)
    return { buttonsFor: () => 'without buttons', jobs: () => [] };
  const log = options.log.named('chat');
  const token = secretSource(telegram.tokenFile, options.log);
  const allowed = new Set(actions.chats.flatMap((name) => telegram.chats.get(name)?.chat ?? []));
  const alertmanager = alertmanagerAt(actions.alertmanagerUrl);
  let mineUntilMs = 0;
  let epoch = 0n;
  const isMine = () => performance.now() < mineUntilMs;

  const poll = new ChatPoll({
    db: store,
    access: { apiUrl: telegram.apiUrl, token },
    isMine,
    gaveUp: (err) =>
      log.error('what somebody did in the chat was left, because it failed again and again', { err }),
    actions: {
      db: store,
      alertmanager,
      users: new Set(actions.users),
      watchdog: config.watchdog.alertname,
      ttlMs: config.ttlMs,
      channels: options.channels,
      maintenance: options.maintenance,
      ...views,
      wallMs,
      async chatOf(chat, chatName) {
        if (allowed.has(chat)) return chat;
        if (chatName !== undefined && allowed.has(chatName)) return chatName;
        // A group that became a supergroup is still the chat that was allowed.
        const was = await chatOfAddress(store, chat);
        return was !== undefined && allowed.has(was) ? was : undefined;
      },
      acknowledged(events) {
        for (const { severity, seconds } of events) response.acknowledged(severity, seconds);
      },
      report({ from, wish }, { outcome, detail }) {
        log.info('chat action', { action: wish.kind, chat: from.chat, user: from.userId, outcome, detail });
      },
    },
  });

  /** Whether we read, from before the question on: its answer may have travelled for a while. */
  async function renew(): Promise<boolean> {
    const askedMs = performance.now();
    let lease = await acquireOrRenew(store, LEASE_NAME, holder, LEASE_SECONDS);
    if (!lease.held && isGone(lease.holder)) {
      await release(store, LEASE_NAME, lease.holder, lease.epoch);
      lease = await acquireOrRenew(store, LEASE_NAME, holder, LEASE_SECONDS);
    }
    epoch = lease.epoch;
    mineUntilMs = lease.held ? askedMs + LEASE_SECONDS * 1000 * 0.8 : 0;
    return lease.held;
  }

  let pollPauseMs = NEXT_POLL_MS;
  const backoff = { firstMs: 1_000, maxMs: 30_000 };
  const jobs: readonly Job[] = [
    {
      name: 'chat_poll',
      intervalMs: () => pollPauseMs,
      deadlineMs: POLL_DEADLINE_MS + 300_000,
      backoff,
      graceMs: 2_000,
      async run(signal) {
        pollPauseMs = STAND_BY_MS;
        if (!isReady() || !(await renew())) return;
        try {
          await poll.pass(signal);
          pollPauseMs = NEXT_POLL_MS;
        } catch (error) {
          if (signal.aborted) return;
          if (!(error instanceof ChatPollError)) throw error;
          pollPauseMs = error.afterSeconds * 1_000;
          log.warn('the chat cannot be read now', { err: error });
        } finally {
          // An orderly end: the other replica need not wait for the lease.
          if (signal.aborted) await release(store, LEASE_NAME, holder, epoch);
        }
      },
    },
    {
      name: 'chat_silences',
      intervalMs: KEEP_EVERY_MS,
      deadlineMs: 60_000,
      backoff,
      async run(signal) {
        if (!isReady() || !isMine()) return;
        const { takeIn } = options;
        const ttlMs = config.ttlMs;
        await keepSilences(
          { db: store, alertmanager, absentForMs: ABSENT_FOR_MS, ttlMs, takeIn, wallMs },
          signal,
        );
      },
    },
    {
      name: 'chat_forget',
      intervalMs: FORGET_EVERY_MS,
      deadlineMs: 30_000,
      backoff,
      async run() {
        if (!isReady()) return;
        while (await forgetActions(store, config.retention.eventsMs));
      },
    },
  ];
  return {
    buttonsFor: (channel, chat) =>
      channel === 'telegram' && allowed.has(chat) ? 'with buttons' : 'without buttons',
    jobs: () => jobs,
  };
}
