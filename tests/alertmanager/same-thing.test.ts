/** Owns the proof that a louder alert mutes the quieter one of its own thing only: what tells two things apart is compared. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { projectRoot } from '../harness/exporter.js';
import { readExpectedAlerts, readRules } from '../rules/rule-files.js';

/** They say how loud it is or who hears of it, not of what it speaks; `threshold` is one per alert. */
const SAME_FOR_ALL = ['severity', 'page', 'threshold', 'pipeline', 'predictive', 'tier'];

interface InhibitRule {
  readonly source_matchers: readonly string[];
  readonly equal: readonly string[];
}

const file = join(projectRoot, 'alertmanager', 'alertmanager.yml');
const { inhibit_rules } = parse(readFileSync(file, 'utf8'), { merge: true }) as {
  inhibit_rules: readonly InhibitRule[];
};
const ladder = inhibit_rules.filter(({ source_matchers }) =>
  source_matchers.every((matcher) => matcher.startsWith('severity=')),
);

/** Alerts that come in several severities: of several rules, or by the severity of the limit. */
function severalSeverities(): ReadonlySet<string> {
  const own = new Map<string, Set<string | undefined>>();
  for (const { kind, name, labels } of readRules()) {
    if (kind === 'alert') own.set(name, (own.get(name) ?? new Set()).add(labels.severity));
  }
  const names = [...own].filter(([, severities]) => severities.size > 1 || severities.has(undefined));
  return new Set(names.map(([name]) => name));
}

it('compares every label of the alerts that come in several severities', () => {
  const names = severalSeverities();
  expect(names.size).toBeGreaterThan(20);
  const labels = readExpectedAlerts()
    .filter(({ name }) => names.has(name))
    .flatMap((alert) => Object.keys(alert.labels));
  const telling = [...new Set(labels)].filter((label) => !SAME_FOR_ALL.includes(label)).sort();
  expect(telling).toContain('flow');
  expect(ladder).toHaveLength(3);
  for (const { equal } of ladder) {
    expect(equal).toContain('alertname');
    expect(telling.filter((label) => !equal.includes(label))).toEqual([]);
  }
});
