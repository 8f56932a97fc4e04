/** Owns the proof of what Prometheus reads about a probed service before, between and after its answers. */
import { describe, expect, it } from 'vitest';
import { PROBE_REASONS } from '../../src/metrics/catalog-probes.js';
import { probeSeries } from '../../src/metrics/probe-series.js';
import { createMetrics } from '../../src/metrics/registry.js';

const probe = 'cache';

describe('the series of a probe', () => {
  it('are there at 0 before the first answer, but for what only the service can tell', () => {
    const metrics = createMetrics({ processMetrics: 'omit' });
    probeSeries(metrics, [probe]);
    expect(metrics.probeSuccess.value({ probe })).toBe(0);
    expect(metrics.probeLastSuccess.value({ probe })).toBe(0);
    for (const reason of PROBE_REASONS) expect(metrics.probeFailures.value({ probe, reason })).toBe(0);
    // A certificate that expired in 1970, or a cache of 0 bytes, would fire at once.
    expect(metrics.probeTlsExpiry.value({ probe })).toBeUndefined();
    expect(metrics.probeRedisMemoryMax.value({ probe })).toBeUndefined();
    expect(metrics.probeRedisHits.value({ probe })).toBeUndefined();
  });

  it('keep what the service said while it is down, and follow its restart', () => {
    const metrics = createMetrics({ processMetrics: 'omit' });
    const series = probeSeries(metrics, [probe]);
    const facts = { redisKeyspaceHits: 900, redisMemoryUsedBytes: 5 };
    series.take(probe, { success: true, latencyMs: 4, facts }, 1000);
    series.take(probe, { success: false, reason: 'refused', latencyMs: 1, facts: {} }, 1015);
    expect(metrics.probeSuccess.value({ probe })).toBe(0);
    expect(metrics.probeLastSuccess.value({ probe })).toBe(1000);
    expect(metrics.probeFailures.value({ probe, reason: 'refused' })).toBe(1);
    expect(metrics.probeRedisHits.value({ probe })).toBe(900);
    series.take(probe, { success: true, latencyMs: 4, facts: { redisKeyspaceHits: 2 } }, 1030);
    expect(metrics.probeRedisHits.value({ probe })).toBe(2);
    expect(metrics.probeSuccess.value({ probe })).toBe(1);
  });

  it('lose the oldest transaction when there is none', () => {
    const metrics = createMetrics({ processMetrics: 'omit' });
    const series = probeSeries(metrics, [probe]);
    const result = { success: true, latencyMs: 1 };
    series.take(probe, { ...result, facts: { postgresOldestTransactionSeconds: 77 } }, 1);
    expect(metrics.probePostgresOldestTransaction.value({ probe })).toBe(77);
    series.take(probe, { ...result, facts: { postgresOldestTransactionSeconds: null } }, 2);
    expect(metrics.probePostgresOldestTransaction.value({ probe })).toBeUndefined();
  });

  it('do not call a service down because we stopped asking', () => {
    const metrics = createMetrics({ processMetrics: 'omit' });
    const series = probeSeries(metrics, [probe]);
    series.take(probe, { success: true, latencyMs: 1, facts: {} }, 1);
    series.take(probe, { success: false, reason: 'cancelled', latencyMs: 1, facts: {} }, 2);
    expect(metrics.probeSuccess.value({ probe })).toBe(1);
    expect(metrics.probeFailures.value({ probe, reason: 'cancelled' })).toBe(1);
  });
});
