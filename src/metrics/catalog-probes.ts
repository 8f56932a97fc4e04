/** Owns the series about services that are asked from outside: whether each answers, how fast, and what it says of itself. */
import type { MetricSpec } from './define.js';

/** Upper bounds of a probe's duration in seconds; the last covers the longest timeout. */
export const PROBE_BUCKETS_SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
] as const;

/** Why a probe failed: a closed set, so that each reason is a series from the start. */
export const PROBE_REASONS = [
  'timeout',
  'refused',
  'dns',
  'tls',
  'status',
  'body',
  'auth',
  'protocol',
  'unavailable',
  'cancelled',
] as const;

const STABLE = { stability: 'stable', feature: 'dependency' } as const;
const PROBE = '`source`, `store`, and the names under `probes` in the configuration';
const LABELS = { probe: PROBE } as const;

const gauge = { type: 'gauge', labels: LABELS, ...STABLE } as const;

export const probeMetrics = {
  probeSuccess: {
    name: 'probe_success',
    help: 'Whether the latest probe of a service had the answer it must have; 0 before the first answer too, so give alerts a `for` longer than one interval.',
    unit: undefined,
    ...gauge,
  },
  probeDuration: {
    name: 'probe_duration_seconds',
    help: 'Time of a finished probe from the look-up of the name to the last byte that was needed, failures included, in seconds.',
    type: 'histogram',
    unit: 'seconds',
    labels: LABELS,
    buckets: PROBE_BUCKETS_SECONDS,
    ...STABLE,
  },
  probeFailures: {
    name: 'probe_failures_total',
    help: 'Probes without the answer that they must have.',
    type: 'counter',
    unit: undefined,
    labels: { probe: PROBE, reason: PROBE_REASONS.map((reason) => `\`${reason}\``).join(', ') },
    ...STABLE,
  },
  probeLastSuccess: {
    name: 'probe_last_success_timestamp_seconds',
    help: 'Moment of the latest good probe, in seconds since the epoch; 0 before the first.',
    unit: 'seconds',
    ...gauge,
  },
  probeTlsExpiry: {
    name: 'probe_tls_expiry_timestamp_seconds',
    help: 'Moment at which the first certificate of the chain that the service showed expires, in seconds since the epoch; absent before the first handshake and without TLS.',
    unit: 'seconds',
    ...gauge,
  },
  probePostgresConnections: {
    name: 'probe_postgres_connections',
    help: 'Client connections of the whole server, the one of the probe included; absent before the first answer.',
    unit: undefined,
    ...gauge,
  },
  probePostgresConnectionsMax: {
    name: 'probe_postgres_connections_max',
    help: 'Client connections that the server allows (`max_connections`); absent before the first answer.',
    unit: undefined,
    ...gauge,
  },
  probePostgresWaitingLocks: {
    name: 'probe_postgres_waiting_locks',
    help: 'Locks of the whole server that are waited for; absent before the first answer.',
    unit: undefined,
    ...gauge,
  },
  probePostgresOldestTransaction: {
    name: 'probe_postgres_oldest_transaction_timestamp_seconds',
    help: 'Beginning of the oldest open transaction of other clients, in seconds since the epoch; absent without one. Without the role pg_read_all_stats only those of our own role are seen.',
    unit: 'seconds',
    ...gauge,
  },
  probeRedisMemoryUsed: {
    name: 'probe_redis_memory_used_bytes',
    help: 'Memory that Redis has allocated, in bytes; absent before the first answer.',
    unit: 'bytes',
    ...gauge,
  },
  probeRedisMemoryMax: {
    name: 'probe_redis_memory_max_bytes',
    help: 'Memory that Redis may use (`maxmemory`), in bytes; 0 means no limit, absent before the first answer.',
    unit: 'bytes',
    ...gauge,
  },
  probeRedisHits: {
    name: 'probe_redis_keyspace_hits_total',
    help: "Look-ups of keys that were there, as Redis counts them; absent before the first answer, begins anew with Redis' own statistics.",
    type: 'counter',
    unit: undefined,
    labels: LABELS,
    ...STABLE,
  },
  probeRedisMisses: {
    name: 'probe_redis_keyspace_misses_total',
    help: "Look-ups of keys that were not there, as Redis counts them; absent before the first answer, begins anew with Redis' own statistics.",
    type: 'counter',
    unit: undefined,
    labels: LABELS,
    ...STABLE,
  },
} as const satisfies Readonly<Record<string, MetricSpec>>;
