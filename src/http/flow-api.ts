/** Owns the JSON of flows: overview, one flow, the items that are stuck, and the moves of its last days; the place where field names meet the wire. */

import type { LimitSeverity } from '../flows/flow.js';
import { type FlowDays, MAX_DAILY_DAYS, MAX_TRANSITION_DAYS, sumOfDays } from '../operations/flow-days.js';
import { type Answer, type FaceRequest, jsonAnswer } from './answer.js';
import type { FlowOverview, HttpDeps, StatusOverview, StuckItem, StuckReport } from './deps.js';
import { badField, HttpProblem, notConfigured } from './problem.js';
import { type NumberBounds, wholeNumber } from './query-number.js';

const TRANSITION_DAYS = { least: 1, most: MAX_TRANSITION_DAYS, usual: 7 } as const;
const DAILY_DAYS = { least: 1, most: MAX_DAILY_DAYS, usual: 30 } as const;
const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 1_000;
const DEFAULT_DEADLINE_MS = 5_000;

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
  const report = await inTime(deps, request, 'the stuck items', (signal) =>
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
  const { flow } = findFlow(deps.flows(), request);
  const told = await inTime(deps, request, 'the totals per day', async () => deps.flowDays?.(flow, days));
  if (told !== undefined) return told;
  throw notConfigured(
    'the moves of this flow are not counted, or not yet',
    'see the readiness endpoint; a flow in the mode snapshot needs `flowgauge install`',
  );
}

async function inTime<T>(
  deps: Pick<HttpDeps, 'logger' | 'stuckDeadlineMs'>,
  request: FaceRequest,
  what: string,
  read: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = AbortSignal.timeout(deps.stuckDeadlineMs ?? DEFAULT_DEADLINE_MS);
  const signal = AbortSignal.any([request.signal, deadline]);
  try {
    return await Promise.race([read(signal), rejectOn(signal)]);
  } catch (error) {
    if (!request.signal.aborted)
      deps.logger.warn(`${what} could not be read`, { flow: request.params.flow ?? '', err: error });
    throw new HttpProblem(
      {
        status: 503,
        title: 'Service Unavailable',
        code: 'STORE_UNAVAILABLE',
        detail: `the store did not answer, so ${what} are not known`,
        remedy: 'try again; if it stays, see the readiness endpoint and the log',
      },
      { 'retry-after': '5' },
    );
  }
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

function rejectOn(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
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
