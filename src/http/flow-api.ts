/** Owns the JSON of flows: overview, one flow, the items that are stuck, and the moves of its last days; the place where field names meet the wire. */

import type { LimitSeverity } from '../flows/flow.js';
import { type FlowDays, MAX_DAILY_DAYS, MAX_TRANSITION_DAYS, sumOfDays } from '../operations/flow-days.js';
import { type Answer, type FaceRequest, jsonAnswer } from './answer.js';
import { countedDays, inTime, type StoreAsked } from './counted-flow.js';
import type { FlowOverview, HttpDeps, StatusOverview, StuckItem, StuckReport } from './deps.js';
import { badField, HttpProblem } from './problem.js';
import { type NumberBounds, wholeNumber } from './query-number.js';

const TRANSITION_DAYS = { least: 1, most: MAX_TRANSITION_DAYS, usual: 7 } as const;
const DAILY_DAYS = { least: 1, most: MAX_DAILY_DAYS, usual: 30 } as const;
const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 1_000;

/** `GET /api/flows` */
export function listFlows(deps: Pick<HttpDeps, 'flows'>): Answer {
  return jsonAnswer(200, { flows: deps.flows().map(flowJson) });
}

/** `GET /api/flows/:flow`; 404 with the known names when there is no such flow. */
export function showFlow(deps: Pick<HttpDeps, 'flows'>, request: FaceRequest): Answer {
  return jsonAnswer(200, flowJson(findFlow(deps.flows(), request)));
}

/** `GET /api/flows/:flow/stuck?limit=20`; 400 on a bad limit, 503 when the store does not answer in time. */
export async function showStuck(
  deps: Pick<HttpDeps, 'flows' | 'stuck' | 'logger' | 'stuckDeadlineMs'>,
  request: FaceRequest,
): Promise<Answer> {
  const limit = parseLimit(request.query.getAll('limit'));
  const overview = findFlow(deps.flows(), request);
  const report = await inTime(storeOf(deps), request, 'the stuck items', (signal) =>
    deps.stuck(overview.flow, { limit, signal }),
  );
  return jsonAnswer(200, stuckJson(overview, report));
}

/** `GET /api/flows/:flow/transitions?days=7`: moves per pair and day; 503 while they are not counted. */
export async function showTransitions(deps: DayDeps, request: FaceRequest): Promise<Answer> {
  const told = await daysOf(deps, request, TRANSITION_DAYS);
  return jsonAnswer(200, {
    ...spanJson(told),
    transitions: sumOfDays(told),
    days: told.days.map(({ day, transitions }) => ({ day, transitions })),
  });
}

/** `GET /api/flows/:flow/daily?days=30`: totals per day; 503 while they are not counted. */
export async function showDaily(deps: DayDeps, request: FaceRequest): Promise<Answer> {
  const told = await daysOf(deps, request, DAILY_DAYS);
  return jsonAnswer(200, {
    ...spanJson(told),
    days: told.days.map(({ day, arrived, departed, moved }) => ({ day, arrived, departed, moved })),
  });
}

type DayDeps = Pick<HttpDeps, 'flows' | 'flowDays' | 'logger' | 'stuckDeadlineMs'>;

async function daysOf(deps: DayDeps, request: FaceRequest, bounds: NumberBounds): Promise<FlowDays> {
  const days = wholeNumber(request.query, 'days', bounds);
  const overview = findFlow(deps.flows(), request);
  const read = await inTime(storeOf(deps), request, 'the totals per day', async () =>
    deps.flowDays?.(overview.flow, days),
  );
  return countedDays(overview, read);
}

function storeOf({ logger, stuckDeadlineMs }: Pick<HttpDeps, 'logger' | 'stuckDeadlineMs'>): StoreAsked {
  return { logger, deadlineMs: stuckDeadlineMs };
}

function findFlow(flows: readonly FlowOverview[], request: FaceRequest): FlowOverview {
  const name = request.params.flow ?? '';
  const found = flows.find(({ flow }) => flow === name);
  if (found !== undefined) return found;
  throw new HttpProblem({
    ...badField('flow', name, `one of: ${flows.map(({ flow }) => flow).join(', ')}`).problem,
    status: 404,
    title: 'Not Found',
    code: 'FLOW_UNKNOWN',
    detail: 'no flow of this name is configured',
  });
}

function parseLimit(values: readonly string[]): number {
  const [text, ...more] = values;
  if (text === undefined) return DEFAULT_LIMIT;
  const limit = /^[0-9]{1,4}$/.test(text) ? Number(text) : 0;
  if (more.length === 0 && limit >= 1 && limit <= MAX_LIMIT) return limit;
  throw badField(
    'limit',
    values.join(', '),
    `one whole number from 1 to ${MAX_LIMIT}, or none for ${DEFAULT_LIMIT}`,
  );
}

function flowJson(overview: FlowOverview): unknown {
  return {
    flow: overview.flow,
    table: overview.table,
    mode: overview.mode,
    verdict: overview.verdict ?? null,
    capture_lag_seconds: overview.captureLagSeconds ?? null,
    statuses: overview.statuses.map((status) => statusJson(status, overview)),
    as_of: overview.asOf?.toISOString() ?? null,
  };
}

function statusJson(status: StatusOverview, overview: FlowOverview): unknown {
  return {
    status: status.status,
    items: status.items ?? null,
    stuck_items: status.stuckItems ?? null,
    oldest_age_seconds: status.oldestAgeSeconds ?? null,
    limits: limitsJson(overview.limits.get(status.status) ?? {}),
  };
}

function stuckJson(overview: FlowOverview, report: StuckReport): unknown {
  const limits = [...overview.limits].map(([status, bySeverity]) => [status, limitsJson(bySeverity)]);
  return {
    flow: overview.flow,
    limits: Object.fromEntries(limits),
    items: report.items.map(itemJson),
    total_stuck: report.totalStuck,
    as_of: report.asOf.toISOString(),
  };
}

function spanJson({ flow, from, to, countedSince, lastGapAt }: FlowDays) {
  return {
    flow,
    from,
    to,
    counted_since: countedSince.toISOString(),
    last_gap_at: lastGapAt?.toISOString() ?? null,
  };
}

function limitsJson(limits: Partial<Record<LimitSeverity, number>>): unknown {
  return { warning_seconds: limits.warning ?? null, critical_seconds: limits.critical ?? null };
}

function itemJson(item: StuckItem): unknown {
  return {
    id: item.id,
    status: item.status,
    entered_at: item.enteredAt.toISOString(),
    age_seconds: item.ageSeconds,
    entered_at_exact: item.enteredAtExact,
    limit: item.limit,
  };
}
