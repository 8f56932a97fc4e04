/** Checks where the routes of monitoring get their answers: the history of alerts, planned work, and one question for many. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import type { Flow } from '../../src/flows/flow.js';
import { MoveHistory } from '../../src/flows/history.js';
import type { Wish } from '../../src/maintenance/wish.js';
import { createMetrics } from '../../src/metrics/registry.js';
import { createScraper } from '../../src/metrics/scrape.js';
import { type MonitoringDeskOptions, openMonitoring } from '../../src/monitoring-desk.js';
import { readHistory } from '../../src/notifications/history.js';
import { alertGroupsBody } from '../../src/operations/monitoring-groups.js';
import { openDatabase } from '../../src/storage/database.js';
import { migrate } from '../../src/storage/migrations.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { samplesOf } from '../harness/exporter.js';
import { freshDatabase } from '../harness/fresh-database.js';
import { pause } from '../harness/processes.js';
import { breaker, facts, NOW } from './made-up-facts.js';
import { recent } from './made-up-monitoring.js';

async function answering(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function desk(over: Partial<MonitoringDeskOptions> & Pick<MonitoringDeskOptions, 'config'>) {
  return openMonitoring({
    metrics: createMetrics({ processMetrics: 'omit' }),
    logger: createLogger({ stream: { write() {} }, now: () => 0, repeatMs: 0 }).named('http'),
    facts: facts(),
    recentMoves: () => recent,
    alerts: undefined,
    maintenance: undefined,
    wallMs: () => NOW.getTime(),
    ...over,
  });
}

it('alerts that are over come from the history of the store, each once, and planned work from its wishes', async () => {
  const database = await freshDatabase();
  onTestFinished(() => database.drop());
  const db = openDatabase({ url: database.url, role: 'store', max: 1, applicationName: 'flowgauge-test' });
  onTestFinished(() => db.close(1_000));
  await migrate(db, { deadlineMs: 20_000 });
  const event = (group: string, status: string, receivedAt: string) => database.sql`
    insert into flowgauge.alert_events (group_key, incident, fingerprint, status, starts_at, ends_at, alertname,
                                        severity, receiver, labels, annotations, generator_url, received_at)
    values (${group}, 1, 'a1b2', ${status}, '2026-01-02T02:00:00Z', '2026-01-02T02:30:00Z', 'CpuHigh', 'warning',
            'oncall', '{"alertname": "CpuHigh", "instance": "a:1"}', '{}', '', ${receivedAt})`;
  await event('one', 'firing', '2026-01-02T02:00:01Z');
  await event('one', 'resolved', '2026-01-02T02:30:01Z');
  await event('another receiver', 'resolved', '2026-01-02T02:30:02Z');
  await event('of yesterday', 'resolved', '2026-01-01T02:30:02Z');
  const url = await answering((_request, response) => response.end('[]'));
  const wish = (kind: Wish['kind'], untilMs: number) => ({ kind, untilMs }) as Wish;
  const { alertGroups } = desk({
    config: { prometheusUrl: undefined, alertmanagerUrl: url, notifications: undefined },
    alerts: { history: (query) => readHistory(db, query) },
    maintenance: {
      status: async () => ({
        at: NOW,
        wishes: [
          wish('maintenance', NOW.getTime() + 60_000),
          wish('window', NOW.getTime() + 30_000),
          wish('resolve', NOW.getTime() + 90_000),
        ],
        ending: [wish('maintenance', NOW.getTime() + 3_600_000)],
        windows: [],
      }),
    },
  });
  const body = alertGroupsBody(await alertGroups!(new AbortController().signal), NOW);
  expect(body.resolved_groups).toEqual([
    {
      group_id: '{alertname="CpuHigh",component="a:1"}',
      alert_type: 'CpuHigh',
      component: 'a:1',
      count: 1,
      resolved_at: '2026-01-02T02:30:00.000Z',
      duration_minutes: 30,
    },
  ]);
  expect(body.statistics).toMatchObject({
    active_groups: 0,
    maintenance_mode: true,
    maintenance_until: '2026-01-02T03:05:05.000Z',
    resolved_last_24h: 1,
    complete: true,
  });
  await database.sql`
    insert into flowgauge.alert_events (group_key, incident, fingerprint, status, starts_at, ends_at, alertname,
                                        severity, receiver, labels, annotations, generator_url, received_at)
    select 'many', 1, 'f' || n, 'resolved', '2026-01-02T02:00:00Z', '2026-01-02T02:30:00Z', 'CpuHigh', 'warning',
           'oncall', '{"alertname": "CpuHigh"}', '{}', '', '2026-01-02T02:30:01Z' from generate_series(1, 1000) n`;
  await database.sql`
    insert into flowgauge.notification_deliveries (event_id, channel, chat, message_id)
    select id, 'telegram', 'oncall', 1 from flowgauge.alert_events where fingerprint = 'f1'`;
  const asked = {
    alertname: undefined,
    status: undefined,
    sinceMs: undefined,
    untilMs: undefined,
    limit: 2_000,
  };
  const delivered = async (over: { readonly deliveries?: 'left out' }) =>
    (await readHistory(db, { ...asked, ...over })).events.flatMap(({ deliveries }) => deliveries);
  expect([(await delivered({})).length, await delivered({ deliveries: 'left out' })]).toEqual([1, []]);
  const { statistics } = alertGroupsBody(await alertGroups!(new AbortController().signal), NOW);
  expect(statistics.complete).toBe(false);
});

it('what is not configured is not there', () => {
  const made = desk({
    config: {
      prometheusUrl: undefined,
      alertmanagerUrl: undefined,
      notifications: undefined,
    },
  });
  expect([made.history, made.suggestions, made.alertGroups]).toEqual([undefined, undefined, undefined]);
});

it('the start is a series that Prometheus gives back to the last digit', async () => {
  const metrics = createMetrics({ processMetrics: 'omit' });
  const asked: string[] = [];
  const url = await answering((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      asked.push(new URLSearchParams(body).get('query') ?? '');
      response.end(JSON.stringify({ status: 'success', data: { resultType: 'vector', result: [] } }));
    });
  });
  const { history } = desk({
    metrics,
    config: { prometheusUrl: url, alertmanagerUrl: undefined, notifications: undefined },
  });
  await expect(history!(1, new AbortController().signal)).rejects.toMatchObject({ code: 'NO_SERIES' });
  const shown = metrics.startTime.value({});
  expect(asked[0]).toBe(`flowgauge_start_time_seconds == ${shown}`);
  expect(Number.isInteger(shown)).toBe(false);
});

it('the number of recommendations of each kind is a series, 0 included', async () => {
  const metrics = createMetrics({ processMetrics: 'omit' });
  let open = false;
  desk({
    metrics,
    facts: facts({ breakers: () => (open ? [{ ...breaker, state: 'open' }] : [breaker]) }),
    config: {
      prometheusUrl: undefined,
      alertmanagerUrl: undefined,
      notifications: undefined,
    },
  });
  const shown = async () => {
    const { body } = await createScraper(metrics).scrape({});
    return samplesOf(String(body), 'flowgauge_recommendations');
  };
  const none = ['resource', 'flow', 'breaker', 'probe', 'job', 'channel'].map((kind) => [
    `kind="${kind}"`,
    0,
  ]);
  expect([...(await shown())]).toEqual(expect.arrayContaining(none));
  open = true;
  expect((await shown()).get('kind="breaker"')).toBe(1);
});

it('many who ask for suggestions at once share one question, and the next asks anew', async () => {
  let asked = 0;
  const url = await answering((_request, response) => {
    asked += 1;
    response.end(
      JSON.stringify({
        status: 'success',
        data: { resultType: 'vector', result: [{ metric: { job: 'a', instance: 'b' }, value: [1, '1'] }] },
      }),
    );
  });
  const { suggestions } = desk({
    facts: facts({ thresholds: () => [] }),
    config: { prometheusUrl: url, alertmanagerUrl: undefined, notifications: undefined },
  });
  await Promise.all(Array.from({ length: 20 }, () => suggestions!()));
  expect(asked).toBe(1);
  await suggestions!();
  expect(asked).toBe(2);
});

it('recent moves are what the totals rose by, and the window is not longer than the memory', () => {
  const flow = { statuses: ['monitoring', 'active'], limits: new Map() } as unknown as Flow;
  const memory = new MoveHistory(flow);
  const moves = (arrived: number, activated: number, left: number) => [
    { from: 'none', to: 'monitoring', count: arrived, lastUs: 0 },
    { from: 'monitoring', to: 'active', count: activated, lastUs: 0 },
    { from: 'active', to: 'active', count: 99, lastUs: 0 },
    { from: 'active', to: 'none', count: left, lastUs: 0 },
  ];
  expect(memory.recent(0, 300, 0, [])).toBeUndefined();
  memory.remember(1_000, moves(10, 1, 0));
  memory.remember(1_100, moves(20, 2, 0));
  memory.remember(1_200, moves(30, 5, 1));
  const short = memory.recent(1_210, 100, 0, moves(33, 6, 1))!;
  expect([short.windowSeconds, short.total, short.into.get('active')]).toEqual([110, 18, 4]);
  const long = memory.recent(1_210, 3_600, 0, moves(33, 6, 1))!;
  expect([long.windowSeconds, long.total, long.into.get('monitoring')]).toEqual([210, 29, 23]);
  const later = memory.recent(1_210, 3_600, 1_001, moves(33, 6, 1))!;
  expect([later.windowSeconds, later.total]).toEqual([110, 18]);
  expect(memory.recent(1_210, 3_600, 1_201, moves(33, 6, 1))).toBeUndefined();
});

it('a report that fails asks nothing more', async () => {
  let asked = 0;
  const url = await answering((request, response) => {
    asked += 1;
    const result = [{ metric: { job: 'a', instance: 'b' }, value: [1, '1'] }];
    const vector = { status: 'success', data: { resultType: 'vector', result } };
    const matrix = { status: 'success', data: { resultType: 'matrix', result: [] } };
    const failure = { status: 'error', errorType: 'timeout', error: 'too slow' };
    // Our own series, then one question that fails among others that do not.
    const answer = request.url?.endsWith('/query') ? vector : asked === 2 ? failure : matrix;
    setTimeout(() => response.end(JSON.stringify(answer)), 10);
  });
  const { suggestions } = desk({
    config: {
      prometheusUrl: url,
      alertmanagerUrl: undefined,
      notifications: undefined,
    },
  });
  await expect(suggestions!()).rejects.toMatchObject({ code: 'PROMETHEUS_FAILED' });
  await pause(1_000);
  expect(asked).toBeLessThan(10);
});
