/** Proves planned work over HTTP on a real exporter with a real Alertmanager: who may, once per key, written down, and told. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { eventually, samplesOf, startExporterProcess, writeConfig } from '../harness/exporter.js';
import { freshDatabase } from '../harness/fresh-database.js';
import { startFace } from '../http/face.js';
import { plainAlertmanager } from '../notifications/chat.js';
import { fakeTelegram, notification, scratch, section } from '../notifications/relay.js';
import { maintenanceDeps } from './made-up-maintenance.js';

const ADMIN = 'canaryAdminToken0123456789';
const READER = 'canaryReadToken01234567890';
const FIRING = { alertname: 'FlowStalled', flow: 'tokens', severity: 'critical', job: 'flowgauge' };
const BASE = '/api/monitoring';

async function exporterWith(alertmanagerUrl: string | undefined) {
  const database = await freshDatabase();
  const telegram = await fakeTelegram();
  const folder = scratch();
  writeFileSync(join(folder, 'admin'), ADMIN, { mode: 0o600 });
  writeFileSync(join(folder, 'read'), READER, { mode: 0o600 });
  const tokens = `chief: { file: admin, roles: [admin] }, people: { file: read, roles: [read] }`;
  writeFileSync(join(folder, 'web.yml'), `flowgauge: { tokens: { ${tokens} } }\n`);
  const config = writeConfig(
    folder,
    `web: { listen_address: "127.0.0.1:0", config_file: web.yml, enable_admin_api: true }
source: { url: "${database.url}" }
${alertmanagerUrl === undefined ? '' : `alertmanager: { url: "${alertmanagerUrl}" }`}
${section(folder, telegram, { people: '100' }, '  routes: { maintenance: [people] }')}`,
  );
  const exporter = await startExporterProcess(config);
  onTestFinished(async () => {
    await exporter.kill();
    await database.drop();
  });
  const ask = async (
    path: string,
    init: { token?: string; body?: unknown; key?: string; method?: string } = {},
  ) => {
    const { token = ADMIN, body, key, method = 'POST' } = init;
    const answer = await fetch(`${exporter.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(key === undefined ? {} : { 'idempotency-key': key }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return {
      status: answer.status,
      headers: answer.headers,
      json: JSON.parse(text) as Record<string, unknown>,
    };
  };
  const get = (path: string) => ask(path, { method: 'GET', token: READER });
  await eventually(
    () => fetch(`${exporter.url}/-/ready`),
    ({ status }) => status === 200,
  );
  return { database, telegram, exporter, ask, get };
}

it('maintenance is asked for, shown, told and ended; each call is written down and has one effect', async () => {
  const alertmanager = await plainAlertmanager();
  const { database, telegram, exporter, ask, get } = await exporterWith(alertmanager.url);
  await alertmanager.post(FIRING);
  expect((await ask(`${BASE}/maintenance/enable`, { token: READER })).status).toBe(403);
  expect(await get(`${BASE}/maintenance`)).toMatchObject({
    status: 200,
    json: { maintenance_mode: false, maintenance_until: null, silences: [], windows: [] },
  });
  for (const minutes of ['0', '1441', '1e3', '-5', '']) {
    const { status, json } = await ask(`${BASE}/maintenance/enable?duration_minutes=${minutes}`);
    expect([minutes, status, json.field]).toEqual([minutes, 400, 'duration_minutes']);
  }
  for (const matchers of [{}, { flow: '' }, { alertname: 'Watchdog' }, { flow: 1 }, [], 'all', null]) {
    const { status, json } = await ask(`${BASE}/maintenance/enable`, { body: { matchers } });
    expect([JSON.stringify(matchers), status, json.field]).toEqual([
      JSON.stringify(matchers),
      400,
      'matchers',
    ]);
  }
  expect(await alertmanager.silences()).toEqual([]);

  // As somebody does whose finger slips: the same key, many times at once.
  const same = await Promise.all(
    Array.from({ length: 10 }, () => ask(`${BASE}/maintenance/enable`, { key: 'enable-0001' })),
  );
  for (const { status } of same) expect([200, 409]).toContain(status);
  const { status, headers, json } = await ask(`${BASE}/maintenance/enable`, { key: 'enable-0001' });
  expect([status, headers.get('idempotency-replayed')]).toEqual([200, 'true']);
  expect(json).toMatchObject({
    maintenance_mode: true,
    duration_minutes: 60,
    status: 'enabled',
    state: 'active',
  });
  const [silence, ...others] = await alertmanager.silences();
  expect(others).toEqual([]);
  expect(
    silence!.matchers.map(({ name, value, isEqual }) => `${name}${isEqual ? '=' : '!='}${value}`).sort(),
  ).toEqual(['alertname!=Watchdog', 'job=flowgauge', 'pipeline!=notifications', 'quiet!=never']);
  expect(Math.abs(Date.parse(String(json.until)) - Date.parse(silence!.endsAt))).toBeLessThan(2);
  const shown = (await get(`${BASE}/maintenance`)).json;
  expect(shown).toMatchObject({
    maintenance_mode: true,
    maintenance_until: json.until,
    silences: [
      { by: 'chief', kind: 'maintenance', window: 'manual', silence_id: silence!.id, state: 'active' },
    ],
  });
  expect(samplesOf(await metricsOf(), 'maintenance_active').get('window="manual"')).toBe(1);
  await eventually(
    async () => telegram.messages('100').map(({ text }) => text),
    (texts) => texts.some((text) => text.includes('Maintenance until') && text.includes('job="flowgauge"')),
  );

  expect(
    (await ask(`${BASE}/maintenance/disable`, { body: { reason: 'the disk is in' } })).json,
  ).toMatchObject({
    maintenance_mode: false,
    status: 'disabled',
    ended: [expect.any(Number)],
    state: 'ended',
  });
  expect(await alertmanager.silences()).toEqual([]);
  await eventually(
    async () => telegram.messages('100').map(({ text }) => text),
    (texts) =>
      texts.some((text) => text.includes('Maintenance is over: 1 firing') && text.includes('FlowStalled')),
  );
  const lines = await database.sql`
    select caller, route, phase, reason from flowgauge.admin_audit where phase <> 'done' order by id`;
  expect(lines.map((row) => `${row.caller} ${row.route} ${row.phase} ${row.reason}`)).toEqual([
    `people ${BASE}/maintenance/enable denied null`,
    `chief ${BASE}/maintenance/enable begun no reason was given`,
    `chief ${BASE}/maintenance/disable begun the disk is in`,
  ]);

  async function metricsOf(): Promise<string> {
    const answer = await fetch(`${exporter.url}/metrics`, { headers: { authorization: `Bearer ${READER}` } });
    return answer.text();
  }
});

it('an alert is called resolved: 404 without one, silenced, told as resolved, and by whom in the history', async () => {
  const alertmanager = await plainAlertmanager();
  const { database, telegram, exporter, ask, get } = await exporterWith(alertmanager.url);
  const path = `${BASE}/alerts/resolve?component=tokens&alert_type=FlowStalled`;
  expect(await ask(path)).toMatchObject({ status: 404, json: { code: 'ALERT_NOT_FIRING' } });
  expect((await ask(`${BASE}/alerts/resolve?alert_type=FlowStalled`)).json.field).toBe('component');
  expect((await ask(`${BASE}/alerts/resolve?component=x&alert_type=Watchdog`)).json.field).toBe('alert_type');
  await alertmanager.post(FIRING);
  const [active] = await alertmanager.client.alerts([]);
  const { fingerprint } = active!;
  await fetch(`${exporter.url}/api/alerts/webhook`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' },
    body: notification([{ name: 'FlowStalled', fingerprint, severity: 'critical' }]),
  }).then(({ status }) => expect(status).toBe(200));
  await eventually(
    async () => telegram.messages('100').map(({ text }) => text),
    (texts) => texts.some((text) => text.includes('FlowStalled')),
  );
  expect((await ask(path, { body: { reason: 'restarted it' } })).json).toMatchObject({
    group_id: 'FlowStalled:tokens',
    status: 'resolved',
    alerts: 1,
    state: 'active',
    notification: expect.stringContaining('RESOLVED by chief: FlowStalled of tokens'),
  });
  expect(await alertmanager.silences()).toHaveLength(1);
  const history = (await get('/api/alerts/history?status=resolved')).json.events as Record<string, unknown>[];
  expect(history).toMatchObject([{ alertname: 'FlowStalled', status: 'resolved', resolved_by: 'chief' }]);
  await eventually(
    async () => telegram.messages('100').map(({ text }) => text),
    (texts) => texts.some((text) => text.includes('resolved: FlowStalled')),
  );
  await alertmanager.stop('SIGKILL');
  expect(await ask(path)).toMatchObject({ status: 503, json: { code: 'ALERTMANAGER_FAILED' } });
  const [last] = await database.sql`select phase, detail from flowgauge.admin_audit order by id desc limit 1`;
  expect(last).toEqual({ phase: 'failed', detail: { error: 'ALERTMANAGER_FAILED' } });
});

it('without an Alertmanager it says what is missing', async () => {
  const { ask, get } = await exporterWith(undefined);
  for (const answer of [await get(`${BASE}/maintenance`), await ask(`${BASE}/maintenance/enable`)])
    expect([answer.status, answer.json.code, answer.json.remedy]).toEqual([
      503,
      'NOT_CONFIGURED',
      'write alertmanager.url',
    ]);
});

it('what the store or Alertmanager does not answer is a 503 that says which', async () => {
  const away = (error: unknown) => async () => Promise.reject(error);
  const store = maintenanceDeps({ status: away(new Error('secret-host is down')) });
  const { get } = await startFace({ maintenance: store });
  const answer = await get(`${BASE}/maintenance`);
  expect([answer.status, JSON.parse(answer.text).code]).toEqual([503, 'STORE_UNAVAILABLE']);
  expect(answer.text).not.toContain('secret-host');
});
