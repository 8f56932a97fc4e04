/** Owns the description of the HTTP of monitoring. */
import { VERDICTS } from '../flows/verdict.js';
import { OVERALL_STATUSES, PART_STATUSES } from '../operations/monitoring-system.js';
import { RECOMMENDATION_KINDS, URGENCIES } from '../operations/recommendations.js';
import { ADVICE } from '../operations/suggestions.js';
import { DIRECTIONS } from '../operations/trend.js';
import { MAX_HISTORY_HOURS } from '../operations/trend-history.js';
import { BREAKERS } from './metrics-operations.js';
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

const OK: JsonSchema = { const: 'ok' };
const PART: JsonSchema = { enum: PART_STATUSES };
const SHARE: JsonSchema = { type: 'number', minimum: 0, maximum: 1 };
const MAYBE = orNull(NUMBER);
const COUNTS: JsonSchema = { type: 'object', additionalProperties: orNull(COUNT) };

const FLOW: Parameter = {
  name: 'flow',
  in: 'query',
  description: 'Name of a flow. Without it the flow `tokens`, else the only one.',
  schema: TEXT,
  example: 'tokens',
};

function answering(
  description: string,
  properties: Readonly<Record<string, JsonSchema>>,
): Operation['answers'] {
  const schema = object({ timestamp: MOMENT, ...properties, status: OK });
  return { 200: { description, type: 'application/json', schema } };
}

/** `GET /api/monitoring/dashboard` */
export const DASHBOARD_SHOWN: Operation = {
  id: 'showMonitoringDashboard',
  summary: 'One flow at a glance: items per status, pace, the machine, what is wrong, the circuit breakers.',
  parameters: [FLOW],
  answers: answering('The flow.', {
    as_of: orNull(MOMENT),
    flow: TEXT,
    token_statistics: object({
      by_status: COUNTS,
      total: orNull(COUNT),
      recently_updated: orNull(COUNT),
      monitoring: orNull(COUNT),
      active: orNull(COUNT),
      archived: orNull(COUNT),
    }),
    processing_rates: object({
      tokens_per_minute: MAYBE,
      tokens_per_5min: MAYBE,
      estimated_hourly_rate: MAYBE,
      processing_active: orNull(FLAG),
      window_seconds: MAYBE,
    }),
    system_health: orNull(
      object({
        memory_percent: MAYBE,
        memory_gb: MAYBE,
        cpu_percent: MAYBE,
        status: { enum: OVERALL_STATUSES },
      }),
    ),
    recent_errors: listOf(object({ component: TEXT, message: TEXT, last_success_at: orNull(MOMENT) })),
    circuit_breaker: object({ open: COUNT, breakers: BREAKERS }),
  }),
  problems: [503],
};

/** `GET /api/monitoring/tokens/flow` */
export const TOKEN_FLOW_SHOWN: Operation = {
  id: 'showTokenFlow',
  summary: 'Items per status, activations of the last hour, and what holds the flow up.',
  parameters: [FLOW],
  answers: answering('The flow.', {
    as_of: orNull(MOMENT),
    flow: TEXT,
    verdict: orNull({ enum: VERDICTS }),
    token_counts: COUNTS,
    activation_metrics: object({
      stuck_in_monitoring: orNull(COUNT),
      recent_activations: orNull(COUNT),
      activation_rate_per_hour: MAYBE,
      window_seconds: MAYBE,
    }),
    bottlenecks: listOf(
      object({
        type: { enum: ['stuck_items', 'flow_stalled', 'flow_backlogged', 'flow_starved', 'capture_lag'] },
        severity: { enum: ['warning', 'critical'] },
        status: orNull(TEXT),
        count: COUNT,
        description: TEXT,
      }),
    ),
  }),
  problems: [503],
};

/** `GET /api/monitoring/system/health` */
export const SYSTEM_HEALTH_SHOWN: Operation = {
  id: 'showSystemHealth',
  summary: 'Memory, processors and the calls to others, each with a status.',
  answers: answering('The system.', {
    memory: object({ total_gb: MAYBE, used_gb: MAYBE, available_gb: MAYBE, percent: MAYBE, status: PART }),
    cpu: object({ percent: MAYBE, count: MAYBE, status: PART }),
    api_health: object({
      circuit_breaker_open: FLAG,
      open_breakers: listOf(TEXT),
      consecutive_failures: COUNT,
      failing_probes: listOf(TEXT),
      status: PART,
    }),
    health_score: MAYBE,
    reasons: listOf(TEXT),
    overall_status: { enum: OVERALL_STATUSES },
  }),
  problems: [503],
};

