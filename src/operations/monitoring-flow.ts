/** Owns the bodies of `/api/monitoring/dashboard` and `/api/monitoring/tokens/flow`: one flow, its pace, and what holds it up. */
import { measured } from '../resources/sample.js';
import { breakersJson, openBreakers } from './health-breakers.js';
import { type FlowFacts, jobsNotWell, rounded } from './health-facts.js';
import { type MonitoringFacts, perHour } from './monitoring-facts.js';
import { memoryJson, type OverallStatus, overallOf, shareStatus } from './monitoring-system.js';

const MINUTE = 60;
const LATELY_SECONDS = 5 * MINUTE;
const HOUR_SECONDS = 60 * MINUTE;
/** The statuses of an activation, as the life cycle of tokens calls them. */
const BEFORE = 'monitoring';
const ACTIVE = 'active';

/** Something that holds a flow up. */
export interface Bottleneck {
  readonly type: 'stuck_items' | 'flow_stalled' | 'flow_backlogged' | 'flow_starved' | 'capture_lag';
  readonly severity: 'warning' | 'critical';
  readonly status: string | null;
  /** Items that are concerned; seconds for a lag. */
  readonly count: number;
  readonly description: string;
}

/** Something that is wrong now. */
export interface RecentError {
  readonly component: string;
  readonly message: string;
  readonly last_success_at: string | null;
}

/** Items per status and in all; null while they are not counted. */
export function tokenCounts(flow: FlowFacts): Readonly<Record<string, number | null>> {
  return Object.fromEntries(flow.statuses.map(({ status, items }) => [status, items ?? null]));
}

/** The body of `/api/monitoring/tokens/flow`. */
export function tokenFlowBody(facts: MonitoringFacts, flow: FlowFacts) {
  const hour = facts.recentMoves(flow.flow, HOUR_SECONDS);
  const activations = hour?.into.get(ACTIVE) ?? (hour === undefined ? undefined : 0);
  const has = (status: string) => flow.statuses.some((one) => one.status === status);
  return {
    timestamp: facts.now().toISOString(),
    as_of: flow.asOf?.toISOString() ?? null,
    flow: flow.flow,
    verdict: flow.verdict ?? null,
    token_counts: tokenCounts(flow),
    activation_metrics: {
      stuck_in_monitoring: flow.statuses.find(({ status }) => status === BEFORE)?.stuckItems ?? null,
      recent_activations: has(ACTIVE) ? (activations ?? null) : null,
      activation_rate_per_hour:
        has(ACTIVE) && hour !== undefined ? rounded(perHour(activations ?? 0, hour.windowSeconds)) : null,
      window_seconds: rounded(hour?.windowSeconds),
    },
    bottlenecks: bottlenecksOf(facts, flow),
    status: 'ok' as const,
  };
}

/** The body of `/api/monitoring/dashboard`. */
export function dashboardBody(facts: MonitoringFacts, flow: FlowFacts) {
  const lately = facts.recentMoves(flow.flow, LATELY_SECONDS);
  const itemsIn = (name: string) => flow.statuses.find(({ status }) => status === name)?.items ?? null;
  const counted = flow.statuses.map(({ items }) => items);
  const hourly = lately === undefined ? undefined : perHour(lately.total, lately.windowSeconds);
  const breakers = facts.breakers();
  return {
    timestamp: facts.now().toISOString(),
    as_of: flow.asOf?.toISOString() ?? null,
    flow: flow.flow,
    token_statistics: {
      by_status: tokenCounts(flow),
      total: counted.includes(undefined) ? null : counted.reduce<number>((sum, n) => sum + (n ?? 0), 0),
      recently_updated: lately?.total ?? null,
      monitoring: itemsIn(BEFORE),
      active: itemsIn(ACTIVE),
      archived: itemsIn('archived'),
    },
    processing_rates: {
      tokens_per_minute: rounded(hourly === undefined ? undefined : hourly / 60),
      tokens_per_5min: rounded(hourly === undefined ? undefined : hourly / 12),
      estimated_hourly_rate: rounded(hourly),
      processing_active: lately === undefined ? null : lately.total > 0,
      window_seconds: rounded(lately?.windowSeconds),
    },
    system_health: systemLine(facts),
    recent_errors: errorsNow(facts),
    circuit_breaker: {
      open: openBreakers(breakers).length,
      breakers: breakersJson(breakers),
    },
    status: 'ok' as const,
  };
}

