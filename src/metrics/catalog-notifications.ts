/** Owns the series about alerts that came in and messages that go out to people. */
import type { MetricSpec } from './define.js';

/** Upper bounds of the way from intake to confirmation, in seconds: from calm running to a day without Telegram. */
export const DELIVERY_BUCKETS_SECONDS = [
  0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 21_600, 86_400,
] as const;

/** Upper bounds of the times of people, in seconds: from a minute to a day. */
export const RESPONSE_BUCKETS_SECONDS = [60, 300, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400] as const;

const STABLE = { stability: 'stable', feature: 'alert' } as const;
const CHANNEL = '`telegram`, `webhook`, `slack`, `email`: those that are configured';
const SEVERITY = '`critical`, `error`, `warning`, `info`';

export const notificationMetrics = {
  alertEvents: {
    name: 'alert_events_total',
    help: 'Alert events that this process stored: an alert began to fire, or was resolved; repeats are not counted.',
    type: 'counter',
    unit: undefined,
    labels: { alertname: 'name of the alert as Alertmanager sends it', status: '`firing`, `resolved`' },
    ...STABLE,
  },
  alertAcknowledge: {
    name: 'alert_acknowledge_seconds',
    help: 'Time from the intake of a firing alert until somebody took or silenced it in the chat, in seconds; only those that somebody did.',
    type: 'histogram',
    unit: 'seconds',
    labels: { severity: SEVERITY },
    buckets: RESPONSE_BUCKETS_SECONDS,
    ...STABLE,
  },
  alertResolve: {
    name: 'alert_resolve_seconds',
    help: 'Time from the start of an alert to its end, in seconds, counted when its end comes in.',
    type: 'histogram',
    unit: 'seconds',
    labels: { severity: SEVERITY },
    buckets: RESPONSE_BUCKETS_SECONDS,
    ...STABLE,
  },
  notificationMessages: {
    name: 'notification_messages',
    help: 'Messages in the store by what became of them; sent and dead ones until their retention ends.',
    type: 'gauge',
    unit: undefined,
    labels: { channel: CHANNEL, state: '`queued`, `sending`, `sent`, `dead`' },
    ...STABLE,
  },
  notificationAttempts: {
    name: 'notification_attempts_total',
    help: 'Tries of this process to send a message, by their end.',
    type: 'counter',
    unit: undefined,
    labels: { channel: CHANNEL, outcome: '`sent`, `limited`, `transient`, `permanent`' },
    ...STABLE,
  },
  notificationDelivery: {
    name: 'notification_delivery_seconds',
    help: 'Time from the intake of an alert event to the confirmation of a channel that it has the message, in seconds.',
    type: 'histogram',
    unit: 'seconds',
    labels: { channel: CHANNEL },
    buckets: DELIVERY_BUCKETS_SECONDS,
    ...STABLE,
  },
  notificationDeadLetters: {
    name: 'notification_dead_letters',
    help: 'Messages that were given up and not put back into the queue since.',
    type: 'gauge',
    unit: undefined,
    labels: { channel: CHANNEL },
    ...STABLE,
  },
  notificationOldestQueued: {
    name: 'notification_oldest_queued_timestamp_seconds',
    help: 'Moment at which the longest-waiting message was queued, in seconds since the epoch; absent while none waits.',
    type: 'gauge',
    unit: 'seconds',
    labels: { channel: CHANNEL },
    ...STABLE,
  },
  notificationDeduplicated: {
    name: 'notification_deduplicated_total',
    help: 'Alert events that came again and were not sent again.',
    type: 'counter',
    unit: undefined,
    labels: { channel: CHANNEL },
    ...STABLE,
  },
  notificationWatchdog: {
    name: 'notification_watchdog_timestamp_seconds',
    help: 'Moment at which the alert that always fires last arrived, in seconds since the epoch; absent before the first.',
    type: 'gauge',
    unit: 'seconds',
    labels: {},
    starts: 'absent',
    ...STABLE,
  },
} as const satisfies Readonly<Record<string, MetricSpec>>;