const TREND = object({
  direction: { enum: DIRECTIONS },
  slope_per_hour: MAYBE,
  r2: orNull(SHARE),
  points: COUNT,
});
const SUMMARY = object({ min: MAYBE, max: MAYBE, mean: MAYBE, last: MAYBE });

/** `GET /api/monitoring/performance/history` */
export const HISTORY_SHOWN: Operation = {
  id: 'showPerformanceHistory',
  summary: 'Memory, processors and transitions over the last hours, from Prometheus, with their trends.',
  parameters: [
    {
      name: 'hours',
      in: 'query',
      description: 'How many hours to look back.',
      schema: { type: 'integer', minimum: 1, maximum: MAX_HISTORY_HOURS, default: 24 },
      example: '24',
    },
  ],
  answers: answering('The history.', {
    history: object({
      period_hours: COUNT,
      step_seconds: COUNT,
      data_points: listOf(
        object({
          timestamp: MOMENT,
          memory_percent: MAYBE,
          cpu_percent: MAYBE,
          transitions_per_minute: MAYBE,
        }),
      ),
      trends: object({ memory_trend: TREND, cpu_trend: TREND, processing_trend: TREND }),
      summary: object({
        avg_memory_percent: MAYBE,
        avg_cpu_percent: MAYBE,
        total_tokens_processed: MAYBE,
        memory_percent: SUMMARY,
        cpu_percent: SUMMARY,
        transitions_per_minute: SUMMARY,
      }),
      queries: object({ memory_percent: TEXT, cpu_percent: TEXT, transitions_per_minute: TEXT }),
    }),
  }),
  problems: [503],
};

/** `GET /api/monitoring/thresholds/suggestions` */
export const SUGGESTIONS_SHOWN: Operation = {
  id: 'showThresholdSuggestions',
  summary: 'Better values for thresholds, from what Prometheus observed in up to 7 days.',
  answers: answering('The suggestions, and everything that was looked at.', {
    suggestions: listOf(
      object({
        component: TEXT,
        metric: TEXT,
        severity: { enum: URGENCIES },
        current_threshold: NUMBER,
        suggested_threshold: NUMBER,
        reason: TEXT,
        confidence: SHARE,
        samples: COUNT,
      }),
    ),
    count: COUNT,
    thresholds: listOf(
      object({
        component: TEXT,
        metric: TEXT,
        query: orNull(TEXT),
        samples: COUNT,
        first_sample_at: orNull(MOMENT),
        observed: orNull(
          object({ p5: NUMBER, p25: NUMBER, p50: NUMBER, p75: NUMBER, p95: NUMBER, p99: NUMBER }),
        ),
        severities: listOf(
          object({
            severity: { enum: URGENCIES },
            current_threshold: NUMBER,
            exceeded_share: orNull(SHARE),
            advice: { enum: ADVICE },
            reason: TEXT,
          }),
        ),
        not_judged: orNull(TEXT),
      }),
    ),
  }),
  problems: [503],
};

/** `GET /api/monitoring/alerts/groups` */
export const ALERT_GROUPS_SHOWN: Operation = {
  id: 'showAlertGroups',
  summary: 'Alerts that fire, as Alertmanager groups them, and those of the last day that are over.',
  answers: answering('The groups.', {
    active_groups: listOf(
      object({
        group_id: TEXT,
        alert_type: TEXT,
        component: TEXT,
        severity: orNull(TEXT),
        count: COUNT,
        muted: COUNT,
        first_occurrence: MOMENT,
        last_occurrence: MOMENT,
        summary: TEXT,
        receiver: TEXT,
      }),
    ),
    resolved_groups: orNull(
      listOf(
        object({
          group_id: TEXT,
          alert_type: TEXT,
          component: TEXT,
          count: COUNT,
          resolved_at: MOMENT,
          duration_minutes: NUMBER,
        }),
      ),
    ),
    statistics: object({
      active_groups: COUNT,
      active_alerts: COUNT,
      resolved_last_24h: orNull(COUNT),
      total_groups: COUNT,
      complete: orNull(FLAG),
      maintenance_mode: FLAG,
      maintenance_until: orNull(MOMENT),
    }),
  }),
  problems: [503],
};

/** `GET /admin/performance/recommendations` */
export const RECOMMENDATIONS_SHOWN: Operation = {
  id: 'showRecommendations',
  summary: 'What to do now, the most urgent first, each drawn from a value that is beyond what it should be.',
  answers: answering('The recommendations.', {
    recommendations: listOf(
      object({
        kind: { enum: RECOMMENDATION_KINDS },
        severity: { enum: URGENCIES },
        component: TEXT,
        reason: TEXT,
        action: TEXT,
      }),
    ),
    count: COUNT,
    message: TEXT,
  }),
  problems: [503],
};