/** Null when measuring is off. */
function systemLine(facts: MonitoringFacts): {
  memory_percent: number | null;
  memory_gb: number | null;
  cpu_percent: number | null;
  status: OverallStatus;
} | null {
  const resources = facts.resources();
  if (resources === undefined) return null;
  const memory = memoryJson(facts);
  const cpu = measured(resources.sample, 'cpu')?.utilizationRatio;
  const cpuStatus = shareStatus(facts.thresholds(), 'cpu_utilization_ratio', cpu);
  return {
    memory_percent: memory.percent,
    memory_gb: memory.used_gb,
    cpu_percent: rounded(cpu === undefined ? undefined : cpu * 100),
    status: overallOf(memory.status, cpuStatus, 'ok'),
  };
}

function errorsNow({ probes, jobs }: MonitoringFacts): readonly RecentError[] {
  const silent = probes().flatMap(({ probe, outcome, lastSuccessAt }): RecentError[] =>
    outcome?.success === false
      ? [
          {
            component: `probe ${probe}`,
            message: `${outcome.reason}: ${outcome.message}`,
            last_success_at: lastSuccessAt?.toISOString() ?? null,
          },
        ]
      : [],
  );
  const ill = jobsNotWell(jobs()).map(({ name, state, lastSuccessAt }) => ({
    component: `job ${name}`,
    message: `it is ${state}`,
    last_success_at: lastSuccessAt?.toISOString() ?? null,
  }));
  return [...silent, ...ill];
}

/** What holds a flow up, the worst first. */
export function bottlenecksOf(
  { thresholds }: Pick<MonitoringFacts, 'thresholds'>,
  flow: FlowFacts,
): readonly Bottleneck[] {
  const found: Bottleneck[] = flow.statuses.flatMap((one): Bottleneck[] => {
    const { status, stuckItems = 0, oldestAgeSeconds = 0 } = one;
    const critical = flow.limits.get(status)?.critical;
    if (stuckItems === 0) return [];
    const minutes = Math.round(oldestAgeSeconds / 6) / 10;
    return [
      {
        type: 'stuck_items',
        severity: critical !== undefined && oldestAgeSeconds > critical ? 'critical' : 'warning',
        status,
        count: stuckItems,
        description: `${stuckItems} items are in ${status} beyond its limit, the oldest for ${minutes} minutes`,
      },
    ];
  });
  if (flow.verdict === 'stalled' || flow.verdict === 'backlogged' || flow.verdict === 'starved')
    found.push({
      type: `flow_${flow.verdict}`,
      severity: flow.verdict === 'stalled' ? 'critical' : 'warning',
      status: null,
      count: flow.statuses.reduce((sum, { items }) => sum + (items ?? 0), 0),
      description: `the flow is judged ${flow.verdict}`,
    });
  const lag = flow.captureLagSeconds ?? 0;
  const over = (severity: string) =>
    thresholds().find((one) => one.threshold === 'processing_lag_seconds' && one.severity === severity)
      ?.value ?? Number.POSITIVE_INFINITY;
  if (lag > Math.min(over('info'), over('warning'), over('critical')))
    found.push({
      type: 'capture_lag',
      severity: lag > over('critical') ? 'critical' : 'warning',
      status: null,
      count: Math.round(lag),
      description: `the counting is ${Math.round(lag)} seconds behind`,
    });
  return found.sort((a, b) => (a.severity === b.severity ? 0 : a.severity === 'critical' ? -1 : 1));
}
