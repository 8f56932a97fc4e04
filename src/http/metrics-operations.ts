/** Owns the description of the HTTP of numbers. */
import { HEALTH_STATUSES } from '../operations/health-overview.js';
import { breakerStates } from '../resilience/breaker-state.js';
import { breakerOutcomes } from '../resilience/events.js';
import {
  COUNT,
  FLAG,
  type JsonSchema,
  listOf,
  MOMENT,
  NUMBER,
  type Operation,
  object,
  orNull,
  type Parameter,
  TEXT,
} from './operation.js';
import type { NumberBounds } from './query-number.js';

/** Circuit breakers by name. */
export const BREAKERS: JsonSchema = {
  type: 'object',
  additionalProperties: object({
    name: TEXT,
    state: { enum: breakerStates },
    failure_count: COUNT,
    success_count: COUNT,
    last_failure_time: orNull(NUMBER),
    retry_after_seconds: orNull(NUMBER),
    calls: object(Object.fromEntries(breakerOutcomes.map((outcome) => [outcome, COUNT]))),
  }),
};

/** Days of items per day. */
export const DAILY_DAYS: NumberBounds = { least: 1, most: 365, usual: 30 };
/** Days of status changes. */
export const CHANGE_DAYS: NumberBounds = { least: 1, most: 90, usual: 7 };
/** Hours of delivered messages. */
export const RATE_HOURS: NumberBounds = { least: 1, most: 168, usual: 24 };
/** Hours of failed messages. */
export const FAILURE_HOURS: NumberBounds = { least: 1, most: 168, usual: 1 };
/** Failed messages in one answer. */
export const FAILURE_LIMIT: NumberBounds = { least: 1, most: 1_000, usual: 100 };

const FLOW: Parameter = {
  name: 'flow',
  in: 'query',
  description: 'Name of a flow. Without it the flow `orders`, else the only one.',
  schema: TEXT,
  example: 'tokens',
};
const BY_NAME: JsonSchema = { type: 'object', additionalProperties: COUNT };
const RATE = object({
  success_rate: orNull({ type: 'number', minimum: 0, maximum: 100 }),
  total: COUNT,
  successful: COUNT,
  failed: COUNT,
});
const SPAN = {
  flow: TEXT,
  days: COUNT,
  from: TEXT,
  to: TEXT,
  counted_since: MOMENT,
  last_gap_at: orNull(MOMENT),
};
const ALERT = object({
  severity: { enum: ['critical', 'error', 'warning', 'info'] },
  type: TEXT,
  message: TEXT,
  details: { type: 'object', additionalProperties: TEXT },
  since: orNull(MOMENT),
  muted: FLAG,
  fingerprint: TEXT,
});
const SUMMARY = {
  date: TEXT,
  flow: TEXT,
  orders: object({
    total: orNull(COUNT),
    by_status: { type: 'object', additionalProperties: orNull(COUNT) },
    new_today: orNull(COUNT),
    changes_today: orNull(COUNT),
  }),
  notifications: orNull(RATE),
};
const MISSING = listOf(object({ part: TEXT, remedy: TEXT }));

/** `GET /api/metrics/orders/daily` */
export const ORDERS_DAILY = shown(
  'listOrdersDaily',
  'New items of a flow per day, in UTC.',
  object({ ...SPAN, orders_per_day: BY_NAME }),
  [whole('days', DAILY_DAYS, 'How many days, today included.'), FLOW],
);
/** `GET /api/metrics/status-changes` */
export const STATUS_CHANGES = shown(
  'countStatusChanges',
  'Moves of a flow into each status.',
  object({ ...SPAN, status_changes: BY_NAME }),
  [whole('days', CHANGE_DAYS, 'How many days, today included.'), FLOW],
);
/** `GET /api/metrics/notifications/success-rate` */
export const SUCCESS_RATE = shown(
  'showNotificationSuccessRate',
  'Messages to people that were delivered or given up, by channel; rates are percent, null of nothing.',
  object({
    hours: COUNT,
    complete: FLAG,
    notification_metrics: { type: 'object', additionalProperties: RATE, required: ['overall'] },
  }),
  [whole('hours', RATE_HOURS, 'How far back.')],
);
/** `GET /api/metrics/notifications/failures` */
export const FAILURES = shown(
  'listNotificationFailures',
  'Messages to people that were given up, the newest first; `total` counts those beyond the limit too.',
  object({
    hours: COUNT,
    limit: COUNT,
    count: COUNT,
    total: COUNT,
    failures: listOf(
      object({
        id: COUNT,
        notification_type: TEXT,
        channel: TEXT,
        chat: TEXT,
        sent_at: MOMENT,
        attempts: COUNT,
        error_message: TEXT,
      }),
    ),
  }),
  [whole('hours', FAILURE_HOURS, 'How far back.'), whole('limit', FAILURE_LIMIT, 'How many to answer.')],
);
/** `GET /api/metrics/summary` */
export const SUMMARY_SHOWN = shown(
  'showSummary',
  'A flow and the messages of today; `missing` names what cannot be told, and the remedy.',
  object({ ...SUMMARY, missing: MISSING }),
  [FLOW],
);
/** `GET /api/metrics/dashboard` */
export const NUMBERS_DASHBOARD = shown(
  'showNumbersDashboard',
  'Health, a flow, messages, alerts and circuit breakers in one answer.',
  object({
    health_status: { enum: HEALTH_STATUSES },
    timestamp: MOMENT,
    flow: TEXT,
    daily_summary: object(SUMMARY),
    orders_last_7_days: orNull(BY_NAME),
    status_changes_last_7_days: orNull(BY_NAME),
    notification_success_rate_24h: orNull(NUMBER),
    alerts: orNull(object({ count: COUNT, critical: COUNT, warnings: COUNT, items: listOf(ALERT) })),
    circuit_breakers: BREAKERS,
    missing: MISSING,
  }),
  [FLOW],
);
/** `GET /api/metrics/alerts` */
export const ALERTS_LISTED = shown(
  'listFiringAlerts',
  'Alerts that fire in Alertmanager, at most some seconds old.',
  object({
    status: { enum: ['healthy', 'warning', 'critical'] },
    as_of: MOMENT,
    alert_count: COUNT,
    critical_count: COUNT,
    warning_count: COUNT,
    muted_count: COUNT,
    alerts: listOf(ALERT),
  }),
);
/** `GET /api/metrics/circuit-breakers` */
export const BREAKERS_LISTED: Operation = {
  id: 'listCircuitBreakers',
  summary: 'The circuit breakers of this process.',
  answers: {
    200: {
      description: 'By name.',
      type: 'application/json',
      schema: object({ circuit_breakers: BREAKERS }),
    },
  },
};

function shown(
  id: string,
  summary: string,
  schema: JsonSchema,
  parameters: readonly Parameter[] = [],
): Operation {
  return {
    id,
    summary,
    parameters,
    answers: { 200: { description: 'The numbers.', type: 'application/json', schema } },
    problems: [503],
  };
}

function whole(name: string, { least, most, usual }: NumberBounds, description: string): Parameter {
  const schema = { type: 'integer', minimum: least, maximum: most, default: usual };
  return { name, in: 'query', description, schema, example: String(usual) };
}
