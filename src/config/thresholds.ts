/** Owns the limits that alert rules compare with: name, meaning, bounds and default of each. Pure. */
import { CALL_THRESHOLDS } from './thresholds-calls.js';

/** The ladder of severities, from the quietest to the loudest. */
export const SEVERITIES = ['info', 'warning', 'error', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** Written instead of a number that follows from the machine. */
export const AUTO = 'auto';

/** What the configuration says of one severity, or of `none` when several alerts use the number as it is. */
export interface ThresholdSetting {
  readonly threshold: string;
  readonly severity: Severity | 'none';
  readonly value: number | typeof AUTO;
}

/** The number that is in force for it. */
export interface ThresholdValue extends ThresholdSetting {
  readonly value: number;
}

/** One entry of `thresholds:`. Its name says the unit. */
export interface ThresholdSpec {
  readonly name: string;
  /** What the alert compares, for the operator. */
  readonly meaning: string;
  /** Smallest and largest value that makes sense, both included. */
  readonly bounds: readonly [min: number, max: number];
  /** `above`: an alert when the value exceeds the limit. `below`: when it falls under it. `none`: no ladder, one number. */
  readonly side: 'above' | 'below' | 'none';
  /** In the order of the ladder; `none` alone for a number without a ladder. */
  readonly defaults: Readonly<Partial<Record<Severity | 'none', ThresholdSetting['value']>>>;
}

const RATIO = [0, 1] as const;
const TERABYTES = [1, 1e15] as const;
/** The burn alert that pages compares with 14.4 budgets: of a lower objective those are more than all events there are. */
const OBJECTIVE = [0.94, 0.9999] as const;
const BURN = 'Below 0.94 even a total failure would not burn the budget fast enough to page.';

/** Every threshold there is, in the order in which the reference lists them. */
export const THRESHOLDS = [
  {
    name: 'cpu_utilization_ratio',
    meaning: 'Share of all cores that is in use, averaged over 5 minutes.',
    bounds: RATIO,
    side: 'above',
    defaults: { info: 0.7, warning: 0.8, error: 0.85, critical: 0.95 },
  },
  {
    name: 'memory_utilization_ratio',
    meaning: 'Share of the memory (of the cgroup limit where there is one) that is in use.',
    bounds: RATIO,
    side: 'above',
    defaults: { warning: 0.75, critical: 0.9 },
  },
  {
    name: 'memory_used_bytes',
    meaning: 'Memory in use, as a number of bytes; `auto` follows from the size of the machine or container.',
    bounds: TERABYTES,
    side: 'above',
    defaults: { warning: AUTO, critical: AUTO },
  },
  {
    name: 'filesystem_utilization_ratio',
    meaning: 'Share of a file system that is in use.',
    bounds: RATIO,
    side: 'above',
    defaults: { warning: 0.8, critical: 0.95 },
  },
  {
    name: 'event_loop_delay_seconds',
    meaning: '99 % of the timers of a Node.js process ran at most this late, over 5 minutes.',
    bounds: [0.001, 2.5],
    side: 'above',
    defaults: { warning: 0.1, critical: 0.5 },
  },
  {
    name: 'heap_utilization_ratio',
    meaning: 'Share of the JavaScript heap limit that is in use.',
    bounds: RATIO,
    side: 'above',
    defaults: { warning: 0.8, critical: 0.95 },
  },
  {
    name: 'file_descriptors_ratio',
    meaning: 'Share of the files and sockets a process may hold open that it does hold.',
    bounds: RATIO,
    side: 'above',
    defaults: { warning: 0.7, critical: 0.9 },
  },
  {
    name: 'memory_growth_ratio',
    meaning: 'Growth of the resident memory of a process within 3 hours, as a share of what it had.',
    bounds: [0.01, 100],
    side: 'above',
    defaults: { warning: 0.2 },
  },
  {
    name: 'memory_growth_bytes',
    meaning: 'Growth within 3 hours that is too small to be called a leak, whatever its share.',
    bounds: TERABYTES,
    side: 'none',
    defaults: { none: 50e6 },
  },
  {
    name: 'health_score',
    meaning: 'The health score, from 0 to 100.',
    bounds: [0, 100],
    side: 'below',
    defaults: { warning: 70, critical: 60 },
  },
  {
    name: 'log_errors_per_minute',
    meaning:
      'Lines of the levels error and fatal a minute, those held back as repeats included, over 10 minutes.',
    bounds: [0, 1e6],
    side: 'above',
    defaults: { warning: 10 },
  },
  {
    name: 'processing_lag_seconds',
    meaning: 'Age of the oldest change that is written but not counted yet.',
    bounds: [1, 86_400],
    side: 'above',
    defaults: { info: 90, warning: 180, critical: 600 },
  },
  {
    name: 'backlog_items',
    meaning: 'Items that may wait in a status with a limit before their growth is an alert.',
    bounds: [1, 1e9],
    side: 'above',
    defaults: { info: 75, warning: 100, error: 150 },
  },
  {
    name: 'activation_success_ratio',
    meaning:
      'Share of the items that become active among those that leave the status before it, over 1 hour.',
    bounds: RATIO,
    side: 'below',
    defaults: { warning: 0.005, critical: 0.001 },
  },
  {
    name: 'rate_drop_ratio',
    meaning: 'Loss of moves against the same hour of the last week; 1 means that nothing moves at all.',
    bounds: RATIO,
    side: 'above',
    defaults: { warning: 0.5, critical: 0.9 },
  },
  ...CALL_THRESHOLDS,
  {
    name: 'probe_duration_seconds',
    meaning: 'Mean time of a probe that succeeds, over 10 minutes.',
    bounds: [0.001, 3600],
    side: 'above',
    defaults: { warning: 2 },
  },
  {
    name: 'tls_expiry_seconds',
    meaning: 'Time that a certificate still lasts.',
    bounds: [3600, 31_536_000],
    side: 'below',
    defaults: { warning: 14 * 86_400, critical: 3 * 86_400 },
  },
  {
    name: 'postgres_connections_ratio',
    meaning: 'Share of the connections of a database server that are taken.',
    bounds: RATIO,
    side: 'above',
    defaults: { warning: 0.8, critical: 0.95 },
  },
  {
    name: 'transaction_age_seconds',
    meaning: 'Age of the oldest transaction of a database server.',
    bounds: [1, 604_800],
    side: 'above',
    defaults: { warning: 600, error: 3600 },
  },
  {
    name: 'redis_memory_ratio',
    meaning:
      'Share of its `maxmemory` that a Redis uses; switch it off for a cache that is meant to be full.',
    bounds: RATIO,
    side: 'above',
    defaults: { warning: 0.85, error: 0.95 },
  },
  {
    name: 'notification_age_seconds',
    meaning: 'Age of the oldest message that waits for its channel.',
    bounds: [10, 86_400],
    side: 'above',
    defaults: { warning: 120, critical: 600 },
  },
  {
    name: 'notification_dead_letters',
    meaning: 'Messages that were given up; the alert begins at this number.',
    bounds: [1, 1e6],
    side: 'above',
    defaults: { warning: 1, critical: 10 },
  },
  {
    name: 'watchdog_age_seconds',
    meaning: 'Time since the last Watchdog arrived from Alertmanager.',
    bounds: [60, 86_400],
    side: 'above',
    defaults: { critical: 600 },
  },
  {
    name: 'notification_success_ratio',
    meaning: 'Share of the attempts to send a message that succeeded, over 1 hour.',
    bounds: RATIO,
    side: 'below',
    defaults: { warning: 0.99, critical: 0.95 },
  },
  {
    name: 'in_time_objective_ratio',
    meaning: `Objective: share of the items that leave a status within its warning limit. ${BURN}`,
    bounds: OBJECTIVE,
    side: 'none',
    defaults: { none: 0.99 },
  },
  {
    name: 'api_objective_ratio',
    meaning: `Objective: share of the requests to an API that succeed. ${BURN}`,
    bounds: OBJECTIVE,
    side: 'none',
    defaults: { none: 0.99 },
  },
  {
    name: 'notification_objective_ratio',
    meaning: `Objective: share of the attempts to send a message that succeed. ${BURN}`,
    bounds: OBJECTIVE,
    side: 'none',
    defaults: { none: 0.99 },
  },
  {
    name: 'minimum_events',
    meaning: 'Fewer events than this within the window prove nothing: no ratio is judged by them.',
    bounds: [1, 1e6],
    side: 'none',
    defaults: { none: 10 },
  },
  {
    name: 'anomaly_deviations',
    meaning: 'Standard deviations by which a rate must leave its band of the last day and the last weeks.',
    bounds: [1, 20],
    side: 'above',
    defaults: { warning: 3 },
  },
] as const satisfies readonly ThresholdSpec[];

/** The severities that an entry has, from quiet to loud; `none` alone when it has no ladder. */
export function severitiesOf(spec: ThresholdSpec): readonly (Severity | 'none')[] {
  if (spec.side === 'none') return ['none'];
  return SEVERITIES.filter((severity) => spec.defaults[severity] !== undefined);
}
