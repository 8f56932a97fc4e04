/** Checks what the paths of health answer, as a caller reads it: the word, the reasons, who sees them, and what waits. */
import { describe, expect, it } from 'vitest';
import type { HealthFacts } from '../../src/operations/health-facts.js';
import { startFace } from '../http/face.js';
import {
  alert,
  breaker,
  flow,
  healthDeps,
  job,
  NOW,
  performance,
  probe,
  resources,
} from './made-up-facts.js';

async function ask(path: string, over: Partial<HealthFacts> = {}) {
  const { get } = await startFace(healthDeps(over));
  const { status, text, headers } = await get(path);
  return { status, body: JSON.parse(text), type: headers['content-type'] };
}

const firing = (...alerts: ReturnType<typeof alert>[]) => ({
  firing: () => ({ kind: 'known' as const, at: NOW, alerts }),
});

describe('/health', () => {
  it('unites the three shapes', async () => {
    expect(await ask('/health')).toMatchObject({
      status: 200,
      body: {
        status: 'healthy',
        timestamp: '2026-01-02T03:04:05.000Z',
        telegram: 'connected',
        reasons: [],
        checks: {
          database: { status: 'healthy', error: null },
          alerts: { status: 'healthy', critical_count: 0, warning_count: 0, muted_count: 0 },
          circuit_breakers: { status: 'healthy', open_count: 0, open_breakers: [] },
          flows: { status: 'healthy', not_moving: [], not_counted: [] },
          jobs: { status: 'healthy', not_well: [] },
          services: { status: 'healthy', failing: [] },
          score: { status: 'healthy', score: 74.2 },
        },
      },
    });
  });

  it.each<[string, Partial<HealthFacts>, number, string, readonly string[]]>([
    [
      'a store that does not answer',
      { ready: () => ({ storeAnswers: false, uncounted: [] }) },
      503,
      'unhealthy',
      ['the store does not answer'],
    ],
    ['a critical alert', firing(alert('critical')), 503, 'unhealthy', ['critical alerts: 1']],
    ['a critical alert that is muted', firing(alert('critical', { isMuted: true })), 200, 'healthy', []],
    ['an alert that asks for nobody', firing(alert('none')), 200, 'healthy', []],
    ['an alert with an error', firing(alert('error')), 200, 'degraded', ['alerts: 1']],
    ['an alert without a severity', firing(alert(undefined)), 200, 'degraded', ['alerts: 1']],
    ['an alert for information', firing(alert('info')), 200, 'healthy', []],
    [
      'an Alertmanager that is silent',
      { firing: () => ({ kind: 'unknown' }) },
      200,
      'degraded',
      ['Alertmanager does not answer'],
    ],
    ['no Alertmanager', { firing: () => ({ kind: 'off' }) }, 200, 'healthy', []],
    [
      'an open breaker',
      { breakers: () => [breaker, { ...breaker, name: 'mail', state: 'open' }] },
      200,
      'degraded',
      ['open circuit breakers: mail'],
    ],
    [
      'a stalled flow',
      { flows: () => [{ ...flow, verdict: 'stalled' }] },
      200,
      'degraded',
      ['flows not well: tokens is stalled'],
    ],
    [
      'a flow that is not counted',
      { ready: () => ({ storeAnswers: true, uncounted: ['orders'] }) },
      200,
      'degraded',
      ['flows not well: orders is not counted'],
    ],
    [
      'a job that hangs',
      { jobs: () => [job, { ...job, name: 'lease', state: 'stuck' }] },
      200,
      'degraded',
      ['jobs not well: lease'],
    ],
    [
      'a service that fails',
      {
        probes: () => [
          probe,
          {
            ...probe,
            probe: 'cache',
            kind: 'redis',
            outcome: { success: false, reason: 'timeout', message: 'no', latencyMs: 1, facts: {} },
          },
        ],
      },
      200,
      'degraded',
      ['services that do not answer: cache'],
    ],
    [
      'a service that was not asked yet',
      { probes: () => [{ ...probe, outcome: undefined, at: undefined }] },
      200,
      'healthy',
      [],
    ],
    [
      'a low score',
      {
        resources: () => ({
          ...resources,
          health: { ...resources.health!, score: 40, reasons: [] },
        }),
      },
      200,
      'degraded',
      ['health score 40: no reason is known'],
    ],
    ['measuring switched off', { resources: () => undefined }, 200, 'healthy', []],
  ])('%s', async (_, over, code, word, reasons) => {
    const { status, body } = await ask('/health', over);
    expect([status, body.status, body.reasons]).toEqual([code, word, reasons]);
  });

  it('tells the word alone to whom may not read', async () => {
    const { get } = await startFace({
      ...healthDeps(firing(alert('critical'))),
      access: { admit: async () => ({ kind: 'admitted', caller: { name: 'anonymous', grants: [] } }) },
    });
    const { status, text } = await get('/health');
    expect([status, JSON.parse(text)]).toEqual([
      503,
      { status: 'unhealthy', timestamp: '2026-01-02T03:04:05.000Z' },
    ]);
  });
});

