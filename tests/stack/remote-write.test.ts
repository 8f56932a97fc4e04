/** Owns the proof that a remote store answers what the dashboards ask: a real VictoriaMetrics behind the pair's configuration. */
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { generatedDashboards, questionsOf, substituted } from '../grafana/dashboard-files.js';
import { type ExporterProcess, eventually, projectRoot, startDemoProcess } from '../harness/exporter.js';
import { freePort } from '../harness/ports.js';
import { endProcess, pause, startProgram } from '../harness/processes.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';

const directory = scratchDirectory('remote-write');
const ended: (() => Promise<unknown>)[] = [];
let demo: ExporterProcess;
let local: string;
let remote: string;

beforeAll(async () => {
  // The embedded database runs as another user when we are root.
  chmodSync(directory, 0o755);
  demo = await startDemoProcess(join(directory, 'demo'), ['--speed', '2000x', '--seed', 'remote']);
  ended.unshift(() => demo.stop());
  remote = await startVictoriaMetrics();
  const address = new URL(demo.url).host;
  local = await startPair('a', address);
  // The same series from the other one: it must not be seen twice.
  await startPair('b', address);
  const moved = () => ask(remote, 'sum(rate(flow_transitions_total[30s])) > 0');
  await eventually(moved, (result) => result.length === 1, 90_000);
  await eventually(
    () => ask(remote, 'count({__name__=~".+:.+"})'),
    ([sample]) => Number(sample?.value[1] ?? 0) > 100,
    90_000,
  );
  // Windows of half a minute need half a minute.
  await pause(20_000);
}, 300_000);

afterAll(async () => {
  for (const end of ended) await end();
  removeScratch(directory);
});

interface Result {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

async function ask(url: string, expression: string): Promise<readonly Result[]> {
  const body = new URLSearchParams({ query: expression });
  const answer = await fetch(`${url}/api/v1/query`, { method: 'POST', body });
  const { status, data, error } = (await answer.json()) as {
    status: string;
    error?: string;
    data?: { result: Result[] };
  };
  if (status !== 'success' || data === undefined) throw new Error(`${expression}: ${error}`);
  return data.result;
}

async function startVictoriaMetrics(): Promise<string> {
  const port = await freePort();
  const child = startProgram({
    command: 'victoria-metrics',
    args: [
      `-storageDataPath=${join(directory, 'victoria')}`,
      `-httpListenAddr=127.0.0.1:${port}`,
      '-dedup.minScrapeInterval=1s',
      // What was just written is otherwise hidden for half a minute.
      '-search.latencyOffset=1s',
    ],
    deathSignal: 'KILL',
  });
  ended.unshift(() => endProcess(child, ['SIGTERM', 'SIGKILL'], 10_000));
  const url = `http://127.0.0.1:${port}`;
  await eventually(
    () => fetch(`${url}/health`).then((answer) => answer.status),
    (status) => status === 200,
  );
  return url;
}

/** Prometheus on the configuration of the pair, with the addresses of this test and a quick pace. */
async function startPair(replica: string, exporter: string): Promise<string> {
  const folder = join(directory, replica);
  mkdirSync(folder);
  cpSync(join(projectRoot, 'prometheus', 'rules'), join(folder, 'rules'), { recursive: true });
  const port = await freePort();
  const config = readFileSync(join(projectRoot, 'deploy/compose/prometheus-pair.yml'), 'utf8')
    .replace('"flowgauge:9877", "flowgauge-2:9877"', `"${exporter}"`)
    .replace('"prometheus:9090", "prometheus-2:9090"', `"127.0.0.1:${port}"`)
    .replaceAll('"alertmanager:9093", "alertmanager-2:9093"', '')
    .replace('http://victoria-metrics:8428', remote)
    .replace('scrape_interval: 15s', 'scrape_interval: 1s')
    .replace('scrape_timeout: 10s', 'scrape_timeout: 1s')
    .replace('evaluation_interval: 15s', 'evaluation_interval: 2s');
  expect(config).toContain('write_relabel_configs');
  const file = join(folder, 'prometheus.yml');
  writeFileSync(file, config);
  const child = startProgram({
    command: 'prometheus',
    args: [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--enable-feature=expand-external-labels',
      '--log.level=warn',
    ],
    deathSignal: 'KILL',
    env: { ...process.env, REPLICA: replica },
  });
  ended.unshift(() => endProcess(child, ['SIGTERM', 'SIGKILL'], 10_000));
  return `http://127.0.0.1:${port}`;
}

it('the pair writes each series once: without its replica, with everything else', async () => {
  expect(await ask(remote, 'count(flowgauge_build_info)')).toMatchObject([
    { value: [expect.anything(), '1'] },
  ]);
  expect(await ask(remote, 'count({replica!=""}) or vector(0)')).toMatchObject([
    { value: [expect.anything(), '0'] },
  ]);
  // The links of alerts are labels of this Prometheus, so they come along.
  expect(await ask(remote, 'count(flowgauge_build_info{flowgauge_url!=""})')).toHaveLength(1);
});

it('every question of every dashboard is understood, and has an answer where Prometheus has one', async () => {
  const questions = generatedDashboards().flatMap(questionsOf);
  expect(questions.length).toBeGreaterThan(80);
  const differences: string[] = [];
  let answered = 0;
  for (const { where, expr } of questions) {
    const expression = substituted(expr);
    const [here, there] = await Promise.all([
      ask(local, expression),
      ask(remote, expression).catch((error: Error) => error.message),
    ]);
    // A quantile of nothing is NaN here and no sample at all there; a panel shows neither.
    const values = here.filter(({ value }) => value[1] !== 'NaN');
    if (typeof there === 'string') differences.push(`${where}: ${there}`);
    else if (values.length > 0 && there.length === 0) differences.push(`${where}: empty: ${expression}`);
    if (values.length > 0) answered += 1;
  }
  expect(differences).toEqual([]);
  expect(answered, 'questions that have an answer at all').toBeGreaterThan(questions.length / 2);
});

it('counts the moves as Prometheus does', async () => {
  await pause(5_000);
  const timeSeconds = Math.floor(Date.now() / 1_000) - 6;
  const moves = async (url: string, atSeconds: number) => {
    const query = 'sum(flow_transitions_total{flow="tokens"})';
    const answer = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(query)}&time=${atSeconds}`);
    const { data } = (await answer.json()) as { data: { result: Result[] } };
    return Number(data.result[0]?.value[1]);
  };
  // Samples of either one of the pair are kept, which scrape up to a second apart.
  const there = await moves(remote, timeSeconds);
  expect(there).toBeGreaterThan(0);
  expect(there).toBeGreaterThanOrEqual(await moves(local, timeSeconds - 4));
  expect(there).toBeLessThanOrEqual(await moves(local, timeSeconds + 4));
});
