/** Owns the proof that the rules speak only of metrics and labels that exist. */
import { describe, expect, it } from 'vitest';
import { severitiesOf, THRESHOLDS } from '../../src/config/thresholds.js';
import { catalog } from '../../src/metrics/catalog.js';
import type { MetricSpec } from '../../src/metrics/define.js';
import { type Names, namesOf, PromqlSyntaxError } from './promql-names.js';
import { type Rule, readRules } from './rule-files.js';

/** Metrics of others with the labels that we use; `undefined` where any label may come. */
const FOREIGN: Readonly<Record<string, readonly string[] | undefined>> = {
  ALERTS: undefined,
  up: [],
  // Printed by prom-client.
  process_resident_memory_bytes: [],
  process_open_fds: [],
  process_max_fds: [],
  // Of Prometheus and Alertmanager.
  prometheus_rule_evaluation_failures_total: ['rule_group'],
  prometheus_notifications_alertmanagers_discovered: [],
  prometheus_notifications_errors_total: ['alertmanager'],
  prometheus_config_last_reload_successful: [],
  prometheus_target_scrapes_exceeded_sample_limit_total: [],
  prometheus_target_scrapes_exceeded_body_size_limit_total: [],
  prometheus_target_scrape_pool_exceeded_label_limits_total: [],
  alertmanager_config_last_reload_successful: [],
  alertmanager_notification_requests_failed_total: ['integration'],
};
const TARGET = ['job', 'instance'];

const rules = readRules();
const known = new Map<string, ReadonlySet<string> | undefined>();
for (const [metric, labels] of Object.entries(FOREIGN))
  known.set(metric, labels && new Set([...TARGET, ...labels]));
for (const spec of Object.values<MetricSpec>(catalog)) {
  const labels = [...TARGET, ...Object.keys(spec.labels)];
  if (spec.type !== 'histogram') known.set(spec.name, new Set(labels));
  else {
    for (const suffix of ['_count', '_sum']) known.set(spec.name + suffix, new Set(labels));
    known.set(`${spec.name}_bucket`, new Set([...labels, 'le']));
  }
}
/** A recorded series can have the labels of what it is made of; several passes, because files come in any order. */
for (let pass = 0; pass < 6; pass += 1) {
  for (const rule of rules.filter(({ kind }) => kind === 'record')) {
    const labels = labelsOf(namesOf(rule.expr));
    const before = known.get(rule.name) ?? new Set<string>();
    known.set(rule.name, new Set([...before, ...(labels ?? []), ...Object.keys(rule.labels)]));
  }
}

/** All labels that can come out of an expression; undefined when any can. */
function labelsOf({ selectors, made }: Names): ReadonlySet<string> | undefined {
  const sets = selectors.map(({ metric }) => (known.has(metric) ? known.get(metric) : new Set<string>()));
  if (sets.includes(undefined)) return undefined;
  return new Set([...made, ...sets.flatMap((set) => [...(set ?? [])])]);
}

/** The expressions of a rule: its own, and those that its texts ask by `query`. */
function expressionsOf(rule: Rule): readonly string[] {
  const texts = [...Object.values(rule.labels), ...Object.values(rule.annotations)].join('\n');
  const asked = [...texts.matchAll(/\bquery\s+(?:"((?:[^"\\]|\\.)*)"|`([^`]*)`)/g)];
  return [rule.expr, ...asked.map(([, quoted = '', raw]) => raw ?? quoted.replaceAll(/\\(.)/g, '$1'))];
}

/** Metrics and labels of an expression that nothing has, each with its place; throws when it does not parse. */
function strangersOf(expression: string): readonly string[] {
  const { selectors, lists } = namesOf(expression);
  const strange = selectors.flatMap(({ metric, matchers }) => {
    if (!known.has(metric)) return [`metric ${metric}`];
    const has = known.get(metric);
    return matchers.flatMap(({ label }) => (has && !has.has(label) ? [`label ${label} of ${metric}`] : []));
  });
  for (const { labels, of } of lists) {
    for (const part of of) {
      const names = namesOf(part);
      const has = labelsOf(names);
      // A number has no labels, and joins nothing.
      if (has === undefined || names.selectors.length === 0) continue;
      strange.push(...labels.filter((label) => !has.has(label)).map((label) => `label ${label} of ${part}`));
    }
  }
  return strange;
}

