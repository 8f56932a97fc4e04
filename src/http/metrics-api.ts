/** Owns the HTTP of numbers: items per day, status changes, messages to people, alerts and circuit breakers. */
import type { FlowDays } from '../operations/flow-days.js';
import type { FlowFacts, HealthFacts } from '../operations/health-facts.js';
import type { ChannelEnds, FailedMessages } from '../operations/metrics-notifications.js';
import {
  alertsBody,
  circuitBreakersBody,
  dailyBody,
  dashboardBody,
  type MissingPart,
  type Numbers,
  statusChangesBody,
  successRateBody,
  summaryBody,
} from '../operations/metrics-views.js';
import type { Logger } from '../telemetry/logger.js';
import { type Answer, type FaceRequest, jsonAnswer } from './answer.js';
import { countedDays, flowOf, inTime, MOVES_REMEDIES } from './counted-flow.js';
import { CHANGE_DAYS, DAILY_DAYS, FAILURE_HOURS, FAILURE_LIMIT, RATE_HOURS } from './metrics-operations.js';
import { notConfigured, unavailable } from './problem.js';
import { wholeNumber } from './query-number.js';

const HOUR_S = 3_600;
/** The usual flow, where nobody names one. */
const USUAL_FLOW = 'orders';

/** Messages to people, as the store has them. */
export interface NotificationNumbers {
  /** How long a delivered message is kept, milliseconds. */
  readonly keptMs: number;
  /** Of the last `seconds`, or of the store's day in UTC. */
  ends(span: number | 'today'): Promise<readonly ChannelEnds[]>;
  failures(seconds: number, limit: number): Promise<FailedMessages>;
}

/** What stands behind the routes of numbers. */
export interface NumbersDeps {
  readonly facts: HealthFacts;
  /** The last days of a flow; undefined while its moves are not counted. */
  days(flow: string, days: number): Promise<FlowDays | undefined>;
  /** Undefined when there is no way to people. */
  readonly notifications: NotificationNumbers | undefined;
  readonly logger: Pick<Logger, 'warn'>;
  /** Longest work of one request, milliseconds. Default 5,000. */
  readonly deadlineMs?: number;
}

/** `GET /api/metrics/orders/daily?days=30` */
export async function listDaily(deps: NumbersDeps, request: FaceRequest): Promise<Answer> {
  const days = wholeNumber(request.query, 'days', DAILY_DAYS);
  const flow = flowOf(deps.facts, request.query, USUAL_FLOW);
  return jsonAnswer(200, dailyBody(days, await daysOf(deps, request, flow, days)));
}

/** `GET /api/metrics/status-changes?days=7` */
export async function listChanges(deps: NumbersDeps, request: FaceRequest): Promise<Answer> {
  const days = wholeNumber(request.query, 'days', CHANGE_DAYS);
  const flow = flowOf(deps.facts, request.query, USUAL_FLOW);
  return jsonAnswer(200, statusChangesBody(days, flow, await daysOf(deps, request, flow, days)));
}

/** `GET /api/metrics/notifications/success-rate?hours=24` */
export async function showRates(deps: NumbersDeps, request: FaceRequest): Promise<Answer> {
  const hours = wholeNumber(request.query, 'hours', RATE_HOURS);
  const { ends, keptMs } = notificationsOf(deps);
  const found = await inTime(deps, request, 'the numbers', () => ends(hours * HOUR_S));
  return jsonAnswer(200, successRateBody(hours, found, keptMs));
}

/** `GET /api/metrics/notifications/failures?hours=1&limit=100` */
export async function listFailures(deps: NumbersDeps, request: FaceRequest): Promise<Answer> {
  const hours = wholeNumber(request.query, 'hours', FAILURE_HOURS);
  const limit = wholeNumber(request.query, 'limit', FAILURE_LIMIT);
  const { failures } = notificationsOf(deps);
  const found = await inTime(deps, request, 'the numbers', () => failures(hours * HOUR_S, limit));
  return jsonAnswer(200, { hours, limit, count: found.failures.length, ...found });
}

/** `GET /api/metrics/summary` */
export async function showSummary(deps: NumbersDeps, request: FaceRequest): Promise<Answer> {
  return jsonAnswer(200, summaryBody(await numbersOf(deps, request, 1)));
}

/** `GET /api/metrics/dashboard` */
export async function showDashboard(deps: NumbersDeps, request: FaceRequest): Promise<Answer> {
  const numbers = await numbersOf(deps, request, 7);
  const { kind } = deps.facts.firing();
  const missing =
    kind === 'known'
      ? numbers.missing
      : [...numbers.missing, { part: 'alerts', remedy: ALERT_REMEDIES[kind] }];
  return jsonAnswer(200, dashboardBody(deps.facts, { ...numbers, missing }));
}

/** `GET /api/metrics/alerts`: from memory; 503 when Alertmanager is not configured or has not answered lately. */
export function listAlerts({ facts }: NumbersDeps): Answer {
  const firing = facts.firing();
  if (firing.kind === 'known') return jsonAnswer(200, alertsBody(firing.alerts, firing.at));
  if (firing.kind === 'off') throw notConfigured('no Alertmanager is configured', ALERT_REMEDIES.off);
  throw unavailable(
    'ALERTMANAGER_FAILED',
    'Alertmanager has not answered lately, so the alerts are not known',
    ALERT_REMEDIES.unknown,
  );
}

/** `GET /api/metrics/circuit-breakers` */
export function listBreakers({ facts }: NumbersDeps): Answer {
  return jsonAnswer(200, circuitBreakersBody(facts));
}

const ALERT_REMEDIES = {
  off: 'set alertmanager.url',
  unknown: 'look whether Alertmanager runs, and at alertmanager.url',
} as const;
const NO_WAY = {
  detail: 'no way to people is configured',
  remedy: 'name a chat, hook or address in notifications',
} as const;

async function daysOf(
  deps: NumbersDeps,
  request: FaceRequest,
  flow: FlowFacts,
  days: number,
): Promise<FlowDays> {
  const read = await inTime(deps, request, 'the numbers', () => deps.days(flow.flow, days));
  return countedDays(flow, read);
}

function notificationsOf({ notifications }: NumbersDeps): NotificationNumbers {
  if (notifications === undefined) throw notConfigured(NO_WAY.detail, NO_WAY.remedy);
  return notifications;
}

/** What the larger answers need; a part that is not configured costs only its own fields. */
async function numbersOf(deps: NumbersDeps, request: FaceRequest, days: number): Promise<Numbers> {
  const { facts, notifications } = deps;
  const flow = flowOf(facts, request.query, USUAL_FLOW);
  const missing: MissingPart[] = [];
  const [week, endsToday, endsOfDay] = await inTime(deps, request, 'the numbers', () =>
    Promise.all([deps.days(flow.flow, days), notifications?.ends('today'), notifications?.ends(24 * HOUR_S)]),
  );
  if (week === undefined)
    missing.push({
      part: 'moves',
      remedy: MOVES_REMEDIES[flow.mode === 'snapshot' ? 'snapshot' : 'counted'],
    });
  if (notifications === undefined) missing.push({ part: 'notifications', remedy: NO_WAY.remedy });
  return { now: facts.now(), flow, week, endsToday, endsOfDay, missing };
}
