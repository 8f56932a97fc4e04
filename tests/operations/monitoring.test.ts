/** Checks the bodies of monitoring on made-up facts: one flow and the system. */
import { describe, expect, it } from 'vitest';
import { watchPolicies } from '../../src/metrics/policies.js';
import { createMetrics } from '../../src/metrics/registry.js';
import { BreakerWatch } from '../../src/operations/health-breakers.js';
import { chooseFlow, perHour } from '../../src/operations/monitoring-facts.js';
import { bottlenecksOf, dashboardBody, tokenFlowBody } from '../../src/operations/monitoring-flow.js';
import { overallOf, shareStatus, systemHealthBody } from '../../src/operations/monitoring-system.js';
import { CircuitBreaker } from '../../src/resilience/breaker.js';
import { facts, flow, job } from './made-up-facts.js';
import { badProbe, busy, monitoringFacts, recent, stuckFlow } from './made-up-monitoring.js';

describe('chooseFlow', () => {
  const [a, b] = [
    { ...flow, flow: 'a' },
    { ...flow, flow: 'b' },
  ];
  it('takes the flow that is named, else the usual one, else the only one', () => {
    expect(chooseFlow([a, b], 'b', 'a')).toEqual({ kind: 'chosen', flow: b });
    expect(chooseFlow([a, b], undefined, 'a')).toEqual({ kind: 'chosen', flow: a });
    expect(chooseFlow([b], undefined, 'a')).toEqual({ kind: 'chosen', flow: b });
  });

  it('guesses neither among several nor for a name that is none', () => {
    expect(chooseFlow([a, b], undefined, 'tokens')).toEqual({ kind: 'ambiguous', names: ['a', 'b'] });
    expect(chooseFlow([a], 'c', 'a')).toEqual({ kind: 'unknown', names: ['a'] });
    expect(chooseFlow([], undefined, 'a')).toEqual({ kind: 'none open' });
  });
});

describe('the dashboard', () => {
  it('tells items, pace, machine and breakers', () => {
    expect(dashboardBody(monitoringFacts(), flow)).toMatchObject({
      timestamp: '2026-01-02T03:04:05.000Z',
      as_of: '2026-01-02T03:04:05.000Z',
      flow: 'tokens',
      token_statistics: {
        by_status: { monitoring: 12, active: 3 },
        total: 15,
        recently_updated: 30,
        monitoring: 12,
        active: 3,
        archived: null,
      },
      processing_rates: {
        tokens_per_minute: 6,
        tokens_per_5min: 30,
        estimated_hourly_rate: 360,
        processing_active: true,
        window_seconds: 300,
      },
      system_health: { memory_percent: 25, memory_gb: 4, cpu_percent: 30, status: 'healthy' },
      recent_errors: [],
      circuit_breaker: { open: 0, breakers: { market: { state: 'closed' } } },
      status: 'ok',
    });
  });

  it('tells null, never 0, of what is not known', () => {
    const unknown = { ...flow, asOf: undefined, statuses: [{ ...flow.statuses[0]!, items: undefined }] };
    const body = dashboardBody(
      monitoringFacts({ recentMoves: () => undefined, resources: () => undefined }),
      unknown,
    );
    expect(body.token_statistics).toMatchObject({ total: null, recently_updated: null, monitoring: null });
    expect(body.processing_rates).toEqual({
      tokens_per_minute: null,
      tokens_per_5min: null,
      estimated_hourly_rate: null,
      processing_active: null,
      window_seconds: null,
    });
    expect([body.system_health, body.as_of]).toEqual([null, null]);
  });

  it('makes no hourly rate of the first seconds', () => {
    expect(perHour(2, 5)).toBeUndefined();
    expect(perHour(2, 60)).toBe(120);
  });

  it('names what fails now', () => {
    const ill = { ...job, state: 'stuck' as const };
    const body = dashboardBody(monitoringFacts({ probes: () => [badProbe], jobs: () => [ill] }), flow);
    expect(body.recent_errors.map(({ component, message }) => [component, message])).toEqual([
      ['probe bot', 'timeout: no answer'],
      ['job publish', 'it is stuck'],
    ]);
  });
});

