/** Owns the series of probes: declared with their names, brought up to date by each outcome. */
import { PROBE_REASONS } from './catalog-probes.js';
import type { Metrics } from './registry.js';

/** What a service told of itself; what it did not tell is left out, or null when there is nothing of the kind. */
export interface ProbeFacts {
  /** Seconds since the epoch. */
  readonly tlsExpirySeconds?: number | undefined;
  readonly postgresConnections?: number | undefined;
  readonly postgresConnectionsMax?: number | undefined;
  readonly postgresWaitingLocks?: number | undefined;
  /** Seconds since the epoch; null when no transaction is open. */
  readonly postgresOldestTransactionSeconds?: number | null | undefined;
  readonly redisMemoryUsedBytes?: number | undefined;
  /** 0 without a limit. */
  readonly redisMemoryMaxBytes?: number | undefined;
  readonly redisKeyspaceHits?: number | undefined;
  readonly redisKeyspaceMisses?: number | undefined;
  /** Whom a bot's token belongs to; no series. */
  readonly telegramBot?: { readonly id: number; readonly username: string } | undefined;
}

/** What the series need of an outcome. */
export interface ProbeResult {
  readonly success: boolean;
  /** Undefined after a success. */
  readonly reason?: (typeof PROBE_REASONS)[number] | undefined;
  readonly latencyMs: number;
  readonly facts: ProbeFacts;
}

/** Takes the outcomes of the declared probes. */
export interface ProbeSeries {
  /** Brings the series of a probe up to date; `nowSeconds` is the wall clock in seconds since the epoch. */
  take(probe: string, result: ProbeResult, nowSeconds: number): void;
}

/** Declares every series of these probes at 0 but those about what only the service can tell. */
export function probeSeries(metrics: Metrics, probes: readonly string[]): ProbeSeries {
  for (const probe of probes) {
    metrics.probeSuccess.set({ probe }, 0);
    metrics.probeLastSuccess.set({ probe }, 0);
    metrics.probeDuration.bind({ probe });
    for (const reason of PROBE_REASONS) metrics.probeFailures.inc({ probe, reason }, 0);
  }
  return {
    take(probe, result, nowSeconds) {
      const { success, reason, latencyMs, facts } = result;
      showFacts(metrics, probe, facts);
      if (reason !== undefined) metrics.probeFailures.inc({ probe, reason });
      // A probe that we ended ourselves says nothing about the service.
      if (reason === 'cancelled') return;
      metrics.probeSuccess.set({ probe }, success ? 1 : 0);
      metrics.probeDuration.observe({ probe }, latencyMs / 1000);
      if (success) metrics.probeLastSuccess.set({ probe }, nowSeconds);
    },
  };
}

/** What a service does not tell this time keeps its last value: it became old, and the last success says how old. */
function showFacts(metrics: Metrics, probe: string, facts: ProbeFacts): void {
  const gauges = [
    [metrics.probeTlsExpiry, facts.tlsExpirySeconds],
    [metrics.probePostgresConnections, facts.postgresConnections],
    [metrics.probePostgresConnectionsMax, facts.postgresConnectionsMax],
    [metrics.probePostgresWaitingLocks, facts.postgresWaitingLocks],
    [metrics.probePostgresOldestTransaction, facts.postgresOldestTransactionSeconds],
    [metrics.probeRedisMemoryUsed, facts.redisMemoryUsedBytes],
    [metrics.probeRedisMemoryMax, facts.redisMemoryMaxBytes],
  ] as const;
  for (const [gauge, value] of gauges) {
    if (value === null) gauge.remove({ probe });
    else if (value !== undefined) gauge.set({ probe }, value);
  }
  // Redis begins at 0 again when it restarts, and Prometheus shall see that as a counter reset.
  const { redisKeyspaceHits: hits, redisKeyspaceMisses: misses } = facts;
  if (hits !== undefined) metrics.probeRedisHits.restartAt({ probe }, hits);
  if (misses !== undefined) metrics.probeRedisMisses.restartAt({ probe }, misses);
}
