/** Proves on a running exporter that health and numbers are about what really happens: rows, messages, alerts, a lost store. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AlertmanagerServer, startAlertmanagerOn } from '../harness/alertmanager.js';
import {
  type ExporterProcess,
  eventually,
  runCli,
  startExporterProcess,
  writeConfig,
} from '../harness/exporter.js';
import { type FreshDatabase, freshDatabase } from '../harness/fresh-database.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';
import { type FakeTelegram, startFakeTelegram } from '../harness/telegram.js';
import { WATCHDOG_LABELS } from './bundled-watchdog.js';

const directory = scratchDirectory('health');
let source: FreshDatabase;
let store: FreshDatabase;
let telegram: FakeTelegram;
let alertmanager: AlertmanagerServer;
let exporter: ExporterProcess;

beforeAll(async () => {
  source = await freshDatabase();
  store = await freshDatabase();
  telegram = await startFakeTelegram();
  alertmanager = await startAlertmanagerOn('route: { receiver: none }\nreceivers: [{ name: none }]\n');
  await source.sql`create table orders (id bigint primary key, status text not null)`;
  writeFileSync(join(directory, 'token'), telegram.token, { mode: 0o600 });
  const config = writeConfig(
    directory,
    `web: { listen_address: '127.0.0.1:0' }
source: { url: '${source.url}' }
store: { url: '${store.url}' }
alertmanager: { url: '${alertmanager.url}' }
resources: { interval: 1s }
probes:
  allow_networks: [127.0.0.0/8]
  bot: { kind: telegram, url: '${telegram.url}', token_file: token, interval: 1s, timeout: 1s }
notifications:
  telegram: { token_file: token, api_url: '${telegram.url}', chats: { oncall: '-100123' } }
flows:
  orders:
    table: public.orders
    key: id
    status: status
    statuses: [new, ready, done]
    limits: { new: { warning: 1h } }
`,
  );
  const installed = runCli(['install', '--apply', `--config.file=${config}`]);
  if ((await installed.exit) !== 0) throw new Error(installed.output());
  exporter = await startExporterProcess(config);
  await eventually(
    () => fetch(`${exporter.url}/-/ready`),
    ({ status }) => status === 200,
  );
});

afterAll(async () => {
  await exporter?.kill();
  await alertmanager?.stop();
  await telegram?.close();
  await source?.drop();
  await store?.drop();
  removeScratch(directory);
});

async function ask(path: string) {
  const answer = await fetch(`${exporter.url}${path}`, { signal: AbortSignal.timeout(15_000) });
  return { status: answer.status, body: JSON.parse(await answer.text()) };
}

describe('the flow `orders`', () => {
  it('is counted by day and by status, as its rows move', async () => {
    await source.sql`insert into orders select n, 'new' from generate_series(1, 5) n`;
    await source.sql`update orders set status = 'ready' where id <= 3`;
    await source.sql`update orders set status = 'done' where id = 1`;
    const today = new Date().toISOString().slice(0, 10);
    const changes = await eventually(
      () => ask('/api/metrics/status-changes'),
      ({ body }) => body.status_changes?.done === 1,
    );
    expect(changes.body.status_changes).toEqual({ new: 0, ready: 3, done: 1 });
    const { body } = await ask('/api/metrics/orders/daily');
    // The day may have changed since the rows came in.
    expect(Object.values(body.orders_per_day as Record<string, number>).reduce((a, b) => a + b)).toBe(5);
    expect(Object.keys(body.orders_per_day)[0]! <= today).toBe(true);
    const summary = await eventually(
      () => ask('/api/metrics/summary'),
      (one) => one.body.orders?.by_status.done === 1,
    );
    expect(summary.body.orders).toMatchObject({ total: 5, by_status: { new: 2, ready: 2, done: 1 } });
    const queue = await eventually(
      () => ask('/health/priority'),
      (one) => one.body.queue?.[0]?.oldest_age_seconds !== null,
    );
    expect(queue.body.queue).toMatchObject([
      { flow: 'orders', status: 'new', priority: 'normal', items: 2, warning_seconds: 3_600 },
    ]);
  });
});

describe('messages', () => {
  it('are counted when they were delivered', async () => {
    const batch = {
      version: '4',
      groupKey: '{}:{alertname="OrdersLate"}',
      status: 'firing',
      receiver: 'oncall',
      groupLabels: { alertname: 'OrdersLate' },
      commonLabels: {},
      commonAnnotations: {},
      externalURL: 'http://127.0.0.1:9093',
      truncatedAlerts: 0,
      alerts: [
        {
          status: 'firing',
          labels: { alertname: 'OrdersLate', severity: 'warning' },
          annotations: {},
          startsAt: '2026-01-02T03:04:05Z',
          endsAt: '0001-01-01T00:00:00Z',
          generatorURL: '',
          fingerprint: 'a1b2c3d4e5f60718',
        },
      ],
    };
    const sent = await fetch(`${exporter.url}/api/alerts/webhook`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(batch),
    });
    expect(sent.status).toBe(200);
    const rates = await eventually(
      () => ask('/api/metrics/notifications/success-rate'),
      ({ body }) => body.notification_metrics?.overall.total === 1,
    );
    const rate = { success_rate: 100, total: 1, successful: 1, failed: 0 };
    expect(rates.body.notification_metrics).toEqual({ telegram: rate, overall: rate });
    expect((await ask('/api/metrics/notifications/failures')).body.failures).toEqual([]);
    const { body } = await eventually(
      () => ask('/telegram/status'),
      (one) => one.body.telegram === 'connected',
    );
    expect(body.channel.attempts.sent).toBe(1);
    const named = await eventually(
      () => ask('/telegram/status'),
      (one) => one.body.user !== null,
    );
    expect(named.body.user).toEqual({ id: expect.any(Number), username: expect.stringMatching(/^\w+$/) });
    expect((await ask('/api/metrics/circuit-breakers')).body.circuit_breakers.telegram).toMatchObject({
      state: 'closed',
      failure_count: 0,
    });
  });
});

describe('alerts of Alertmanager', () => {
  const labels = { alertname: 'OrdersLost', severity: 'critical', flow: 'orders' };

  it('make health critical while one fires, and only while nobody has muted it', async () => {
    const calm = await eventually(
      () => ask('/health'),
      ({ body }) => body.checks?.alerts.status === 'healthy',
    );
    expect(calm.status).toBe(200);
    await alertmanager.post([
      { labels: WATCHDOG_LABELS },
      { labels, annotations: { summary: 'orders are lost' } },
    ]);
    const critical = await eventually(
      () => ask('/health'),
      ({ status }) => status === 503,
    );
    expect(critical.body.status).toBe('unhealthy');
    expect(critical.body.reasons).toContain('critical alerts: 1');
    expect((await ask('/api/metrics/alerts')).body).toMatchObject({
      status: 'critical',
      alert_count: 1,
      critical_count: 1,
      alerts: [{ type: 'OrdersLost', message: 'orders are lost', muted: false }],
    });
    const page = await (await fetch(`${exporter.url}/`)).text();
    expect(page).toContain('<strong class="bad">critical</strong> OrdersLost: orders are lost');
    expect(page).not.toContain('Watchdog');
    // Liveness is not health: nobody shall restart us because something else is ill.
    expect((await fetch(`${exporter.url}/-/healthy`)).status).toBe(200);
    const silence = {
      matchers: [{ name: 'alertname', value: 'OrdersLost', isRegex: false, isEqual: true }],
      startsAt: new Date().toISOString(),
      endsAt: new Date(Date.now() + 3_600_000).toISOString(),
      createdBy: 'test',
      comment: 'known',
    };
    const made = await fetch(`${alertmanager.url}/api/v2/silences`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(silence),
    });
    expect(made.status).toBe(200);
    const muted = await eventually(
      () => ask('/health'),
      ({ body }) => body.checks?.alerts.muted_count === 1,
    );
    expect(muted.status).toBe(200);
  });
});

it('shows the jobs that really run, and the machine as it is', async () => {
  const { body } = await ask('/health/scheduler');
  expect(body.leader).toBe(true);
  const names = body.jobs.map(({ name }: { name: string }) => name);
  for (const name of ['lease', 'publish', 'capture_orders', 'health_look', 'alerts_firing', 'resources'])
    expect(names).toContain(name);
  const resources = await eventually(
    () => ask('/health/resources'),
    (one) => one.body.cpu?.utilization_percent !== null,
  );
  expect(resources.body.memory.total_bytes).toBeGreaterThan(1e8);
  expect(resources.body.process.resident_bytes).toBeGreaterThan(1e7);
  const performance = await eventually(
    () => ask('/health/performance'),
    (one) => (one.body.metrics?.requests?.count ?? 0) > 0,
  );
  expect(performance.body.metrics.window_seconds).toBeGreaterThan(0);
});

it('is critical without its store, and tells no pace', async () => {
  await eventually(
    () => ask('/api/monitoring/dashboard?flow=orders'),
    (one) => one.body.processing_rates?.processing_active !== null,
  );
  await eventually(
    () => ask('/health/performance'),
    (one) => 'orders' in one.body.metrics.moves_per_minute,
  );
  await store.drop();
  const { body } = await eventually(
    () => ask('/health'),
    (one) => one.body.checks?.database.status === 'unhealthy',
    90_000,
  );
  expect(body.status).toBe('unhealthy');
  expect(body.reasons).toContain('the store does not answer');
  const dashboard = await eventually(
    () => ask('/api/monitoring/dashboard?flow=orders'),
    (one) => one.body.processing_rates.processing_active === null,
    60_000,
  );
  expect(dashboard.body.token_statistics).toMatchObject({ total: 5, recently_updated: null });
  expect(Date.parse(dashboard.body.timestamp) - Date.parse(dashboard.body.as_of)).toBeGreaterThan(29_000);
  const performance = await eventually(
    () => ask('/health/performance'),
    (one) => !('orders' in one.body.metrics.moves_per_minute),
    30_000,
  );
  expect(performance.body.metrics.moves_per_minute).toEqual({});
  expect(await ask('/api/metrics/summary')).toMatchObject({
    status: 503,
    body: { code: 'STORE_UNAVAILABLE' },
  });
}, 240_000);
