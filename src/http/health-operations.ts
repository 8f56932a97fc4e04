/** Owns the description of the HTTP of health. */
import { CAPTURE_MODES } from '../flows/flow.js';
import { VERDICTS } from '../flows/verdict.js';
import { RUN_OUTCOMES } from '../operations/health-jobs.js';
import { CHECK_STATUSES, HEALTH_STATUSES } from '../operations/health-overview.js';
import { PRIORITIES } from '../operations/health-priority.js';
import { TELEGRAM_STATES } from '../operations/health-telegram.js';
import { jobStates } from '../resilience/job.js';
import { BREAKERS } from './metrics-operations.js';
import {
  type AnswerDoc,
  COUNT,
  FLAG,
  type JsonSchema,
  listOf,
  MOMENT,
  NUMBER,
  type Operation,
  object,
  orNull,
  TEXT,
} from './operation.js';

const STATUS: JsonSchema = { enum: HEALTH_STATUSES };
const MAYBE = orNull(NUMBER);
const NAMES = listOf(TEXT);
const COUNTS: JsonSchema = { type: 'object', additionalProperties: COUNT };
const MAYBE_COUNT = orNull(COUNT);

const check = (fields: Readonly<Record<string, JsonSchema>>) =>
  object({ status: { enum: CHECK_STATUSES }, ...fields });
const CHECKS = object({
  database: check({ error: orNull(TEXT) }),
  alerts: check({ critical_count: MAYBE_COUNT, warning_count: MAYBE_COUNT, muted_count: MAYBE_COUNT }),
  circuit_breakers: check({ open_count: COUNT, open_breakers: NAMES }),
  flows: check({ not_moving: NAMES, not_counted: NAMES }),
  jobs: check({ not_well: NAMES }),
  services: check({ failing: NAMES }),
  score: check({ score: MAYBE }),
});
const HEALTH: JsonSchema = {
  ...object({
    status: STATUS,
    timestamp: MOMENT,
    telegram: orNull({ enum: TELEGRAM_STATES }),
    reasons: NAMES,
    checks: CHECKS,
  }),
  required: ['status', 'timestamp'],
};
const JOB = object({
  name: TEXT,
  state: { enum: jobStates },
  runs: object(Object.fromEntries(RUN_OUTCOMES.map((outcome) => [outcome, COUNT]))),
  missed_runs: COUNT,
  restarts: COUNT,
  last_success_at: orNull(MOMENT),
  last_heartbeat_at: orNull(MOMENT),
});
const WAITING = object({
  flow: TEXT,
  mode: { enum: CAPTURE_MODES },
  verdict: orNull({ enum: VERDICTS }),
  waiting_items: MAYBE_COUNT,
  over_limit_items: MAYBE_COUNT,
  oldest_age_seconds: MAYBE,
  capture_lag_seconds: MAYBE,
  as_of: orNull(MOMENT),
});
const SCHEDULER = object({
  status: STATUS,
  timestamp: MOMENT,
  leader: FLAG,
  job_count: COUNT,
  not_well: NAMES,
  jobs: listOf(JOB),
  queue: listOf(WAITING),
});
const USE = { used_bytes: NUMBER, total_bytes: NUMBER, utilization_percent: MAYBE };
const RESOURCES = object({
  status: STATUS,
  timestamp: MOMENT,
  cpu: orNull(object({ cores: NUMBER, utilization_percent: MAYBE })),
  load: orNull(object({ '1m': NUMBER, '5m': NUMBER, '15m': NUMBER })),
  memory: orNull(object(USE)),
  swap: orNull(object(USE)),
  disk: orNull(listOf(object({ mountpoint: TEXT, ...USE }))),
  disk_io: orNull(object({ read_bytes_total: NUMBER, write_bytes_total: NUMBER })),
  network: orNull(
    listOf(
      object({
        device: TEXT,
        receive_bytes_total: NUMBER,
        transmit_bytes_total: NUMBER,
        receive_errors_total: NUMBER,
        transmit_errors_total: NUMBER,
      }),
    ),
  ),
  process: orNull(
    object({ resident_bytes: NUMBER, children: MAYBE_COUNT, open_fds: MAYBE_COUNT, max_fds: MAYBE_COUNT }),
  ),
  heap: orNull(object(USE)),
  health: object({
    score: MAYBE,
    components: { type: 'object', additionalProperties: NUMBER },
    reasons: NAMES,
  }),
  alerts: listOf(object({ severity: TEXT, threshold: TEXT, value: NUMBER, limit: NUMBER, message: TEXT })),
  failed: NAMES,
  age_seconds: { type: 'object', additionalProperties: NUMBER },
});
const RESOURCE_STATUS = object({
  health: object({
    current_resources: object({ memory_mb: MAYBE, cpu_percent: MAYBE, memory_utilization_percent: MAYBE }),
    health_score: MAYBE,
    alerts: NAMES,
    recommendations: NAMES,
  }),
  emergency: object({ emergency_mode: orNull(FLAG) }),
});
const TRAFFIC = object({
  count: COUNT,
  errors: COUNT,
  error_ratio: MAYBE,
  per_minute: NUMBER,
  mean_seconds: MAYBE,
  p50_seconds: MAYBE,
  p95_seconds: MAYBE,
  p99_seconds: MAYBE,
});
const PERFORMANCE = object({
  status: STATUS,
  timestamp: MOMENT,
  circuit_breakers: BREAKERS,
  metrics: object({
    window_seconds: NUMBER,
    requests: orNull(TRAFFIC),
    apis: { type: 'object', additionalProperties: TRAFFIC },
    moves_per_minute: { type: 'object', additionalProperties: NUMBER },
    event_loop_delay_p99_seconds: MAYBE,
  }),
});
const PRIORITY = object({
  status: STATUS,
  timestamp: MOMENT,
  counts: object(Object.fromEntries(PRIORITIES.map((one) => [one, COUNT]))),
  queue: listOf(
    object({
      flow: TEXT,
      status: TEXT,
      priority: { enum: PRIORITIES },
      items: MAYBE_COUNT,
      over_limit_items: MAYBE_COUNT,
      oldest_age_seconds: MAYBE,
      warning_seconds: MAYBE,
      critical_seconds: MAYBE,
      used_of_limit: MAYBE,
      as_of: orNull(MOMENT),
    }),
  ),
});
const TELEGRAM = object({
  telegram: { enum: TELEGRAM_STATES },
  timestamp: MOMENT,
  initialized: FLAG,
  user: orNull(object({ id: COUNT, username: TEXT })),
  probe: orNull(
    object({
      probe: TEXT,
      success: orNull(FLAG),
      reason: orNull(TEXT),
      latency_seconds: MAYBE,
      asked_at: orNull(MOMENT),
      last_success_at: orNull(MOMENT),
      consecutive_failures: COUNT,
    }),
  ),
  channel: orNull(
    object({
      messages: COUNTS,
      attempts: COUNTS,
      last_attempt: orNull(object({ outcome: TEXT, at: MOMENT })),
      last_sent_at: orNull(MOMENT),
      oldest_queued_at: orNull(MOMENT),
    }),
  ),
});

