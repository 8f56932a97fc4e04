/** Proves on a running exporter that a secret of any input is in no page, series, answer, dead letter or log line. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { eventually, samplesOf, startExporterProcess, writeConfig } from './harness/exporter.js';
import { freshDatabase } from './harness/fresh-database.js';
import { freePort } from './harness/ports.js';
import { removeScratch, scratchDirectory } from './harness/scratch.js';
import { startHttp } from './probes/servers.js';

/** In every secret, so that a part of one is found as well. */
const CANARY = 'hunter2';
const ADMIN = `${CANARY}AdminToken0123456789`;
const INGEST = `${CANARY}IngestToken012345678`;
/** Of the password `hunter2`; the hash is a secret itself. */
const HASH = '$2b$04$JqfDDWEIqVzUYGbnBEfT3uv2TtVdmMcj5ZmfWNrQKNnxyGTtbTVeq';

const BATCH = {
  version: '4',
  groupKey: '{}:{alertname="Canary"}',
  status: 'firing',
  receiver: 'all',
  groupLabels: { alertname: 'Canary' },
  alerts: [
    {
      status: 'firing',
      labels: { alertname: 'Canary', severity: 'critical' },
      annotations: { summary: 'somebody looks for secrets' },
      startsAt: '2026-01-02T03:04:05Z',
      endsAt: '0001-01-01T00:00:00Z',
      fingerprint: 'c0ffee0000000001',
    },
  ],
};

/** A database's address with a password, which the server of the tests does not ask for. */
function withPassword(url: string, password: string): string {
  const changed = new URL(url);
  changed.password = password;
  return changed.href;
}

