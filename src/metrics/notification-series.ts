/** Owns the series of alerts and messages: counted as they happen, and gauges as the store has them. */
import type { Metrics } from './registry.js';

/** What became of messages. */
export const messageStates = ['queued', 'sending', 'sent', 'dead'] as const;
/** How tries end. */
export const attemptOutcomes = ['sent', 'limited', 'transient', 'permanent'] as const;

/** What the store says of one channel. */
export interface ChannelCounts {
  readonly channel: string;
  readonly messages: Readonly<Record<(typeof messageStates)[number], number>>;
  /** Seconds since the epoch; undefined while none waits. */
  readonly oldestQueuedSeconds: number | undefined;
}

/** Writes the series of the relay. */
export interface NotificationSeries {
  /** An alert's name is known: its series exist from now on. */
  declareAlert(alertname: string): void;
  event(alertname: string, status: 'firing' | 'resolved'): void;
  deduplicated(channel: string, events: number): void;
  attempt(channel: string, outcome: (typeof attemptOutcomes)[number]): void;
  delivered(channel: string, seconds: number): void;
  counts(counts: ChannelCounts): void;
  watchdog(atSeconds: number): void;
}

/** The series of these channels, all of them at 0 from the start. */
export function notificationSeries(metrics: Metrics, channels: readonly string[]): NotificationSeries {
  const declared = new Set<string>();
  for (const channel of channels) {
    for (const state of messageStates) metrics.notificationMessages.set({ channel, state }, 0);
    for (const outcome of attemptOutcomes) metrics.notificationAttempts.inc({ channel, outcome }, 0);
    metrics.notificationDelivery.bind({ channel });
    metrics.notificationDeadLetters.set({ channel }, 0);
    metrics.notificationDeduplicated.inc({ channel }, 0);
  }
  return {
    declareAlert(alertname) {
      if (declared.has(alertname)) return;
      declared.add(alertname);
      for (const status of ['firing', 'resolved'] as const) metrics.alertEvents.inc({ alertname, status }, 0);
    },
    event(alertname, status) {
      this.declareAlert(alertname);
      metrics.alertEvents.inc({ alertname, status });
    },
    deduplicated: (channel, events) => metrics.notificationDeduplicated.inc({ channel }, events),
    attempt: (channel, outcome) => metrics.notificationAttempts.inc({ channel, outcome }),
    delivered: (channel, seconds) => metrics.notificationDelivery.observe({ channel }, seconds),
    counts({ channel, messages, oldestQueuedSeconds }) {
      for (const state of messageStates)
        metrics.notificationMessages.set({ channel, state }, messages[state]);
      metrics.notificationDeadLetters.set({ channel }, messages.dead);
      if (oldestQueuedSeconds === undefined) metrics.notificationOldestQueued.remove({ channel });
      else metrics.notificationOldestQueued.set({ channel }, oldestQueuedSeconds);
    },
    watchdog: (atSeconds) => metrics.notificationWatchdog.set({}, atSeconds),
  };
}
