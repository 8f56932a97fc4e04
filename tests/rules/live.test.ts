/** Owns the proof that each rule finds data in a real Prometheus that scrapes the demo, and that no alert's text breaks. */
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ExporterProcess, startDemoProcess } from '../harness/exporter.js';
import { type PrometheusServer, startPrometheus } from '../harness/prometheus.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';
import { namesOf } from './promql-names.js';
import { readRules, rulesFolder } from './rule-files.js';

/** What a demo of a minute cannot have, with the reason. An expression that reads one of these may be empty. */
const ABSENT: readonly (readonly [metric: RegExp, why: string])[] = [
  [/^instance:host:up$/, 'no second service without a configuration runs'],
  [
    /^instance:process_memory_growth:|^flow:transitions_(usual|deviation|band_\w+):|:mean_1d$/,
    'needs hours of history',
  ],
  [/^flow:transitions:rate1h$/, 'the alert asks for last week'],
  [/^process_resident_memory_bytes$/, 'the growth asks for 3 hours ago'],
  [/^(fallback_served_total|policy:fallback_\w+:\w+)$/, 'the demo has no fallback'],
  [/^(notification_|channel:notification_)/, 'the demo has no channel'],
  [/^probe_|^probe:/, 'the demo probes nothing'],
  [/^maintenance_/, 'the demo plans no work'],
  [/^(load_mode|lane_size_changes_total)$/, 'the demo sheds no load and sizes no lane'],
  [/^flowgauge_tls_certificate_expiry_timestamp_seconds$/, 'the demo speaks no TLS'],
  [/^alertmanager_|^prometheus_notifications_errors_total$/, 'no Alertmanager runs'],
  [/^ALERTS$/, 'nothing critical fires'],
  [/^flow_status:drain:rate5m$/, 'a status that fills has no time to empty'],
  [/^flow:time_to_activation_seconds|^flow:activations_per_hour/, 'one token in a hundred becomes active'],
  [
    /^flow_oldest_item_timestamp_seconds$|^flow_status:oldest_age:seconds$/,
    'an empty status has no oldest item',
  ],
];
const rules = readRules();
let exporter: ExporterProcess;
let prometheus: PrometheusServer;
let directory: string;

beforeAll(async () => {
  directory = scratchDirectory('rules');
  // The embedded database runs as another user when we are root.
  chmodSync(directory, 0o755);
  exporter = await startDemoProcess(join(directory, 'demo'), ['--speed', '2000x', '--seed', 'rules']);
  prometheus = await startPrometheus({
    target: new URL(exporter.url).host,
    scrapeIntervalMs: 2_000,
    rules: join(rulesFolder, '*.yml'),
  });
}, 90_000);

afterAll(async () => {
  await prometheus?.stop();
  await exporter?.stop();
  removeScratch(directory);
}, 30_000);

/** The questions of one rule: a recording is asked as a whole, an alert by each metric that it compares. */
function questionsOf({ kind, expr }: (typeof rules)[number]): readonly string[] {
  if (kind === 'record') return [expr];
  return namesOf(expr).selectors.map(({ text }) => `last_over_time(${text}[5m])`);
}

function isExcused([question, rule]: readonly [question: string, rule: string]): boolean {
  const subjects = [rule, ...namesOf(question).selectors.map(({ metric }) => metric)];
  return subjects.some((subject) => ABSENT.some(([pattern]) => pattern.test(subject)));
}

it('answers every expression but the excused ones', { timeout: 180_000 }, async () => {
  const open = new Map(rules.flatMap((rule) => questionsOf(rule).map((question) => [question, rule.name])));
  await prometheus.waitFor('up{job="flowgauge"} == 1', (samples) => samples.length === 1);
  const endMs = performance.now() + 120_000;
  while (performance.now() < endMs) {
    for (const question of open.keys()) {
      if ((await prometheus.query(question)).length > 0) open.delete(question);
    }
    if ([...open].every(isExcused)) break;
    await new Promise((resolve) => setTimeout(resolve, 2_000));
  }
  expect([...open].filter((one) => !isExcused(one))).toEqual([]);
});

it('evaluates every rule without an error, and the Watchdog fires', { timeout: 60_000 }, async () => {
  await prometheus.waitFor(
    'ALERTS{alertname="Watchdog",alertstate="firing"}',
    (samples) => samples.length === 1,
  );
  const answer = await fetch(`${prometheus.url}/api/v1/rules`);
  const { data } = (await answer.json()) as {
    data: { groups: { rules: { name: string; health: string; lastError?: string; alerts?: unknown[] }[] }[] };
  };
  const evaluated = data.groups.flatMap((group) => group.rules);
  expect(evaluated).toHaveLength(rules.length);
  expect(evaluated.filter(({ health }) => health === 'err')).toEqual([]);
  expect(JSON.stringify(evaluated)).not.toContain('error expanding template');
});
