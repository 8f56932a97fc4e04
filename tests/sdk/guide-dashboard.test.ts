/** Follows the guide of the SDK to its dashboard: its service, its Prometheus, the rules and the board of the package. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Dashboard, type Panel, substituted } from '../grafana/dashboard-files.js';
import { freePort } from '../harness/ports.js';
import { endProcess, pause, startProgram } from '../harness/processes.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';
import { guideFile, installPackage } from './packed.js';

let directory: string;
let service: string;
let prometheus: string;
const programs: ReturnType<typeof startProgram>[] = [];
let isCalling = true;
let calls: Promise<void>;

beforeAll(async () => {
  directory = scratchDirectory('guide');
  await installPackage(directory);
  const [port, prometheusPort] = [await freePort(), await freePort()];
  service = `http://127.0.0.1:${port}`;
  prometheus = `http://127.0.0.1:${prometheusPort}`;
  // As in the guide, but quicker: down for four seconds of eight, six seconds of five minutes are too much, and the
  // scrapes are a second apart.
  const rhythm = ['Date.now() % 30_000 < 10_000', 'Date.now() % 8_000 < 4_000'];
  write('service.mjs', ...rhythm, "severity: 'warning' }, 0.1)", "severity: 'warning' }, 0.02)");
  write('prometheus.yml', '127.0.0.1:8080', `127.0.0.1:${port}`, /\b5s\b/g, '1s');
  start(process.execPath, ['service.mjs'], { PATH: process.env.PATH, PORT: String(port) });
  start('prometheus', [
    '--config.file=prometheus.yml',
    '--storage.tsdb.path=data',
    `--web.listen-address=127.0.0.1:${prometheusPort}`,
    '--log.level=warn',
  ]);
  calls = keepCalling();
}, 60_000);

afterAll(async () => {
  isCalling = false;
  await calls;
  for (const program of programs) await endProcess(program, ['SIGTERM', 'SIGKILL'], 5_000);
  removeScratch(directory);
}, 30_000);

/** Writes a file of the guide with pairs of replacements, each of which must find something. */
function write(name: string, ...pairs: readonly (string | RegExp)[]): void {
  let text = guideFile(name);
  for (let i = 0; i < pairs.length; i += 2) {
    const changed = text.replaceAll(pairs[i]!, pairs[i + 1] as string);
    if (changed === text) throw new Error(`${name} of the guide has no ${pairs[i]}`);
    text = changed;
  }
  writeFileSync(join(directory, name), text);
}

function start(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): void {
  const program = startProgram({ command, args, deathSignal: 'KILL', cwd: directory, env });
  program.stdout?.resume();
  program.stderr?.resume();
  programs.push(program);
}

async function keepCalling(): Promise<void> {
  while (isCalling) {
    await fetch(service, { signal: AbortSignal.timeout(2_000) })
      .then((answer) => answer.text())
      .catch(() => '');
    await pause(100);
  }
}

async function ask(path: string): Promise<{ data?: unknown; error?: string }> {
  const answer = await fetch(`${prometheus}/api/v1/${path}`, { signal: AbortSignal.timeout(5_000) });
  return (await answer.json()) as { data?: unknown; error?: string };
}

/** The values of an instant query; a wrong question throws Prometheus' own message. */
async function values(expression: string): Promise<number[]> {
  const { data, error } = await ask(`query?query=${encodeURIComponent(expression)}`);
  if (data === undefined) throw new Error(`${expression}: ${error}`);
  return (data as { result: { value: [number, string] }[] }).result.map(({ value }) => Number(value[1]));
}

const board = (): Dashboard =>
  JSON.parse(
    readFileSync(join(directory, 'node_modules/flowgauge/grafana/generated/flowgauge-api.json'), 'utf8'),
  );

/** The panels below a headline, up to the next one. */
function row(title: string): readonly Panel[] {
  const { panels } = board();
  const from = panels.findIndex((panel) => panel.type === 'row' && panel.title === title) + 1;
  const length = panels.slice(from).findIndex(({ type }) => type === 'row');
  return panels.slice(from, from + length);
}

