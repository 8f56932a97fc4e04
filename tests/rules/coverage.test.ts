/** Owns the proof that every alert has its cases, that they hold, and that the rules keep their conventions. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { projectRoot } from '../harness/exporter.js';
import { casesFolder, readCaseNames, readExpectedAlerts, readRules, rulesFolder } from './rule-files.js';

const run = promisify(execFile);
const KINDS = ['fires', 'stays silent', 'resolves', 'missing data'];
/** What a template leaves behind when a label or a value is not there. */
const BROKEN_TEXT = /^\s*$|<no value>|<nil>|\{\{|%!|\bNaN\b|\bInf\b|\s{2}|\s[.,:;]|\s$|:\/\/\/|=(&|$)/;
const rules = readRules();
const alerts = rules.filter(({ kind }) => kind === 'alert');
const names = [...new Set(alerts.map(({ name }) => name))];

/** What promtool says, whether it succeeds or not. */
async function promtool(...args: string[]): Promise<string> {
  // Collecting garbage less often takes a sixth off its time.
  const env = { ...process.env, GOGC: '400' };
  const { stdout, stderr } = await run('promtool', args, { env, maxBuffer: 1 << 24 }).catch(
    (failure: { stdout: string; stderr: string }) => failure,
  );
  return `${stdout}${stderr}`;
}

describe('the rule files', () => {
  it('pass promtool check', async () => {
    const files = readdirSync(rulesFolder).map((file) => join(rulesFolder, file));
    const said = await promtool('check', 'rules', ...files);
    expect(said.match(/SUCCESS/g)).toHaveLength(files.length);
    expect(said).not.toMatch(/FAILED|duplicate/i);
  });

  it('are accepted by the configuration of Prometheus', async () => {
    const said = await promtool('check', 'config', join(projectRoot, 'prometheus', 'prometheus.yml'));
    expect(said).not.toContain('FAILED');
    expect(said).toContain(`${readdirSync(rulesFolder).length} rule files found`);
  });

  it.each(readdirSync(casesFolder))('hold in %s', { timeout: 600_000 }, async (file) => {
    expect(await promtool('test', 'rules', join(casesFolder, file))).toMatch(
      /^Unit Testing: .*\n {2}SUCCESS\s*$/,
    );
  });
});

it('has a line in the cookbook for every recorded series', () => {
  const text = readFileSync(join(projectRoot, 'docs', 'promql.md'), 'utf8');
  const recorded = rules.filter(({ kind }) => kind === 'record').map(({ name }) => name);
  expect(recorded.filter((name) => !text.includes(`| \`${name}\` |`))).toEqual([]);
});

describe('every alert', () => {
  const cases = readCaseNames();
  const expected = readExpectedAlerts();

  it.each(names)('%s has a case that fires, one that stays silent, resolves, and misses data', (name) => {
    const kinds = cases.filter((one) => one.startsWith(`${name}: `)).map((one) => one.slice(name.length + 2));
    expect(KINDS.filter((kind) => !kinds.some((text) => text.split(', ').includes(kind)))).toEqual([]);
  });

  it('and every case is one of an alert that exists', () => {
    expect(cases.filter((one) => !names.includes(one.split(': ')[0] ?? ''))).toEqual([]);
  });

  it.each(alerts)('$name says severity, summary, description and both links', (alert) => {
    const { severity, page } = alert.labels;
    // Without a severity of its own an alert takes it from the limit, and then it must ask who is woken.
    if (severity === undefined)
      expect(alert.expr).toMatch(/severity|flow_status_limit_seconds|group_right \(\)/);
    else expect(['info', 'warning', 'error', 'critical']).toContain(severity);
    if (severity === 'critical') expect(page).toBe('yes');
    expect(Object.keys(alert.annotations).sort()).toEqual([
      'dashboard_url',
      'description',
      'runbook_url',
      'summary',
    ]);
    expect(alert.annotations.runbook_url).toBe(
      `{{ $externalLabels.flowgauge_url }}/runbooks/${alert.name === 'CriticalUnattended' ? '{{ $labels.alertname }}' : alert.name}`,
    );
    expect(alert.annotations.dashboard_url).toMatch(
      /^\{\{ \$externalLabels\.grafana_url \}\}\/d\/flowgauge-(overview|flow|api|resources|alerts|slo|self)/,
    );
  });

  it.each(alerts)('$name $labels.severity $labels.tier has a case that expects its texts', (alert) => {
    const same = ['severity', 'tier'].filter((label) => alert.labels[label] !== undefined);
    const texts = expected.filter(
      ({ name, labels }) =>
        name === alert.name && same.every((label) => labels[label] === alert.labels[label]),
    );
    expect(texts).not.toEqual([]);
    for (const { annotations } of texts) {
      expect(Object.keys(annotations).sort()).toEqual(Object.keys(alert.annotations).sort());
    }
  });

  it('says nothing empty or broken in its texts', () => {
    const broken = expected.flatMap(({ name, labels, annotations }) =>
      Object.entries({ ...labels, ...annotations })
        .filter(([, text]) => BROKEN_TEXT.test(text))
        .map(([part, text]) => `${name} ${part}: ${text}`),
    );
    expect(broken).toEqual([]);
  });

  it('waits at least 5 minutes, or a comment argues why not', () => {
    const hasty = alerts.filter((alert) => minutesOf(alert.for) < 5 && !alert.argued);
    expect(hasty.map(({ name }) => name)).toEqual([]);
  });
});

function minutesOf(text: string | undefined): number {
  const [, amount, unit] = /^(\d+)([mh])$/.exec(text ?? '') ?? [];
  return Number(amount ?? 0) * (unit === 'h' ? 60 : 1);
}