/** `GET /health` */
export const HEALTH_SHOWN: Operation = {
  id: 'showHealth',
  summary: 'One word, and why; the reasons only for callers who may read.',
  answers: { 200: json('No critical condition.', HEALTH), 503: json('A critical condition.', HEALTH) },
};
/** `GET /health/scheduler` */
export const SCHEDULER_SHOWN = shown('showScheduler', 'The background jobs, and what waits.', SCHEDULER);
/** `GET /health/resources` */
export const RESOURCES_SHOWN: Operation = {
  ...shown(
    'showResources',
    'Processors, memory, disks, network and this process, as last measured.',
    RESOURCES,
  ),
  problems: [503],
};
/** `GET /health/performance` */
export const PERFORMANCE_SHOWN = shown(
  'showPerformance',
  'Times and rates of the last five minutes, and the circuit breakers of this process.',
  PERFORMANCE,
);
/** `GET /health/priority` */
export const PRIORITY_SHOWN: Operation = {
  ...shown('showPriority', 'What waits where a limit is set, the most urgent first.', PRIORITY),
  problems: [503],
};
/** `GET /resources/status` */
export const RESOURCE_STATUS_SHOWN: Operation = {
  ...shown(
    'showResourceStatus',
    'The machine in short: use, score, limits that are passed.',
    RESOURCE_STATUS,
  ),
  problems: [503],
};
/** `GET /telegram/status` */
export const TELEGRAM_SHOWN: Operation = {
  ...shown('showTelegram', 'Whether Telegram answered when it was last asked.', TELEGRAM),
  problems: [503],
};

function shown(id: string, summary: string, schema: JsonSchema): Operation {
  return { id, summary, answers: { 200: json('As last seen.', schema) } };
}

function json(description: string, schema: JsonSchema): AnswerDoc {
  return { description, type: 'application/json', schema };
}