const expressionsOf = (panels: readonly Panel[]) =>
  panels.flatMap(({ targets = [] }) => targets.map((t) => t.expr));

test('every panel about breakers is answered for the service of the guide', { timeout: 90_000 }, async () => {
  const panels = row('Circuit breakers');
  expect(panels.map(({ title }) => title)).toEqual([
    'State of the breakers',
    'Open share',
    'Calls by outcome',
    'Openings within an hour',
  ]);
  // The guide sets one limit. Lines of other limits are not drawn for a service that has none.
  const isOtherLimit = (expr: string) =>
    /threshold=/.test(expr) && !/"breaker_open_ratio",severity="warning"/.test(expr);
  const questions = expressionsOf(panels).filter((expr) => !isOtherLimit(expr));
  expect(questions).toHaveLength(5);
  for (const question of questions) {
    await expect
      .poll(() => values(substituted(question)).catch(() => []), { timeout: 40_000 })
      .not.toEqual([]);
  }
  // What the strip of states draws: 3 is open, and it was closed (1) too within the minute.
  const [states] = questions;
  const seen = `max_over_time((${substituted(states!)})[1m:1s])`;
  await expect.poll(() => values(seen), { timeout: 40_000 }).toEqual([3]);
  await expect.poll(() => values(seen.replace('max_over', 'min_over')), { timeout: 40_000 }).toEqual([1]);
});

test('the choices above the board offer the service and its breaker', { timeout: 30_000 }, async () => {
  const offered = async (name: string) => {
    const { query } = board().templating.list.find((one) => one.name === name)!;
    const [, selector, label] = /^label_values\((.+), (\w+)\)$/.exec(query)!;
    const match = encodeURIComponent(substituted(selector!));
    return (await ask(`label/${label}/values?match[]=${match}`)).data;
  };
  await expect.poll(() => offered('job'), { timeout: 20_000 }).toEqual(['service']);
  expect(await offered('instance')).toEqual([new URL(service).host]);
  expect(await offered('breaker')).toEqual(['quotes']);
});

test('the rules of the guide are evaluated without an error, and its alert begins', {
  timeout: 90_000,
}, async () => {
  const alert = 'ALERTS{alertname="CircuitBreakerOpen",breaker="quotes",severity="warning"}';
  await expect.poll(() => values(alert), { timeout: 60_000 }).toEqual([1]);
  const { groups } = (await ask('rules')).data as {
    groups: { file: string; rules: { name: string; health: string; lastError?: string }[] }[];
  };
  const files = new Set(groups.map(({ file }) => file.split('/').at(-1)));
  expect([...files].sort()).toEqual(['api-alerts.yml', 'apis.yml', 'limits.yml']);
  const failed = groups.flatMap(({ rules }) => rules).filter(({ health }) => health === 'err');
  expect(failed).toEqual([]);
  // Nothing that only an exporter can have is missed in a service.
  expect(await values('ALERTS{alertname!="CircuitBreakerOpen"}')).toEqual([]);
});

test('the questions of the guide are answered', { timeout: 60_000 }, async () => {
  const guide = readFileSync(join(directory, 'node_modules/flowgauge/docs/sdk.md'), 'utf8');
  const queries = [...guide.matchAll(/^\| [^|]+\? \| `([^`]*(?:circuit_breaker|ALERTS)[^`]*)` \|$/gm)].map(
    ([, q]) => q!,
  );
  expect(queries).toHaveLength(4);
  for (const query of queries) {
    await expect.poll(() => values(query), { timeout: 30_000 }).not.toEqual([]);
  }
  // A service of a minute was not closed for less than a minute of the hour.
  const [notClosed] = await values(queries[1]!);
  expect(notClosed).toBeGreaterThan(0);
  expect(notClosed).toBeLessThan(0.1);
});