describe.each(rules)('$kind $name', (rule) => {
  const names = namesOf(rule.expr);
  const labels = labelsOf(names);

  it('reads metrics that exist, by labels that they have', () => {
    expect(expressionsOf(rule).flatMap(strangersOf)).toEqual([]);
  });

  it('names in its texts only labels of its expression', () => {
    const texts = [...Object.values(rule.labels), ...Object.values(rule.annotations)].join('\n');
    for (const [, label = ''] of texts.matchAll(/\$labels\.(\w+)/g)) {
      if (labels !== undefined) expect([...labels], `no label ${label}`).toContain(label);
    }
  });

  it('asks for thresholds that the configuration has', () => {
    const specs = new Map<string, readonly string[]>(
      THRESHOLDS.map((spec) => [spec.name, severitiesOf(spec)]),
    );
    for (const { metric, matchers } of names.selectors) {
      if (metric !== 'flowgauge_threshold' && metric !== 'instance:threshold:effective') continue;
      const [threshold, severity] = ['threshold', 'severity'].map(
        (wanted) => matchers.find(({ label, op }) => label === wanted && op === '=')?.value,
      );
      if (threshold !== undefined) expect([...specs.keys()]).toContain(threshold);
      if (threshold !== undefined && severity !== undefined) expect(specs.get(threshold)).toContain(severity);
    }
  });
});

it('uses every threshold of the configuration in some rule', () => {
  const text = rules.map(({ expr }) => expr).join('\n');
  expect(THRESHOLDS.map(({ name }) => name).filter((name) => !text.includes(`threshold="${name}"`))).toEqual(
    [],
  );
});

it.each([
  ['api:requsts:rate5m > 1', 'metric api:requsts:rate5m'],
  ['flow_items{flw="tokens"}', 'label flw of flow_items'],
  ['sum by (flow, sttus) (flow_items)', 'label sttus of sum by (flow, sttus) (flow_items)'],
  ['flow_items > on (flow, api) flow_oldest_item_timestamp_seconds', 'label api of flow_items'],
  ['health_score < on (job) group_right (flow) flow_items', 'label flow of health_score'],
  ['health_score < on (job) group_left (severity) health_score', 'label severity of health_score'],
])('finds what is strange in %s', (expression, stranger) => {
  expect(strangersOf(expression)).toContain(stranger);
});

it.each(['sum by (a (x)', 'rate(x[5m]', 'a and', 'x{a="b"', 'x[5q]', 'rat(x[5m])'])(
  'refuses %s',
  (expression) => {
    expect(() => namesOf(expression)).toThrow(PromqlSyntaxError);
  },
);

it('reads the expressions that a text asks', () => {
  const rule = { ...rules[0]!, annotations: { summary: '{{ query "up{job=\\"a\\"}" | first | value }}' } };
  expect(expressionsOf(rule).slice(1)).toEqual(['up{job="a"}']);
});

it('finds the names of an expression', () => {
  const expression =
    'sum by (a) (rate(x_total{b="{,}",c=~"d"}[5m])) > on (e) group_left (f) y offset 1h and time() > 3';
  expect(namesOf(expression)).toEqual({
    selectors: [
      {
        metric: 'x_total',
        matchers: [
          { label: 'b', op: '=', value: '{,}' },
          { label: 'c', op: '=~', value: 'd' },
        ],
        text: 'x_total{b="{,}",c=~"d"}',
      },
      { metric: 'y', matchers: [], text: 'y' },
    ],
    lists: [
      { labels: ['a'], of: ['sum by (a) (rate(x_total{b="{,}",c=~"d"}[5m]))'] },
      { labels: ['e'], of: ['sum by (a) (rate(x_total{b="{,}",c=~"d"}[5m]))', 'y'] },
      { labels: ['f'], of: ['y'] },
    ],
    made: [],
  });
  expect(namesOf('label_replace(count_values by (a) ("n", x), "m", "$1", "a", "b")').made).toEqual([
    'm',
    'n',
  ]);
});
