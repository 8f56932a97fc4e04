/** Owns the HTTP of alerts and messages: Alertmanager's webhook, the history, the dead letters and their second chance. */

import type { AlertBatch } from '../alerts/alert.js';
import { readWebhook } from '../alerts/webhook.js';
import type { DeadLetter, RedriveQuery } from '../notifications/dead-letters.js';
import type { HistoryQuery, HistoryReport } from '../notifications/history.js';
import type { Logger } from '../telemetry/logger.js';
import { type Answer, type FaceRequest, jsonAnswer } from './answer.js';
import { badField, storeUnavailable } from './problem.js';
import { jsonFields, requireJson } from './request-body.js';

/** Bytes of one notification of Alertmanager. */
export const WEBHOOK_BYTES = 1_048_576;
/** Bytes of one request to redrive. */
export const REDRIVE_BYTES = 65_536;
const DEFAULT_DEADLINE_MS = 5_000;
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;

/** What stands behind the routes of alerts. */
export interface AlertDeps {
  /** Stores a batch; resolves once it is durable. */
  takeIn(
    batch: AlertBatch,
    requestId: string | undefined,
  ): Promise<{ readonly stored: number; readonly repeats: number }>;
  /** Whether the header `Authorization` opens the intake. */
  mayIngest(authorization: string | undefined): boolean;
  history(query: HistoryQuery): Promise<HistoryReport>;
  deadLetters(limit: number): Promise<readonly DeadLetter[]>;
  /** Puts dead letters back into the queue; resolves with how many. */
  redrive(query: RedriveQuery): Promise<number>;
  readonly logger: Pick<Logger, 'warn' | 'error'>;
  readonly requestId: () => string | undefined;
  /** Longest work of one request, milliseconds. Default 5,000, below Alertmanager's own patience. */
  readonly deadlineMs?: number;
}

/** `POST /api/alerts/webhook`: 200 once everything is stored, 503 when it cannot be, so that Alertmanager keeps the duty. */
export async function takeWebhook(deps: AlertDeps, request: FaceRequest): Promise<Answer> {
  const read = readWebhook(await request.body(WEBHOOK_BYTES));
  if (!read.ok) {
    deps.logger.warn('a notification was refused', { ...read.fault });
    throw badField(read.fault.field, read.fault.value, read.fault.remedy);
  }
  const { stored, repeats } = await orUnavailable(deps, 'alerts could not be stored', () =>
    deps.takeIn(read.batch, deps.requestId()),
  );
  return jsonAnswer(200, { stored, repeats });
}

/** `GET /api/alerts/history` */
export async function listHistory(deps: AlertDeps, request: FaceRequest): Promise<Answer> {
  const { query } = request;
  const status = query.get('status') ?? undefined;
  if (status !== undefined && status !== 'firing' && status !== 'resolved')
    throw badField('status', status, 'firing or resolved');
  refuseNul(query.get('alertname'), 'alertname');
  const asked: HistoryQuery = {
    alertname: query.get('alertname') ?? undefined,
    status,
    sinceMs: momentOf(query.get('since'), 'since'),
    untilMs: momentOf(query.get('until'), 'until'),
    limit: limitOf(query.get('limit')),
  };
  return jsonAnswer(
    200,
    await orUnavailable(deps, 'the history could not be read', () => deps.history(asked)),
  );
}

/** `GET /api/notifications/dead` */
export async function listDead(deps: AlertDeps, request: FaceRequest): Promise<Answer> {
  const limit = limitOf(request.query.get('limit'));
  const dead = await orUnavailable(deps, 'the dead letters could not be read', () => deps.deadLetters(limit));
  return jsonAnswer(200, { dead_letters: dead });
}

/** `POST /api/notifications/dead/redrive` with `{"ids": [1], "reason": "…", "since": "…", "until": "…"}`; what is not dead stays as it is. */
export async function redriveDead(deps: AlertDeps, request: FaceRequest): Promise<Answer> {
  requireJson(request.headers);
  const query = redriveQuery(await request.body(REDRIVE_BYTES));
  const redriven = await orUnavailable(deps, 'dead letters could not be redriven', () => deps.redrive(query));
  return jsonAnswer(200, { redriven });
}

function redriveQuery(body: string): RedriveQuery {
  const { ids, reason, since, until } = jsonFields(body);
  const legalIds = ids === undefined || (Array.isArray(ids) && ids.length <= MAX_LIMIT && ids.every(isId));
  if (!legalIds) throw badField('ids', JSON.stringify(ids), `up to ${MAX_LIMIT} whole numbers`);
  if (reason !== undefined && typeof reason !== 'string') throw badField('reason', String(reason), 'a text');
  refuseNul(reason, 'reason');
  const sinceMs = momentOf(textOrNull(since, 'since'), 'since');
  const untilMs = momentOf(textOrNull(until, 'until'), 'until');
  // Everything at once must be meant: an empty object would be a slip.
  if (ids === undefined && reason === undefined && sinceMs === undefined && untilMs === undefined)
    throw badField('(body)', body, 'at least one of ids, reason, since, until');
  return { ids: (ids as readonly number[] | undefined)?.map(String), reason, sinceMs, untilMs };
}

/** PostgreSQL has no such text, and its refusal would look like a store that does not answer. */
function refuseNul(text: string | null | undefined, field: string): void {
  if (text?.includes('\0') === true) throw badField(field, text, 'a text without the character NUL');
}

function isId(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}

function textOrNull(value: unknown, field: string): string | null {
  if (value === undefined || typeof value === 'string') return value ?? null;
  throw badField(field, String(value), 'a moment such as 2026-01-02T03:04:05Z');
}

function momentOf(text: string | null, field: string): number | undefined {
  if (text === null) return undefined;
  const ms = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw badField(field, text, 'a moment such as 2026-01-02T03:04:05Z');
  return ms;
}

function limitOf(text: string | null): number {
  if (text === null) return DEFAULT_LIMIT;
  const limit = /^[0-9]{1,4}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= MAX_LIMIT) return limit;
  throw badField('limit', text, `one whole number from 1 to ${MAX_LIMIT}`);
}

/** A 503 tells Alertmanager to send the alerts again; 429 or 4xx would make it drop them. */
async function orUnavailable<T>(deps: AlertDeps, what: string, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const deadlineMs = deps.deadlineMs ?? DEFAULT_DEADLINE_MS;
    timer = setTimeout(() => reject(new Error(`not within ${deadlineMs} ms`)), deadlineMs);
  });
  try {
    return await Promise.race([work(), late]);
  } catch (error) {
    deps.logger.warn(what, { err: error });
    throw storeUnavailable();
  } finally {
    clearTimeout(timer);
  }
}
