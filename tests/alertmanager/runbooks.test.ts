/** Owns the proof that every alert has a runbook and no runbook is without one, and that what it tells to ask can be asked. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { catalog } from '../../src/metrics/catalog.js';
import type { MetricSpec } from '../../src/metrics/define.js';
import { readRunbooks } from '../../src/runbooks.js';
import { projectRoot } from '../harness/exporter.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';

interface Rule {
  readonly alert?: string;
  readonly record?: string;
}

const folder = join(projectRoot, 'prometheus', 'rules');
const rules = readdirSync(folder)
  .filter((file) => file.endsWith('.yml'))
  .flatMap(
    (file) => (parse(readFileSync(join(folder, file), 'utf8')) as { groups: { rules: Rule[] }[] }).groups,
  )
  .flatMap((group) => group.rules);
const runbooks = readRunbooks();

const scratch = scratchDirectory('runbooks');
afterAll(() => removeScratch(scratch));

function queriesOf(text: string): string[] {
  return [...text.matchAll(/```promql\n([^`]+)```/g)].flatMap((match) => match[1]!.trim().split('\n'));
}

/** Series that Prometheus and Alertmanager tell of themselves, and those of every process. */
const FOREIGN = /^(up$|ALERTS$|scrape_|process_|prometheus_|alertmanager_)/;
const WORDS = new Set([
  'by',
  'on',
  'sum',
  'group',
  'topk',
  'rate',
  'increase',
  'deriv',
  'time',
  'absent',
  'offset',
  'le',
]);
const FUNCTIONS =
  /\b(sum|avg|group|topk|avg_over_time|rate|increase|deriv|time|absent|predict_linear|histogram_quantile)\b\s*(?=\(|by)/g;

/** Names of metrics in an expression; enough for the plain ones that runbooks hold. */
function metricsOf(expression: string): string[] {
  const bare = expression
    .replace(/\{[^}]*\}|\[[^\]]*\]/g, '')
    .replace(/\bby \([^)]*\)/g, '')
    .replace(FUNCTIONS, '');
  return [...bare.matchAll(/\b[a-zA-Z_][\w:]*/g)].map(([name]) => name).filter((name) => !WORDS.has(name));
}

const SERIES = new Set([
  ...Object.values(catalog).flatMap(({ name }) => [name, `${name}_bucket`, `${name}_sum`, `${name}_count`]),
  ...rules.flatMap(({ record }) => record ?? []),
]);
const LABELS = new Set(Object.values<MetricSpec>(catalog).flatMap(({ labels }) => Object.keys(labels)));
/** The first words of our series: what begins with one of them, between back-ticks, is meant to be a series. */
const FAMILIES = new Set([...SERIES].map((name) => name.split(/[_:]/)[0]));

/** Words between back-ticks in the prose that look like our series, without what stands in braces. */
function namedIn(text: string): string[] {
  const prose = text.replace(/```[^`]*```/g, '');
  return [...prose.matchAll(/`([a-z]\w*[_:][\w:]*)(?:\{[^`]*\})?`/g)]
    .map(([, name]) => name!)
    .filter((name) => FAMILIES.has(name.split(/[_:]/)[0]!) && !LABELS.has(name));
}

describe('the runbooks', () => {
  it('are exactly one per alert', () => {
    const alerts = new Set(rules.flatMap(({ alert }) => (alert === undefined ? [] : [alert])));
    expect([...runbooks.keys()]).toEqual([...alerts].sort());
  });

  for (const [name, text] of runbooks) {
    it(`${name}: says meaning, impact, diagnosis and mitigation, and links only to runbooks`, () => {
      expect(text.startsWith(`# ${name}\n`)).toBe(true);
      expect(text.match(/^## .+$/gm)).toEqual(['## Meaning', '## Impact', '## Diagnosis', '## Mitigation']);
      expect(queriesOf(text).length).toBeGreaterThan(0);
      expect(text).toMatch(/```sh\n\S/);
      for (const [, target] of text.matchAll(/\]\((\w+)\.md\)/g)) expect(runbooks.has(target!)).toBe(true);
    });
  }

  it('ask only for series that exist', () => {
    const unknown = [...runbooks].flatMap(([name, text]) =>
      queriesOf(text)
        .flatMap(metricsOf)
        .filter((metric) => !SERIES.has(metric) && !FOREIGN.test(metric))
        .map((metric) => `${name}: ${metric}`),
    );
    expect(unknown).toEqual([]);
  });

  it('name in their prose only series that exist', () => {
    const named = [...runbooks].flatMap(([name, text]) => namedIn(text).map((metric) => [name, metric]));
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter(([, metric]) => !SERIES.has(metric!))).toEqual([]);
    expect(namedIn('see `flow_reasons_total{flow="tokens"}`')).toEqual(['flow_reasons_total']);
  });

  it('ask in expressions that Prometheus understands', () => {
    const all = [...runbooks].flatMap(([, text]) => queriesOf(text));
    const file = join(scratch, 'queries.yml');
    const asRules = all.map((expr, number) => ({ record: `query:${number}`, expr }));
    writeFileSync(file, stringify({ groups: [{ name: 'runbooks', rules: asRules }] }));
    expect(execFileSync('promtool', ['check', 'rules', file], { encoding: 'utf8' })).toContain('SUCCESS');
  });
});
