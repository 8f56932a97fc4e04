/** Owns what people are told of planned work: that it begins, that it is over, and what fires still. */

import type { AlertBatch } from './alerts/alert.js';
import { severities } from './alerts/alert.js';
import type { ActiveAlert, Alertmanager } from './alerts/alertmanager.js';
import { matchersText } from './alerts/silence.js';
import type { NotificationsConfig } from './config/notifications.js';
import type { EndReason } from './maintenance/plan.js';
import type { Wish } from './maintenance/wish.js';
import { endedLately } from './maintenance/wish-store.js';
import { routingOf } from './notification-ways.js';
import { alertsAnswer } from './notifications/chat-answers.js';
import { momentText } from './notifications/message-text.js';
import { openMutedEnds } from './notifications/muted-ends.js';
import { type Target, targetsOf } from './notifications/target.js';
import { queueNotice } from './notifications/watchdog.js';
import type { Database } from './storage/database.js';

/** Receiver whose route hears of planned work; without one the fallback does. */
const RECEIVER = 'maintenance';
/** How long after its end a wish's alerts are watched, beyond the time of an absence: another replica may have to begin anew. */
const WATCHED_AFTER_MS = 600_000;

/** Tells people. Every method rejects with the store's errors. */
export interface MaintenanceNotices {
  begun(wish: Wish): Promise<void>;
  over(wish: Wish, reason: EndReason, alerts: readonly ActiveAlert[]): Promise<void>;
  /** One look at the alerts of wishes that ended lately: those that stay away are over, and told as such. */
  follow(signal: AbortSignal): Promise<void>;
}

/** What the notices need. */
export interface NoticeOptions {
  readonly config: NotificationsConfig;
  readonly store: Database;
  readonly alertmanager: Alertmanager;
  /** How long an alert must be away before it counts as over, milliseconds. */
  readonly absentForMs: number;
  /** Takes in that alerts are over: the end of an alert that was muted is told by nobody else. */
  readonly takeIn: (batch: AlertBatch) => Promise<unknown>;
  /** Wall clock in milliseconds. */
  readonly wallMs: () => number;
  /** Monotonic clock in milliseconds. */
  readonly nowMs: () => number;
}

/** The notices by the ways that are configured. */
export function maintenanceNotices(options: NoticeOptions): MaintenanceNotices {
  const { config, store, absentForMs, wallMs } = options;
  const { targets } = targetsOf(routingOf(config), RECEIVER);
  const { ttlMs } = config;

  async function tell(to: readonly Target[], key: string, title: string, body: string, isLoud: boolean) {
    const rank = severities.indexOf(isLoud ? 'warning' : 'info');
    for (const target of to) await queueNotice(store, target, { key, title, body, rank, ttlMs });
  }

  const ends = openMutedEnds(options);

  return {
    async begun(wish) {
      // Whoever asked in a chat has an answer there, and a resolved alert is told as such.
      if (wish.kind === 'resolve' || wish.chat !== undefined) return;
      const title = `🔧 Maintenance until ${momentText(wish.untilMs)}`;
      await tell(targets, `begin of ${wish.tag}`, title, aboutText(wish), false);
    },
    async over(wish, reason, alerts) {
      const isFiring = alerts.length > 0;
      if (wish.kind === 'resolve' && (reason === 'cleared' || !isFiring)) return;
      const { title, body } = alertsAnswer(alerts, wallMs());
      const what = wish.kind === 'resolve' ? `🔔 Still firing: ${wish.name}` : '🔧 Maintenance is over';
      const text = isFiring ? `${aboutText(wish)}\n${body}` : aboutText(wish);
      const to = wish.chat === undefined ? targets : [wish.chat];
      await tell(
        to,
        `end of ${wish.tag}`,
        isFiring ? `${what}: ${title}` : `${what}: nothing fires`,
        text,
        isFiring,
      );
    },
    async follow(signal) {
      const ended = await endedLately(store, absentForMs + WATCHED_AFTER_MS);
      await ends.look(
        ended.map(({ matchers }) => matchers),
        signal,
      );
    },
  };
}

function aboutText({ kind, name, owner, reason, matchers, cancelledBy }: Wish): string {
  const who = kind === 'window' ? `Window ${name}` : `By ${owner}`;
  const why = reason === '' ? '' : `: ${reason}`;
  const ended = cancelledBy === undefined ? '' : `\nEnded by ${cancelledBy}`;
  return `${who}${why}\n${matchersText(matchers)}${ended}`;
}