describe('/health/scheduler', () => {
  it('shows each job and what waits', async () => {
    const { body } = await ask('/health/scheduler', {
      jobs: () => [job, { ...job, name: 'lease', state: 'late' }],
    });
    expect(body).toMatchObject({ status: 'degraded', leader: true, job_count: 2, not_well: ['lease'] });
    expect(body.jobs[0]).toEqual({
      name: 'publish',
      state: 'idle',
      runs: { success: 40, failure: 1, timeout: 0, abandoned: 0, cancelled: 0 },
      missed_runs: 0,
      restarts: 0,
      last_success_at: '2026-01-02T03:04:00.000Z',
      last_heartbeat_at: '2026-01-02T03:04:00.000Z',
    });
    expect(body.queue).toEqual([
      {
        flow: 'tokens',
        mode: 'journal',
        verdict: 'flowing',
        waiting_items: 12,
        over_limit_items: 0,
        oldest_age_seconds: 90,
        capture_lag_seconds: 0.25,
        as_of: '2026-01-02T03:04:05.000Z',
      },
    ]);
  });
});

describe('/health/performance', () => {
  it('shows breakers and the last five minutes', async () => {
    const { body } = await ask('/health/performance', {
      breakers: () => [
        { ...breaker, state: 'open', lastFailureAt: NOW, retryAfterSeconds: 4.5, failureCount: 0 },
      ],
    });
    expect(body.status).toBe('degraded');
    expect(body.circuit_breakers.market).toMatchObject({
      name: 'market',
      state: 'open',
      failure_count: 0,
      success_count: 0,
      last_failure_time: NOW.getTime() / 1000,
      retry_after_seconds: 5,
    });
    expect(body.metrics).toMatchObject({
      window_seconds: 300,
      requests: { count: 120, errors: 3, error_ratio: 0.025, p95_seconds: 0.004 },
      moves_per_minute: { tokens: 26 },
      event_loop_delay_p99_seconds: 0.004,
    });
  });

  it('does not invent numbers before the second look', async () => {
    const { body } = await ask('/health/performance', {
      performance: () => ({
        ...performance,
        windowSeconds: 0,
        http: undefined,
        apis: new Map(),
        movesPerMinute: new Map(),
        eventLoopDelayP99Seconds: undefined,
      }),
    });
    expect(body.metrics).toEqual({
      window_seconds: 0,
      requests: null,
      apis: {},
      moves_per_minute: {},
      event_loop_delay_p99_seconds: null,
    });
  });
});

describe('/health/priority', () => {
  it('has the most urgent queue first, and leaves out what has no limit', async () => {
    const late = {
      ...flow,
      flow: 'orders',
      statuses: [{ status: 'paid', items: 4, stuckItems: 2, oldestAgeSeconds: 400 }],
      limits: new Map([['paid', { warning: 100, critical: 900 }]]),
    };
    const { body } = await ask('/health/priority', { flows: () => [flow, late] });
    expect(body).toMatchObject({ status: 'degraded', counts: { critical: 0, warning: 1, normal: 1 } });
    expect(body.queue).toEqual([
      {
        flow: 'orders',
        status: 'paid',
        priority: 'warning',
        items: 4,
        over_limit_items: 2,
        oldest_age_seconds: 400,
        warning_seconds: 100,
        critical_seconds: 900,
        used_of_limit: 4,
        as_of: '2026-01-02T03:04:05.000Z',
      },
      expect.objectContaining({
        flow: 'tokens',
        status: 'monitoring',
        priority: 'normal',
        used_of_limit: 0.5,
      }),
    ]);
  });

  it('has what passed its critical limit before what passed a warning many times over', async () => {
    const one = (name: string, age: number, warning: number, critical: number) => ({
      ...flow,
      flow: name,
      statuses: [{ status: 'paid', items: 1, stuckItems: 1, oldestAgeSeconds: age }],
      limits: new Map([['paid', { warning, critical }]]),
    });
    const flows = [
      one('calm', 99, 100, 200),
      one('slow', 100, 10, 1_000),
      one('slower', 200, 10, 1_000),
      one('bad', 201, 100, 200),
      one('worse', 300, 100, 200),
    ];
    const { body } = await ask('/health/priority', { flows: () => flows });
    const told = body.queue.map((queue: Record<string, unknown>) => [queue.flow, queue.used_of_limit]);
    expect(told).toEqual([
      ['worse', 3],
      ['bad', 2.01],
      ['slower', 20],
      ['slow', 10],
      ['calm', 0.99],
    ]);
  });

  it('says what to configure where nothing has a limit', async () => {
    const { status, body } = await ask('/health/priority', {
      flows: () => [{ ...flow, limits: new Map() }],
    });
    expect([status, body.code]).toEqual([503, 'NOT_CONFIGURED']);
    expect(body.remedy).toContain('flows.<name>.limits');
  });
});
