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
import { chooseFlow } from '../operations/monitoring-facts.js';
import type { Logger } from '../telemetry/logger.js';
import { type Answer, type FaceRequest, jsonAnswer } from './answer.js';
import { CHANGE_DAYS, DAILY_DAYS, FAILURE_HOURS, FAILURE_LIMIT, RATE_HOURS } from './metrics-operations.js';
import { badField, HttpProblem, notConfigured } from './problem.js';
import { wholeNumber } from './query-number.js';

const DEFAULT_DEADLINE_MS = 5_000;
const HOUR_S = 3_600;
/** The usual flow, where nobody names one. */
const USUAL_FLOW = 'orders';

/** Messages to people, as the store has them. */
export interface NotificationNumbers {
  /** How long a delivered message is kept, milliseconds. */
  readonly keptMs: number;
  ends(seconds: number): Promise<readonly ChannelEnds[]>;
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
export async function listDaily(deps: NumbersDeps, { query }: FaceRequest): Promise<Answer> {
  const days = wholeNumber(query, 'days', DAILY_DAYS);
  const flow = flowOf(deps, query);
  return jsonAnswer(200, dailyBody(days, await countedDays(deps, flow, days)));
}

/** `GET /api/metrics/status-changes?days=7` */
export async function listChanges(deps: NumbersDeps, { query }: FaceRequest): Promise<Answer> {
  const days = wholeNumber(query, 'days', CHANGE_DAYS);
  const flow = flowOf(deps, query);
  return jsonAnswer(200, statusChangesBody(days, flow, await countedDays(deps, flow, days)));
}

/** `GET /api/metrics/notifications/success-rate?hours=24` */
export async function showRates(deps: NumbersDeps, { query }: FaceRequest): Promise<Answer> {
  const hours = wholeNumber(query, 'hours', RATE_HOURS);
  const { ends, keptMs } = notificationsOf(deps);
  const found = await fromStore(deps, () => ends(hours * HOUR_S));
  return jsonAnswer(200, successRateBody(hours, found, keptMs));
}

/** `GET /api/metrics/notifications/failures?hours=1&limit=100` */
export async function listFailures(deps: NumbersDeps, { query }: FaceRequest): Promise<Answer> {
  const hours = wholeNumber(query, 'hours', FAILURE_HOURS);
  const limit = wholeNumber(query, 'limit', FAILURE_LIMIT);
  const { failures } = notificationsOf(deps);
  const found = await fromStore(deps, () => failures(hours * HOUR_S, limit));
  return jsonAnswer(200, { hours, limit, count: found.failures.length, ...found });
}

/** `GET /api/metrics/summary` */
export async function showSummary(deps: NumbersDeps, { query }: FaceRequest): Promise<Answer> {
  const numbers = await numbersOf(deps, flowOf(deps, query), 1);
  return jsonAnswer(200, summaryBody(deps.facts.now(), numbers));
}

/** `GET /api/metrics/dashboard` */
export async function showDashboard(deps: NumbersDeps, { query }: FaceRequest): Promise<Answer> {
  const numbers = await numbersOf(deps, flowOf(deps, query), 7);
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
/** A snapshot counts items and sees no move; the other modes count from their baseline on. */
const MOVES_REMEDIES = {
  snapshot: 'let its capture be journal or poll; flowgauge check says what that needs',
  counted: 'try again; if it stays, see /-/ready',
} as const;
const NO_WAY = {
  detail: 'no way to people is configured',
  remedy: 'name a chat, hook or address in notifications',
} as const;

/** The flow that is asked for, the usual one, or the only one. */
function flowOf({ facts }: NumbersDeps, query: URLSearchParams): FlowFacts {
  const asked = query.get('flow') ?? undefined;
  const chosen = chooseFlow(facts.flows(), asked, USUAL_FLOW);
  if (chosen.kind === 'chosen') return chosen.flow;
  if (chosen.kind === 'none open')
    throw unavailable('FLOWS_UNCOUNTED', 'no flow is counted yet', 'try again; if it stays, see /-/ready');
  throw badField('flow', asked ?? '', `one of: ${chosen.names.join(', ')}`);
}

async function countedDays(deps: NumbersDeps, flow: FlowFacts, days: number): Promise<FlowDays> {
  const told = await fromStore(deps, () => deps.days(flow.flow, days));
  if (told !== undefined) return told;
  const detail = `moves of the flow ${flow.flow} are not counted`;
  if (flow.mode === 'snapshot') throw notConfigured(detail, MOVES_REMEDIES.snapshot);
  throw unavailable('FLOWS_UNCOUNTED', detail, MOVES_REMEDIES.counted);
}

function notificationsOf({ notifications }: NumbersDeps): NotificationNumbers {
  if (notifications === undefined) throw notConfigured(NO_WAY.detail, NO_WAY.remedy);
  return notifications;
}

/** What the larger answers need; a part that is not configured costs only its own fields. */
async function numbersOf(deps: NumbersDeps, flow: FlowFacts, days: number): Promise<Numbers> {
  const { facts, notifications } = deps;
  const missing: MissingPart[] = [];
  const secondsToday = (facts.now().getTime() % 86_400_000) / 1000;
  const [week, endsToday, endsOfDay] = await fromStore(deps, () =>
    Promise.all([
      deps.days(flow.flow, days),
      notifications?.ends(secondsToday),
      notifications?.ends(24 * HOUR_S),
    ]),
  );
  if (week === undefined)
    missing.push({
      part: 'moves',
      remedy: MOVES_REMEDIES[flow.mode === 'snapshot' ? 'snapshot' : 'counted'],
    });
  if (notifications === undefined) missing.push({ part: 'notifications', remedy: NO_WAY.remedy });
  return { flow, week, endsToday, endsOfDay, missing };
}

async function fromStore<T>(deps: NumbersDeps, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const deadlineMs = deps.deadlineMs ?? DEFAULT_DEADLINE_MS;
    timer = setTimeout(() => reject(new Error(`not within ${deadlineMs} ms`)), deadlineMs);
  });
  try {
    return await Promise.race([work(), late]);
  } catch (error) {
    deps.logger.warn('numbers could not be read', { err: error });
    throw unavailable(
      'STORE_UNAVAILABLE',
      'the store did not answer, so the numbers are not known',
      'try again; if it stays, see the readiness endpoint and the log',
    );
  } finally {
    clearTimeout(timer);
  }
}

function unavailable(code: string, detail: string, remedy: string): HttpProblem {
  const problem = { status: 503, title: 'Service Unavailable', code, detail, remedy };
  return new HttpProblem(problem, { 'retry-after': '5' });
}