it('secrets of every input stay inside, whatever fails', { timeout: 120_000 }, async () => {
  const folder = scratchDirectory('secrets');
  onTestFinished(() => removeScratch(folder));
  const source = await freshDatabase();
  onTestFinished(() => source.drop());
  const store = await freshDatabase();
  onTestFinished(() => store.drop());
  await source.sql`create table tokens (id bigint primary key, status text not null)`;
  // What answers with all that it was sent is the worst that a network can do.
  const echo = await startHttp((request, response) => {
    const said = [request.url, ...request.rawHeaders].join(' ');
    response.writeHead(500, { 'content-type': 'text/plain', 'x-echo': encodeURIComponent(said) }).end(said);
  });
  onTestFinished(() => echo.stop());
  const closed = await freePort();
  const at = `http://127.0.0.1:${echo.port}`;
  const secret = (name: string, text: string) => writeFileSync(join(folder, name), text, { mode: 0o600 });
  secret('admin', ADMIN);
  secret('ingest', INGEST);
  secret('bot', `7000000002:${CANARY}-abcdefghijklmnopqrstuvwxyz`);
  secret('hook', `${at}/hook/${CANARY}?key=${CANARY}`);
  secret('slack', `${at}/services/${CANARY}`);
  secret('ping', `${at}/ping/${CANARY}`);
  secret('mail', `${CANARY}-mail`);
  secret('bearer', `${CANARY}-bearer`);
  secret('header', `${CANARY}-header`);
  secret('redis', `${CANARY}-redis`);
  secret('probed', `postgres://someone:${CANARY}-probe@127.0.0.1:${closed}/none`);
  const web = (more = '') =>
    writeFileSync(
      join(folder, 'web.yml'),
      `basic_auth_users: { reader: '${HASH}' }\nflowgauge: { tokens: { chief: { file: admin, roles: [admin] } } }\n${more}`,
    );
  web();
  const config = writeConfig(
    folder,
    `web: { listen_address: '127.0.0.1:0', config_file: web.yml, enable_admin_api: true }
log: { level: trace }
source: { url: '${withPassword(source.url, `${CANARY}-source`)}' }
store: { url: '${withPassword(store.url, `${CANARY}-store`)}' }
alertmanager: { url: '${at}' }
prometheus: { url: '${at}' }
probes:
  allow_networks: [127.0.0.0/8]
  page: { kind: http, url: '${at}/?key=${CANARY}', bearer_token_file: bearer, header_files: { X-Key: header }, interval: 1s, timeout: 1s }
  cache: { kind: redis, url: 'redis://127.0.0.1:${closed}', password_file: redis, interval: 1s, timeout: 1s }
  other: { kind: postgres, url_file: probed, interval: 1s, timeout: 1s }
  bot: { kind: telegram, url: '${at}', token_file: bot, interval: 1s, timeout: 1s }
notifications:
  webhook_token_file: ingest
  ttl: 10s
  telegram: { token_file: bot, api_url: '${at}', chats: { chat: '-100123' } }
  webhooks: { hook: { url_file: hook } }
  slack: { room: { url_file: slack } }
  email: { host: 127.0.0.1, port: ${closed}, user: u, password_file: mail, from: a@example.org, to: { box: b@example.org } }
  routes: { all: [chat, hook, room, box] }
  watchdog: { ping_url_file: ping }
flows:
  tokens: { table: public.tokens, key: id, status: status, statuses: [new, active], limits: { new: { warning: 1h } } }
`,
  );
  const exporter = await startExporterProcess(config, {
    OTEL_TRACES_EXPORTER: 'otlp',
    OTEL_EXPORTER_OTLP_ENDPOINT: at,
    OTEL_EXPORTER_OTLP_HEADERS: `authorization=${CANARY}-otlp`,
  });
  onTestFinished(() => exporter.kill());
  const seen: string[] = [];
  const ask = async (path: string, init: RequestInit = {}, token = ADMIN) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...init.headers };
    const answer = await fetch(`${exporter.url}${path}`, { ...init, headers });
    const text = await answer.text();
    seen.push(`${path} ${answer.status} ${JSON.stringify([...answer.headers])} ${text}`);
    return { status: answer.status, text };
  };
  await eventually(
    () => ask('/-/ready'),
    ({ status }) => status === 200,
  );
  expect(
    (await ask('/api/alerts/webhook', { method: 'POST', body: JSON.stringify(BATCH) }, INGEST)).status,
  ).toBe(200);
  const dead = await eventually(
    () => ask('/api/notifications/dead'),
    ({ text }) => JSON.parse(text).dead_letters.length === 4,
    60_000,
  );
  expect(dead.text).toContain('somebody looks for secrets');

  // Wrong ones of strangers are secrets of somewhere else.
  for (const wrong of [
    `Bearer ${CANARY}-wrong`,
    `Basic ${btoa(`reader:${CANARY}-wrong`)}`,
    `Digest ${CANARY}`,
  ])
    expect((await ask('/metrics', { headers: { authorization: wrong } })).status).toBe(401);
  web(`rate_limit: { interval: ${CANARY} }\n`);
  expect((await ask('/-/reload', { method: 'POST', body: '{"reason":"try"}' })).text).toContain('refused');
  const { paths } = JSON.parse((await ask('/openapi.json')).text) as { paths: Record<string, object> };
  for (const [path, methods] of Object.entries(paths))
    if ('get' in methods) await ask(path.replace('{flow}', 'tokens').replace('{alert}', 'FlowStalled'));
  await ask('/metrics', { headers: { accept: 'application/openmetrics-text' } });
  const page = (await ask('/metrics')).text;
  for (const probe of ['page', 'cache', 'other', 'bot'])
    expect(samplesOf(page, 'probe_success').get(`probe="${probe}"`), probe).toBe(0);
  expect(exporter.output()).toMatch(/DEAD_LETTER/);
  await exporter.stop();

  const leaks = [...seen, ...exporter.output().split('\n')].filter(
    (text) => text.includes(CANARY) || text.includes(HASH.slice(10)),
  );
  expect(leaks.map((text) => text.slice(0, 1_000))).toEqual([]);
});
