/** Owns the bodies of `/api/metrics/*`: the names of an order system over whatever flow is watched. Pure. */
import type { ActiveAlert } from '../alerts/alertmanager.js';
import { NONE } from '../flows/flow.js';
import type { FlowDays } from './flow-days.js';
import { breakersJson } from './health-breakers.js';
import type { FlowFacts, HealthFacts } from './health-facts.js';
import { countFiring, severityOf } from './health-firing.js';
import { overviewOf } from './health-overview.js';
import type { ChannelEnds } from './metrics-notifications.js';

type Body = Readonly<Record<string, unknown>>;

/** A part of a larger answer that cannot be told, and what to do about it. */
export interface MissingPart {
  readonly part: string;
  readonly remedy: string;
}

/** What the larger answers are made from; undefined is what cannot be told now. */
export interface Numbers {
  readonly now: Date;
  readonly flow: FlowFacts;
  readonly week: FlowDays | undefined;
  readonly endsToday: readonly ChannelEnds[] | undefined;
  readonly endsOfDay: readonly ChannelEnds[] | undefined;
  readonly missing: readonly MissingPart[];
}

/** The body of `/orders/daily`: new items of each day in UTC. Days before the counting are absent, not 0. */
export function dailyBody(days: number, told: FlowDays): Body {
  return { flow: told.flow, days, ...spanJson(told), orders_per_day: arrivalsByDay(told) };
}

/** The body of `/status-changes`: moves into each status, those of new items not among them. */
export function statusChangesBody(days: number, flow: FlowFacts, told: FlowDays): Body {
  return { flow: told.flow, days, ...spanJson(told), status_changes: changesByStatus(flow, told) };
}

/** The body of `/notifications/success-rate`; `complete` is false when older messages were deleted already. */
export function successRateBody(hours: number, ends: readonly ChannelEnds[], keptMs: number): Body {
  const metrics = Object.fromEntries(ends.map((one) => [one.channel, rateJson([one])]));
  return {
    hours,
    complete: hours * 3_600_000 <= keptMs,
    notification_metrics: { ...metrics, overall: rateJson(ends) },
  };
}

/** The body of `/alerts`. Muted alerts are listed and not counted; what asks for nobody is neither. */
export function alertsBody(alerts: readonly ActiveAlert[], at: Date): Body {
  const { critical, error, warning, info, muted } = countFiring(alerts);
  const items = alerts.flatMap((alert) => alertJson(alert) ?? []);
  return {
    status: critical > 0 ? 'critical' : error + warning > 0 ? 'warning' : 'healthy',
    as_of: at.toISOString(),
    alert_count: critical + error + warning + info,
    critical_count: critical,
    warning_count: error + warning,
    muted_count: muted,
    alerts: items,
  };
}

/** The body of `/circuit-breakers`. */
export function circuitBreakersBody(facts: Pick<HealthFacts, 'breakers'>): Body {
  return { circuit_breakers: breakersJson(facts.breakers()) };
}

/** The body of `/summary`. */
export function summaryBody(numbers: Numbers): Body {
  return { ...summaryJson(numbers), missing: numbers.missing };
}

/** The body of `/dashboard`. */
export function dashboardBody(facts: HealthFacts, numbers: Numbers): Body {
  const { now, flow, week, endsOfDay, missing } = numbers;
  const firing = facts.firing();
  return {
    health_status: overviewOf(facts).status,
    timestamp: now.toISOString(),
    flow: flow.flow,
    daily_summary: summaryJson(numbers),
    orders_last_7_days: week === undefined ? null : arrivalsByDay(week),
    status_changes_last_7_days: week === undefined ? null : changesByStatus(flow, week),
    notification_success_rate_24h: endsOfDay === undefined ? null : rateJson(endsOfDay).success_rate,
    alerts: firing.kind === 'known' ? alertSummaryJson(firing.alerts) : null,
    circuit_breakers: breakersJson(facts.breakers()),
    missing,
  };
}

function summaryJson({ now, flow, week, endsToday }: Numbers): Body {
  // The days are the store's: by our own clock today could be one that it does not have, or has no more.
  const date = week?.to ?? now.toISOString().slice(0, 10);
  const today = week?.days.find(({ day }) => day === date);
  const known = flow.statuses.flatMap(({ items }) => items ?? []);
  return {
    date,
    flow: flow.flow,
    orders: {
      total: known.length === 0 ? null : known.reduce((sum, items) => sum + items, 0),
      by_status: Object.fromEntries(flow.statuses.map(({ status, items }) => [status, items ?? null])),
      new_today: today?.arrived ?? null,
      changes_today: today?.moved ?? null,
    },
    notifications: endsToday === undefined ? null : rateJson(endsToday),
  };
}

function arrivalsByDay({ days }: FlowDays): Readonly<Record<string, number>> {
  return Object.fromEntries(days.map(({ day, arrived }) => [day, arrived]));
}

function changesByStatus(flow: FlowFacts, { days }: FlowDays): Readonly<Record<string, number>> {
  const counts = new Map(flow.statuses.map(({ status }) => [status, 0]));
  for (const { from, to, count } of days.flatMap(({ transitions }) => transitions)) {
    if (from !== NONE && to !== NONE) counts.set(to, (counts.get(to) ?? 0) + count);
  }
  return Object.fromEntries(counts);
}

function spanJson({ from, to, countedSince, lastGapAt }: FlowDays): Body {
  return {
    from,
    to,
    counted_since: countedSince.toISOString(),
    last_gap_at: lastGapAt?.toISOString() ?? null,
  };
}

/** A share of nothing is not 100 %: it is not known. */
function rateJson(ends: readonly Omit<ChannelEnds, 'channel'>[]) {
  const successful = ends.reduce((sum, one) => sum + one.successful, 0);
  const failed = ends.reduce((sum, one) => sum + one.failed, 0);
  const total = successful + failed;
  const percent = total === 0 ? null : Math.round((successful / total) * 10_000) / 100;
  return { success_rate: percent, total, successful, failed };
}

function alertSummaryJson(alerts: readonly ActiveAlert[]): Body {
  const { critical, error, warning, info } = countFiring(alerts);
  return {
    count: critical + error + warning + info,
    critical,
    warnings: error + warning,
    items: alerts.flatMap((alert) => alertJson(alert) ?? []),
  };
}

function alertJson({ labels, annotations, startsAtMs, isMuted, fingerprint }: ActiveAlert): Body | undefined {
  const severity = severityOf(labels.severity);
  if (severity === undefined) return undefined;
  const { alertname = 'unnamed' } = labels;
  return {
    severity,
    type: alertname,
    message: annotations.summary ?? annotations.description ?? alertname,
    details: labels,
    since: Number.isFinite(startsAtMs) ? new Date(startsAtMs).toISOString() : null,
    muted: isMuted,
    fingerprint,
  };
}