describe('the flow of tokens', () => {
  it('tells activations of the last hour', () => {
    const moves = (seconds: number) => ({ ...recent, windowSeconds: seconds });
    const seen = { ...flow, asOf: new Date('2026-01-02T03:00:00.000Z') };
    const body = tokenFlowBody(monitoringFacts({ recentMoves: (_, seconds) => moves(seconds) }), seen);
    expect(body.as_of).toBe('2026-01-02T03:00:00.000Z');
    expect(body.token_counts).toEqual({ monitoring: 12, active: 3 });
    expect(body.activation_metrics).toEqual({
      stuck_in_monitoring: 0,
      recent_activations: 3,
      activation_rate_per_hour: 3,
      window_seconds: 3600,
    });
    expect(body.bottlenecks).toEqual([]);
  });

  it('tells no activation of a flow without that status', () => {
    const orders = { ...flow, flow: 'orders', statuses: [{ ...flow.statuses[0]!, status: 'new' }] };
    expect(tokenFlowBody(monitoringFacts(), orders).activation_metrics).toMatchObject({
      stuck_in_monitoring: null,
      recent_activations: null,
      activation_rate_per_hour: null,
    });
  });

  it('names what holds it up, the worst first', () => {
    expect(bottlenecksOf(monitoringFacts(), stuckFlow).map((b) => [b.type, b.severity, b.count])).toEqual([
      ['stuck_items', 'critical', 4],
      ['flow_stalled', 'critical', 15],
      ['capture_lag', 'critical', 700],
    ]);
    const late = { ...stuckFlow, verdict: 'backlogged' as const, captureLagSeconds: 100 };
    const young = { ...late, statuses: [{ ...late.statuses[0]!, oldestAgeSeconds: 200 }] };
    expect(bottlenecksOf(monitoringFacts(), young).map((b) => [b.type, b.severity])).toEqual([
      ['stuck_items', 'warning'],
      ['flow_backlogged', 'warning'],
      ['capture_lag', 'warning'],
    ]);
  });
});

describe('the health of the system', () => {
  it('tells memory, processors and calls with the limits in force', () => {
    expect(systemHealthBody(facts())).toMatchObject({
      memory: { total_gb: 16, used_gb: 4, available_gb: 12, percent: 25, status: 'ok' },
      cpu: { percent: 30, count: 2, status: 'ok' },
      api_health: { circuit_breaker_open: false, consecutive_failures: 0, status: 'ok' },
      overall_status: 'healthy',
      status: 'ok',
    });
    expect(systemHealthBody(facts({ resources: () => busy }))).toMatchObject({
      cpu: { percent: 97, status: 'critical' },
      overall_status: 'critical',
    });
  });

  it('is degraded, not critical, when others do not answer', async () => {
    const metrics = createMetrics({ processMetrics: 'omit' });
    const market = new CircuitBreaker({ name: 'market', failureThreshold: 5, recoveryTimeoutMs: 60_000 });
    watchPolicies(metrics, [market]);
    const watch = new BreakerWatch(metrics);
    const told = () => systemHealthBody(facts({ breakers: () => watch.lines() }));
    const fail = () => market.execute(() => Promise.reject(new Error('no'))).catch(() => {});
    for (let n = 0; n < 4; n += 1) await fail();
    expect(told()).toMatchObject({
      api_health: { circuit_breaker_open: false, consecutive_failures: 4, status: 'warning' },
      overall_status: 'warning',
    });
    await fail();
    expect(told()).toMatchObject({
      api_health: { circuit_breaker_open: true, open_breakers: ['market'], consecutive_failures: 5 },
      overall_status: 'degraded',
    });
    expect(systemHealthBody(facts({ probes: () => [badProbe] }))).toMatchObject({
      api_health: { failing_probes: ['bot'], consecutive_failures: 3, status: 'critical' },
      overall_status: 'degraded',
    });
  });

  it('does not exist when measuring is off, and is unknown before the first measurement', () => {
    expect(systemHealthBody(facts({ resources: () => undefined }))).toBeUndefined();
    const empty = { sample: {}, ageSeconds: new Map(), health: undefined };
    expect(systemHealthBody(facts({ resources: () => empty }))).toMatchObject({
      memory: { percent: null, status: 'unknown' },
      cpu: { percent: null, status: 'unknown' },
      overall_status: 'unknown',
    });
  });

  it('judges a share by every rung but the quietest', () => {
    const thresholds = facts().thresholds();
    const status = (share: number) => shareStatus(thresholds, 'cpu_utilization_ratio', share);
    expect([0.7, 0.75, 0.81, 0.9, 0.96].map(status)).toEqual(['ok', 'ok', 'warning', 'warning', 'critical']);
    expect(shareStatus([], 'cpu_utilization_ratio', 1)).toBe('ok');
    expect(overallOf('warning', 'ok', 'ok')).toBe('warning');
  });
});
