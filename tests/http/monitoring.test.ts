/** Checks the HTTP of monitoring and of days: parameters and their bounds, and a 503 that names what is missing. */
import { describe, expect, it } from 'vitest';
import { AlertmanagerError } from '../../src/alerts/alertmanager.js';
import { NoSeriesError } from '../../src/operations/own-series.js';
import { PrometheusError } from '../../src/operations/prometheus-client.js';
import { flow } from '../operations/made-up-facts.js';
import { history, monitoringDeps, monitoringFacts } from '../operations/made-up-monitoring.js';
import { startFace, tokens } from './face.js';

const at = '/api/monitoring';

describe('days', () => {
  it('are told per pair and per day', async () => {
    const { get } = await startFace(monitoringDeps());
    const transitions = JSON.parse((await get('/api/flows/tokens/transitions?days=7')).text);
    expect(transitions).toMatchObject({
      flow: 'tokens',
      from: '2026-01-01',
      to: '2026-01-02',
      counted_since: '2026-01-01T12:00:00.000Z',
      last_gap_at: null,
    });
    expect(transitions.transitions).toEqual([
      { from: 'monitoring', to: 'active', count: 2 },
      { from: 'none', to: 'monitoring', count: 2 },
      { from: 'active', to: 'none', count: 1 },
    ]);
    expect(transitions.days).toHaveLength(2);
    const daily = JSON.parse((await get('/api/flows/tokens/daily')).text);
    expect(daily.days).toEqual([
      { day: '2026-01-01', arrived: 1, departed: 0, moved: 0 },
      { day: '2026-01-02', arrived: 1, departed: 1, moved: 2 },
    ]);
  });

  it('are as many as are asked for, within bounds', async () => {
    const asked: number[] = [];
    const deps = monitoringDeps();
    const flowDays = async (name: string, days: number) => {
      asked.push(days);
      return deps.flowDays!(name, days);
    };
    const { get } = await startFace({ ...deps, flowDays });
    for (const query of ['transitions', 'transitions?days=90', 'daily', 'daily?days=365'])
      expect((await get(`/api/flows/tokens/${query}`)).status).toBe(200);
    expect(asked).toEqual([7, 90, 30, 365]);
    for (const query of [
      'transitions?days=91',
      'transitions?days=0',
      'daily?days=366',
      'daily?days=1.5',
      'daily?days=',
      'daily?days=1&days=2',
    ]) {
      const answer = await get(`/api/flows/tokens/${query}`);
      expect([query, answer.status, JSON.parse(answer.text).field]).toEqual([query, 400, 'days']);
    }
    expect((await get('/api/flows/orders/daily')).status).toBe(404);
  });

  it('of a flow that is not counted, or of a store that is silent, are a 503', async () => {
    const uncounted = await startFace({ ...monitoringDeps(), flowDays: async () => undefined });
    const answer = await uncounted.get('/api/flows/tokens/daily');
    expect([answer.status, JSON.parse(answer.text).code]).toEqual([503, 'FLOWS_UNCOUNTED']);
    const snapshot = await startFace({
      ...monitoringDeps(),
      flows: () => [{ ...tokens, mode: 'snapshot' }],
      flowDays: async () => undefined,
    });
    const never = await snapshot.get('/api/flows/tokens/daily');
    expect([never.status, JSON.parse(never.text).code]).toEqual([503, 'NOT_CONFIGURED']);
    const silent = await startFace({
      ...monitoringDeps(),
      flowDays: () => new Promise(() => {}),
      stuckDeadlineMs: 50,
    });
    const late = await silent.get('/api/flows/tokens/transitions');
    expect([late.status, JSON.parse(late.text).code]).toEqual([503, 'STORE_UNAVAILABLE']);
  });
});

