/** Checks the numbers as a caller gets them: bodies in full, the flow that is meant, and what is said when a part is missing. */
import { describe, expect, it } from 'vitest';
import type { NumbersDeps } from '../../src/http/metrics-api.js';
import type { HealthFacts } from '../../src/operations/health-facts.js';
import { alert, flow, healthDeps, NOW } from '../operations/made-up-facts.js';
import { startFace } from './face.js';

async function ask(path: string, over: Partial<HealthFacts> = {}, deps: Partial<NumbersDeps> = {}) {
  const made = healthDeps(over);
  const { get } = await startFace({ ...made, numbers: { ...made.numbers, ...deps } });
  const { status, text } = await get(`/api/metrics/${path}`);
  return { status, body: JSON.parse(text) };
}

const SPAN = {
  flow: 'tokens',
  from: '2026-01-01',
  to: '2026-01-02',
  counted_since: '2026-01-01T12:00:00.000Z',
  last_gap_at: null,
};
const orders = { ...flow, flow: 'orders' };
const shops = { ...flow, flow: 'shops' };

it('orders/daily counts what came in on each day', async () => {
  const { body } = await ask('orders/daily?days=5');
  expect(body).toEqual({ ...SPAN, days: 5, orders_per_day: { '2026-01-01': 1, '2026-01-02': 1 } });
});

it('status-changes counts moves into each status, not new items and not deletions', async () => {
  const { body } = await ask('status-changes');
  expect(body).toEqual({ ...SPAN, days: 7, status_changes: { monitoring: 0, active: 2 } });
});

describe('the flow that is meant', () => {
  const daysOf: NumbersDeps['days'] = async (name, days) => ({
    ...(await healthDeps().numbers.days(name, days))!,
    flow: name,
  });
  const flows = { flows: () => [shops, orders] };
  it.each([
    ['orders/daily', 200, 'orders'],
    ['orders/daily?flow=shops', 200, 'shops'],
    ['summary?flow=shops', 200, 'shops'],
  ])('%s', async (path, code, name) => {
    const { status, body } = await ask(path, flows, { days: daysOf });
    expect([status, body.flow]).toEqual([code, name]);
  });

  it.each([
    ['', [shops, { ...shops, flow: 'tickets' }]],
    ['?flow=orders', [shops, { ...shops, flow: 'tickets' }]],
  ])('is named in the refusal when it cannot be told (%s)', async (query, known) => {
    const { status, body } = await ask(`status-changes${query}`, { flows: () => known });
    expect([status, body.code, body.remedy]).toEqual([400, 'BAD_FIELD', 'one of: shops, tickets']);
  });

  it('is none before the first is counted, and none where none is configured', async () => {
    const ready = () => ({ storeAnswers: true, uncounted: ['orders'] });
    const { status, body } = await ask('summary', { flows: () => [], ready });
    expect([status, body.code]).toEqual([503, 'FLOWS_UNCOUNTED']);
    const none = await ask('summary', { flows: () => [] });
    expect([none.status, none.body.code, none.body.remedy]).toEqual([
      503,
      'NOT_CONFIGURED',
      'name a table in flows',
    ]);
  });
});

it.each([
  ['orders/daily?days=0', 'days', 'one whole number from 1 to 365, or none for 30'],
  ['orders/daily?days=366', 'days', 'one whole number from 1 to 365, or none for 30'],
  ['status-changes?days=91', 'days', 'one whole number from 1 to 90, or none for 7'],
  ['notifications/success-rate?hours=169', 'hours', 'one whole number from 1 to 168, or none for 24'],
  ['notifications/failures?hours=x', 'hours', 'one whole number from 1 to 168, or none for 1'],
  ['notifications/failures?limit=1001', 'limit', 'one whole number from 1 to 1000, or none for 100'],
])('%s is refused', async (path, field, remedy) => {
  const { status, body } = await ask(path);
  expect([status, body.field, body.remedy]).toEqual([400, field, remedy]);
});

it('success-rate is percent, and not known of nothing', async () => {
  const { body } = await ask('notifications/success-rate');
  const rate = { success_rate: 99.5, total: 200, successful: 199, failed: 1 };
  expect(body).toEqual({
    hours: 24,
    complete: true,
    notification_metrics: { telegram: rate, overall: rate },
  });
  const { notifications } = healthDeps().numbers;
  const quiet = {
    notifications: {
      ...notifications!,
      keptMs: 3_600_000,
      ends: async () => [{ channel: 'email', successful: 0, failed: 0 }],
    },
  };
  const none = { success_rate: null, total: 0, successful: 0, failed: 0 };
  expect((await ask('notifications/success-rate?hours=2', {}, quiet)).body).toEqual({
    hours: 2,
    complete: false,
    notification_metrics: { email: none, overall: none },
  });
});

it('failures lists what was given up', async () => {
  const { body } = await ask('notifications/failures');
  expect(body).toMatchObject({ hours: 1, limit: 100, count: 1, total: 2, failures: [{ id: 7 }] });
});

