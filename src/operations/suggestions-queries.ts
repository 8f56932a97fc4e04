/** Owns which observation each threshold is compared with: the expression of its alert, without the comparison. */
import { THRESHOLDS, type ThresholdSpec } from '../config/thresholds.js';

/** The name of a threshold. */
export type ThresholdName = (typeof THRESHOLDS)[number]['name'];

/** What a threshold watches. */
export interface Observation {
  /** The part of the system, for people. */
  readonly component: string;
  /** The expression as in the rules; `{}` marks where the matchers of one exporter go. */
  readonly expression: string;
  /** `at`: the alert begins at the threshold, not above it. */
  readonly fires?: 'at';
}

const seen = (component: string, expression: string): Observation => ({ component, expression });

/** The observation of each threshold that a history can say something about. */
export const OBSERVATIONS: Readonly<Partial<Record<ThresholdName, Observation>>> = {
  cpu_utilization_ratio: seen('cpu', 'instance:cpu_utilization:avg5m{}'),
  memory_utilization_ratio: seen('memory', 'instance:memory_utilization:ratio{}'),
  memory_used_bytes: seen('memory', 'min_over_time(system_memory_used_bytes{}[5m])'),
  filesystem_utilization_ratio: seen('filesystem', 'mountpoint:filesystem_utilization:ratio{}'),
  event_loop_delay_seconds: seen('process', 'instance:event_loop_delay_seconds:p99_rate5m{}'),
  heap_utilization_ratio: seen('process', 'instance:heap_utilization:ratio{}'),
  file_descriptors_ratio: seen('process', 'instance:file_descriptors:ratio{}'),
  memory_growth_ratio: seen('process', 'instance:process_memory_growth:ratio3h{}'),
  health_score: seen('health', 'max_over_time(health_score{}[2m])'),
  log_errors_per_minute: seen('log', 'instance:log_errors_per_minute:rate10m{}'),
  processing_lag_seconds: seen('flows', 'max_over_time(flow_capture_lag_seconds{}[2m])'),
  // As in the alert: only statuses with a limit, because the others may be full for good.
  backlog_items: seen(
    'flows',
    'last_over_time(flow_items{}[5m]) and on (job, instance, flow, status) last_over_time(flow_status_limit_seconds{}[5m])',
  ),
  activation_success_ratio: seen('flows', 'flow_from:activation_success:ratio1h{}'),
  rate_drop_ratio: seen('flows', '1 - flow:transitions:rate1h{} / (flow:transitions:rate1h{} offset 1w > 0)'),
  api_error_ratio: seen('apis', 'api:errors:ratio_rate5m{}'),
  api_latency_growth_ratio: seen(
    'apis',
    'api:latency_seconds:mean_rate15m{} / api:latency_usual_seconds:mean_1d{} - 1',
  ),
  breaker_open_ratio: seen('policies', 'breaker:open:ratio_rate5m{}'),
  breaker_openings_per_hour: seen('policies', 'breaker:openings:increase1h{}'),
  retried_calls_ratio: seen('policies', 'policy:retried_calls:ratio10m{}'),
  fallback_stale_ratio: seen('policies', 'policy:fallback_stale:ratio_rate10m{}'),
  limiter_rejected_ratio: seen('policies', 'limiter:rejected:ratio_rate5m{}'),
  probe_duration_seconds: seen('probes', 'probe:duration_seconds:mean_rate10m{}'),
  postgres_connections_ratio: seen('probes', 'probe:postgres_connections:ratio{}'),
  redis_memory_ratio: seen('probes', 'probe:redis_memory:ratio{}'),
  notification_dead_letters: {
    ...seen('notifications', 'last_over_time(notification_dead_letters{}[5m])'),
    fires: 'at',
  },
  notification_success_ratio: seen('notifications', 'channel:notification_success:ratio1h{}'),
};

/** An outage would be all that was ever observed of it, and its alert be loosened for having rung. */
const ONLY_WHILE_WAITING = 'it exists only while something waits, so what is usual is never seen';

/** Thresholds that what was usual says nothing about, and why. */
export const WITHOUT_OBSERVATION: Readonly<Partial<Record<ThresholdName, string>>> = {
  transaction_age_seconds: ONLY_WHILE_WAITING,
  notification_age_seconds: ONLY_WHILE_WAITING,
  tls_expiry_seconds: 'it is how long a renewal takes, not what is usual',
  watchdog_age_seconds: 'it follows from how often Alertmanager repeats the Watchdog',
  memory_growth_bytes: 'it bounds what is called a leak',
  in_time_objective_ratio: 'it is an objective',
  api_objective_ratio: 'it is an objective',
  notification_objective_ratio: 'it is an objective',
  minimum_events: 'it is a number of events below which nothing is judged',
  anomaly_deviations: 'it is a width of a band that follows what is usual by itself',
};

/**
 * The query for the values of one exporter. Of several series the one that is nearest to the alert counts, because one
 * is enough for it to fire.
 */
export function observationQuery(
  { expression }: Observation,
  side: ThresholdSpec['side'],
  own: string,
): string {
  const worst = side === 'below' ? 'min' : 'max';
  return `${worst}(${expression.replaceAll('{}', `{${own}}`)})`;
}

/** The specification of a threshold; undefined for a name that is none. */
export function specOf(name: string): ThresholdSpec | undefined {
  return THRESHOLDS.find((spec) => spec.name === name);
}
