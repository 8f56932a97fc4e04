/** Owns the proof that dashboards speak only of metrics, labels, thresholds and states that exist, and rules only of dashboards that do. */
import { describe, expect, it } from 'vitest';
import { severitiesOf, THRESHOLDS } from '../../src/config/thresholds.js';
import { catalog } from '../../src/metrics/catalog.js';
import type { MetricSpec } from '../../src/metrics/define.js';
import { readRules } from '../rules/rule-files.js';
import { generatedDashboards, questionsOf } from './dashboard-files.js';
import { knownLabels } from './known-labels.js';
import { PromqlError, readPromql } from './promql-tree.js';

const known = knownLabels();
const dashboards = generatedDashboards();
const questions = dashboards.flatMap(questionsOf);

/** What is wrong with the names of an expression. */
function wrongNames(expr: string): string[] {
  const { selectors, grouped } = readPromql(expr);
  const wrong: string[] = [];
  const present = new Set<string>();
  for (const { metric, matchers } of selectors) {
    const labels = known.get(metric);
    if (labels === undefined) wrong.push(`${metric} is in no catalogue`);
    for (const label of labels ?? []) present.add(label);
    for (const { label } of matchers) {
      if (labels !== undefined && !labels.has(label)) wrong.push(`${metric} has no label ${label}`);
    }
  }
  for (const label of grouped) if (!present.has(label)) wrong.push(`nothing has the label ${label}`);
  return wrong;
}

/** Words in backticks in the catalogue are a closed set, unless there is more to the description. */
function closedValues(metric: string, label: string): readonly string[] | undefined {
  const spec = Object.values<MetricSpec>(catalog).find(({ name }) => metric === name);
  const text = spec?.labels[label];
  if (text === undefined || !/^`[\w]+`((, | or )`\w+`)*$/.test(text)) return undefined;
  return [...text.matchAll(/`(\w+)`/g)].map(([, word]) => word!);
}

it('reads questions from every dashboard', () => {
  expect(dashboards).toHaveLength(7);
  for (const dashboard of dashboards) expect(questionsOf(dashboard).length).toBeGreaterThan(10);
});

describe.each(questions)('$where', ({ expr }) => {
  it('parses, and names metrics and labels that exist', () => {
    expect(wrongNames(expr)).toEqual([]);
  });
});

it('asks for states and outcomes that the catalogue declares', () => {
  const wrong = questions.flatMap(({ where, expr }) =>
    readPromql(expr).selectors.flatMap(({ metric, matchers }) =>
      matchers
        .filter(({ op }) => op === '=' || op === '!=')
        .filter(({ label, value }) => value !== '' && closedValues(metric, label)?.includes(value) === false)
        .map(({ label, value }) => `${where}: ${metric} has no ${label} ${value}`),
    ),
  );
  expect(wrong).toEqual([]);
  expect(closedValues('circuit_breaker_state', 'state')).toContain('half_open');
});

it('shows every state of what it turns into numbers', () => {
  for (const [metric, label] of [
    ['flow_verdict', 'verdict'],
    ['circuit_breaker_state', 'state'],
    ['job_state', 'state'],
  ] as const) {
    const asked = questions.flatMap(({ expr }) =>
      readPromql(expr)
        .selectors.filter((selector) => selector.metric === metric)
        .flatMap(({ matchers }) => matchers.filter((m) => m.label === label).map(({ value }) => value)),
    );
    expect([...new Set(asked)].sort(), metric).toEqual([...closedValues(metric, label)!].sort());
  }
});

it('draws limits that the configuration has', () => {
  const specs = new Map<string, readonly string[]>(THRESHOLDS.map((spec) => [spec.name, severitiesOf(spec)]));
  for (const { where, expr } of questions) {
    for (const { metric, matchers } of readPromql(expr).selectors) {
      if (metric !== 'instance:threshold:effective') continue;
      const value = (label: string) => matchers.find((matcher) => matcher.label === label)?.value ?? '';
      expect([...specs.keys()], where).toContain(value('threshold'));
      expect(specs.get(value('threshold')), where).toContain(value('severity'));
    }
  }
});

it('has the dashboard and the variable of every link in an alert', () => {
  const links = readRules().flatMap(({ name, annotations }) =>
    annotations.dashboard_url === undefined ? [] : [{ name, url: annotations.dashboard_url }],
  );
  expect(links.length).toBeGreaterThan(40);
  for (const { name, url } of links) {
    const [, uid, query = ''] = /\/d\/([\w-]+)(?:\?(.*))?$/.exec(url) ?? [];
    const dashboard = dashboards.find((candidate) => candidate.uid === uid);
    expect(dashboard?.uid, `${name}: ${url}`).toBe(uid);
    for (const [, variable] of query.matchAll(/var-(\w+)=/g)) {
      const has = dashboard!.templating.list.map((candidate) => candidate.name);
      expect(has, `${name}: ${url}`).toContain(variable);
    }
  }
});

describe('the check itself', () => {
  it('sees a metric, a label and a grouping that do not exist, and a broken expression', () => {
    expect(wrongNames('sum by (queue) (rate(flow_transitions{flow="a"}[5m]))')).toEqual([
      'flow_transitions is in no catalogue',
      'nothing has the label queue',
    ]);
    expect(wrongNames('flow_items{queue=~"$flow"}')).toEqual(['flow_items has no label queue']);
    expect(() => readPromql('sum(rate(flow_items[5m])')).toThrow(PromqlError);
  });
});