it('summary has a flow and the messages of today', async () => {
  expect((await ask('summary')).body).toEqual({
    date: '2026-01-02',
    flow: 'tokens',
    orders: { total: 15, by_status: { monitoring: 12, active: 3 }, new_today: 1, changes_today: 2 },
    notifications: { success_rate: 99.5, total: 200, successful: 199, failed: 1 },
    missing: [],
  });
});

it("today is the store's day, not that of our own clock", async () => {
  const asked: unknown[] = [];
  const { notifications } = healthDeps().numbers;
  const ends = async (span: number | 'today') => {
    asked.push(span);
    return notifications!.ends(span);
  };
  const slow = { now: () => new Date('2026-01-01T23:59:58.000Z') };
  const { body } = await ask('summary', slow, { notifications: { ...notifications!, ends } });
  expect([body.date, body.orders.new_today, body.orders.changes_today]).toEqual(['2026-01-02', 1, 2]);
  expect(asked).toContain('today');
  const unknown = await ask('summary', slow, { days: async () => undefined });
  expect([unknown.body.date, unknown.body.orders.new_today]).toEqual(['2026-01-01', null]);
});

it('dashboard has everything, and names what is missing', async () => {
  const whole = await ask('dashboard', {
    firing: () => ({ kind: 'known', at: NOW, alerts: [alert('error')] }),
  });
  expect(whole.body).toMatchObject({
    health_status: 'degraded',
    timestamp: NOW.toISOString(),
    daily_summary: { date: '2026-01-02', orders: { total: 15 } },
    orders_last_7_days: { '2026-01-01': 1, '2026-01-02': 1 },
    status_changes_last_7_days: { monitoring: 0, active: 2 },
    notification_success_rate_24h: 99.5,
    alerts: { count: 1, critical: 0, warnings: 1, items: [{ severity: 'error', type: 'FlowStalled' }] },
    circuit_breakers: { market: { state: 'closed' } },
    missing: [],
  });
  const poor = await ask(
    'dashboard',
    { firing: () => ({ kind: 'off' }) },
    { notifications: undefined, days: async () => undefined },
  );
  expect(poor.body).toMatchObject({
    orders_last_7_days: null,
    status_changes_last_7_days: null,
    notification_success_rate_24h: null,
    alerts: null,
    daily_summary: { notifications: null, orders: { new_today: null, total: 15 } },
  });
  expect(poor.body.missing.map(({ part }: { part: string }) => part)).toEqual([
    'moves',
    'notifications',
    'alerts',
  ]);
});

it('alerts counts what asks for somebody', async () => {
  const alerts = [
    alert('critical'),
    alert('critical', { isMuted: true }),
    alert('error'),
    alert('warning'),
    alert('info'),
    alert('none'),
  ];
  const { body } = await ask('alerts', { firing: () => ({ kind: 'known', at: NOW, alerts }) });
  expect(body).toMatchObject({
    status: 'critical',
    as_of: NOW.toISOString(),
    alert_count: 4,
    critical_count: 1,
    warning_count: 2,
    muted_count: 1,
  });
  expect(body.alerts).toHaveLength(5);
  expect(body.alerts[1]).toEqual({
    severity: 'critical',
    type: 'FlowStalled',
    message: 'tokens does not move',
    details: { alertname: 'FlowStalled', flow: 'tokens', severity: 'critical' },
    since: '2026-01-02T03:04:00.000Z',
    muted: true,
    fingerprint: 'a1b2c3d4e5f60718',
  });
});

describe('what is not there is said', () => {
  it.each<[string, Partial<HealthFacts>, Partial<NumbersDeps>, string, string]>([
    ['alerts', { firing: () => ({ kind: 'off' }) }, {}, 'NOT_CONFIGURED', 'set alertmanager.url'],
    [
      'alerts',
      { firing: () => ({ kind: 'unknown' }) },
      {},
      'ALERTMANAGER_FAILED',
      'look whether Alertmanager runs, and at alertmanager.url',
    ],
    [
      'notifications/success-rate',
      {},
      { notifications: undefined },
      'NOT_CONFIGURED',
      'name a chat, hook or address in notifications',
    ],
    [
      'notifications/failures',
      {},
      { notifications: undefined },
      'NOT_CONFIGURED',
      'name a chat, hook or address in notifications',
    ],
    [
      'orders/daily',
      { flows: () => [{ ...flow, mode: 'snapshot' }] },
      { days: async () => undefined },
      'NOT_CONFIGURED',
      'let its capture be journal or poll; flowgauge check says what that needs',
    ],
    [
      'orders/daily',
      {},
      { days: async () => undefined },
      'FLOWS_UNCOUNTED',
      'try again; if it stays, see /-/ready',
    ],
    [
      'summary',
      {},
      { days: () => Promise.reject(new Error('down')) },
      'STORE_UNAVAILABLE',
      'try again; if it stays, see the readiness endpoint and the log',
    ],
    [
      'status-changes',
      {},
      { days: () => new Promise<never>(() => {}), deadlineMs: 20 },
      'STORE_UNAVAILABLE',
      'try again; if it stays, see the readiness endpoint and the log',
    ],
  ])('%s (%#)', async (path, over, deps, code, remedy) => {
    const { status, body } = await ask(path, over, deps);
    expect([status, body.code, body.remedy]).toEqual([503, code, remedy]);
  });
});
