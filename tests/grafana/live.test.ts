/** Owns the proof that each question of a dashboard finds data in a real Prometheus behind the demo, a relay and an Alertmanager. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type AlertmanagerServer, startAlertmanager } from '../harness/alertmanager.js';
import {
  type ExporterProcess,
  startDemoProcess,
  startExporterProcess,
  writeConfig,
} from '../harness/exporter.js';
import { type FreshDatabase, freshDatabase } from '../harness/fresh-database.js';
import { pause } from '../harness/processes.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';
import { type FakeTelegram, startFakeTelegram } from '../harness/telegram.js';
import { startBundledPrometheus } from './bundled-prometheus.js';
import { generatedDashboards, type Question, questionsOf, substituted } from './dashboard-files.js';

/** What a demo of two minutes cannot have, with the reason. */
const EMPTY: readonly (readonly [where: RegExp, why: string])[] = [
  [/^flowgauge-api: Mean against the usual B$/, 'the usual is the mean of the last day'],
  [/^flowgauge-api: (Answers|Age of the answers) of fallbacks A$/, 'the demo has no fallback'],
  [/^flowgauge-flow: Moves and what is usual [BC]$/, 'the band is made of yesterday and last week'],
  [/^flowgauge-flow: Time to empty A$/, 'no status need empty in these minutes'],
  [
    /^flowgauge-flow: (Time to activation, quantiles [ABC]|Oldest item A)$/,
    'one token in a hundred is activated',
  ],
  [/^flowgauge-resources: Network traffic B$/, 'only packets with errors are shown'],
  [/^flowgauge-alerts: Longest wait in the queue A$/, 'a message waits for less than a scrape'],
];
/** A rule that fires at once, because those of the bundle wait for minutes. */
const EXTRA_RULE = `groups:
  - name: test
    rules:
      - alert: TestFires
        expr: up{job="flowgauge"} == 1
        labels: { severity: error }
      - alert: TestPends
        expr: up{job="flowgauge"} == 1
        for: 1h
        labels: { severity: error }
`;

let directory: string;
let database: FreshDatabase;
let telegram: FakeTelegram;
let relay: ExporterProcess;
let alertmanager: AlertmanagerServer;
let demo: ExporterProcess;
let prometheus: Awaited<ReturnType<typeof startBundledPrometheus>>;

beforeAll(async () => {
  directory = scratchDirectory('dashboards');
  // The embedded database runs as another user when we are root.
  chmodSync(directory, 0o755);
  telegram = await startFakeTelegram();
  database = await freshDatabase();
  writeFileSync(join(directory, 'token'), telegram.token, { mode: 0o600 });
  relay = await startExporterProcess(
    writeConfig(
      directory,
      `web: { listen_address: "127.0.0.1:0" }
source: { url: "${database.url}" }
notifications:
  telegram: { token_file: ${join(directory, 'token')}, api_url: "${telegram.url}", chats: { critical: "100" } }
`,
    ),
  );
  alertmanager = await startAlertmanager({ env: { TELEGRAM_API_URL: telegram.url }, faster: 60 });
  demo = await startDemoProcess(join(directory, 'demo'), [
    ...['--speed', '2000x', '--seed', 'dashboards'],
    ...['--scenario', 'api-outage', '--scenario-start', '10s', '--scenario-lasts', '20s'],
  ]);
  prometheus = await startBundledPrometheus({
    directory,
    targets: [new URL(demo.url).host, new URL(relay.url).host],
    alertmanager: alertmanager.address,
    extraRules: EXTRA_RULE,
  });
}, 120_000);

afterAll(async () => {
  await prometheus?.stop();
  await demo?.stop();
  await relay?.stop();
  await alertmanager?.stop();
  await telegram?.close();
  await database?.drop();
  removeScratch(directory);
}, 60_000);

/** An alert that began, as Alertmanager sends it to the relay. */
async function postAlert(name: string): Promise<void> {
  const labels = { alertname: name, severity: 'critical' };
  const startsAt = new Date().toISOString();
  const alert = { status: 'firing', labels, annotations: {}, startsAt, endsAt: '0001-01-01T00:00:00Z' };
  const answer = await fetch(`${relay.url}/api/alerts/webhook`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      version: '4',
      groupKey: `{}:{alertname="${name}"}`,
      truncatedAlerts: 0,
      status: 'firing',
      receiver: 'test',
      groupLabels: { alertname: name },
      commonLabels: labels,
      commonAnnotations: {},
      externalURL: alertmanager.url,
      alerts: [{ ...alert, generatorURL: '', fingerprint: Buffer.from(name).toString('hex').slice(0, 16) }],
    }),
  });
  if (answer.status !== 200) throw new Error(`the relay answered ${answer.status}: ${await answer.text()}`);
}

/** How many series answer; an error of Prometheus is thrown with its message. */
async function answersTo({ where, expr }: Question): Promise<number> {
  const query = encodeURIComponent(substituted(expr));
  const answer = await fetch(`${prometheus.url}/api/v1/query?query=${query}`);
  const body = (await answer.json()) as { status: string; error?: string; data?: { result: unknown[] } };
  if (body.data === undefined) throw new Error(`${where}: ${body.error}`);
  return body.data.result.length;
}

it('answers every question but the excused ones', { timeout: 240_000 }, async () => {
  const open = new Set(generatedDashboards().flatMap(questionsOf));
  const isExcused = ({ where }: Question) => EMPTY.some(([pattern]) => pattern.test(where));
  const endMs = performance.now() + 200_000;
  for (let alert = 1; performance.now() < endMs; alert += 1) {
    await postAlert('Watchdog');
    await postAlert(`Test${alert}`);
    for (const question of open) if ((await answersTo(question)) > 0) open.delete(question);
    if ([...open].every(isExcused)) break;
    await pause(2_000);
  }
  expect([...open].filter((question) => !isExcused(question)).map(({ where }) => where)).toEqual([]);
});

it('excuses only questions that there are', () => {
  const places = generatedDashboards()
    .flatMap(questionsOf)
    .map(({ where }) => where);
  for (const [pattern] of EMPTY) expect(places.filter((where) => pattern.test(where))).not.toEqual([]);
});