describe('monitoring', () => {
  it('asks for the hours that are wanted, 24 unless told', async () => {
    const asked: number[] = [];
    const { get } = await startFace(
      monitoringDeps({
        history: async (hours) => {
          asked.push(hours);
          return history;
        },
      }),
    );
    for (const query of ['', '?hours=1', '?hours=720'])
      expect((await get(`${at}/performance/history${query}`)).status).toBe(200);
    expect(asked).toEqual([24, 1, 720]);
    for (const query of ['?hours=0', '?hours=721', '?hours=24h', '?hours=-1', '?hours=1&hours=1'])
      expect([query, (await get(`${at}/performance/history${query}`)).status]).toEqual([query, 400]);
  });

  it('tells null of what Prometheus does not have', async () => {
    const { get } = await startFace(monitoringDeps());
    const body = JSON.parse((await get(`${at}/performance/history`)).text).history;
    expect(body.data_points[0]).toEqual({
      timestamp: '2026-01-02T02:04:05.000Z',
      memory_percent: 10,
      cpu_percent: null,
      transitions_per_minute: 0,
    });
    expect(body.trends.cpu_trend).toEqual({
      direction: 'unknown',
      slope_per_hour: null,
      r2: null,
      points: 0,
    });
    expect(body.summary).toMatchObject({ avg_memory_percent: 20, avg_cpu_percent: null });
  });

  it('tells better thresholds first, then all that were looked at', async () => {
    const { get } = await startFace(monitoringDeps());
    const body = JSON.parse((await get(`${at}/thresholds/suggestions`)).text);
    expect([body.count, body.suggestions.map((one: { metric: string }) => one.metric)]).toEqual([
      1,
      ['heap_utilization_ratio'],
    ]);
    expect(body.suggestions[0]).toEqual({
      component: 'process',
      metric: 'heap_utilization_ratio',
      severity: 'warning',
      current_threshold: 0.99,
      suggested_threshold: 0.7462,
      reason: 'crossed by 0.5 % of the samples; p75 of what was observed is 0.7462',
      confidence: 0.7,
      samples: 200,
    });
    expect(body.thresholds.map((one: { not_judged: string | null }) => one.not_judged)).toEqual([
      null,
      null,
      'it is no limit',
    ]);
  });

  it('names the flow, or the flows to choose from', async () => {
    const two = [
      { ...flow, flow: 'orders' },
      { ...flow, flow: 'mails' },
    ];
    const { get } = await startFace(monitoringDeps({ facts: monitoringFacts({ flows: () => two }) }));
    for (const path of ['dashboard', 'tokens/flow']) {
      const answer = await get(`${at}/${path}`);
      expect([answer.status, JSON.parse(answer.text).remedy]).toEqual([400, 'one of: orders, mails']);
      expect((await get(`${at}/${path}?flow=gone`)).status).toBe(400);
      expect(JSON.parse((await get(`${at}/${path}?flow=mails`)).text).flow).toBe('mails');
    }
  });

  it('says that no flow is counted yet in the words of the other routes', async () => {
    const ready = () => ({ storeAnswers: true, uncounted: ['tokens'] });
    const { get } = await startFace(monitoringDeps({ facts: monitoringFacts({ flows: () => [], ready }) }));
    for (const path of ['dashboard', 'tokens/flow']) {
      const answer = await get(`${at}/${path}`);
      const { code, remedy } = JSON.parse(answer.text);
      expect([answer.status, code, remedy]).toEqual([
        503,
        'FLOWS_UNCOUNTED',
        'try again; if it stays, see /-/ready',
      ]);
    }
  });

  it('answers 503 and the remedy where a part is not configured', async () => {
    const { get } = await startFace(
      monitoringDeps({
        history: undefined,
        suggestions: undefined,
        alertGroups: undefined,
        facts: monitoringFacts({ resources: () => undefined, flows: () => [] }),
      }),
    );
    const cases = [
      ['performance/history', 'set prometheus.url'],
      ['thresholds/suggestions', 'set prometheus.url'],
      ['alerts/groups', 'set alertmanager.url'],
      ['system/health', 'set resources.enabled: true'],
      ['dashboard', 'name a table in flows'],
    ];
    for (const [path, remedy] of cases) {
      const answer = await get(`${at}/${path}`);
      const { code, remedy: told } = JSON.parse(answer.text);
      expect([path, answer.status, code, told]).toEqual([path, 503, 'NOT_CONFIGURED', remedy]);
    }
  });

  it.each([
    ['PROMETHEUS_FAILED', 'performance/history', new PrometheusError('ECONNREFUSED', 'unreachable')],
    ['NO_SERIES', 'performance/history', new NoSeriesError('no series', 'Wait.')],
    ['PROMETHEUS_FAILED', 'thresholds/suggestions', new PrometheusError('timeout: x', 'refused')],
    ['STORE_UNAVAILABLE', 'alerts/groups', Object.assign(new Error('gone'), { code: 'DATABASE_TIMEOUT' })],
    ['ALERTMANAGER_FAILED', 'alerts/groups', new AlertmanagerError('reading', 'ECONNREFUSED')],
  ])('answers 503 with %s at %s, never an empty list', async (code, path, error) => {
    const fail = () => Promise.reject(error);
    const { get } = await startFace(monitoringDeps({ history: fail, suggestions: fail, alertGroups: fail }));
    const answer = await get(`${at}/${path}`);
    const problem = JSON.parse(answer.text);
    expect([answer.status, problem.code, answer.headers['retry-after']]).toEqual([503, code, '5']);
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(problem.remedy).toBeTruthy();
  });

  it('keeps recommendations for administration, and away until that is enabled', async () => {
    const path = '/admin/performance/recommendations';
    const off = await startFace(monitoringDeps());
    expect((await off.get(path)).status).toBe(404);
    const looks: unknown[] = [];
    let isWritten = true;
    const admin = {
      seen: async (call: unknown) => {
        looks.push(call);
        return isWritten;
      },
      perform: async () => ({ kind: 'no record' as const }),
      denied() {},
      resetBreakers: () => [],
      reload: () => ({ kind: 'unchanged', applied: [], restartRequired: [] }),
    };
    const on = await startFace({ ...monitoringDeps(), admin });
    expect((await on.get(path)).status).toBe(401);
    const access = {
      admit: async () => ({
        kind: 'admitted' as const,
        caller: { name: 'ann', grants: ['admin' as const] },
      }),
    };
    const open = await startFace({ ...monitoringDeps(), admin, access });
    const answer = await open.get(path);
    expect([answer.status, JSON.parse(answer.text).message]).toEqual([200, 'System performing well']);
    expect(looks).toMatchObject([{ caller: 'ann', method: 'GET', route: path }]);
    isWritten = false;
    const unwritten = await open.get(path);
    expect([unwritten.status, JSON.parse(unwritten.text).code]).toEqual([503, 'AUDIT_UNAVAILABLE']);
    const { paths } = JSON.parse((await open.get('/openapi.json')).text);
    expect(Object.keys(paths[path].get.responses)).toContain('503');
  });
});
