/** Owns reading the bundled rule files and the cases of promtool as plain values. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { projectRoot } from '../harness/exporter.js';

export const rulesFolder = join(projectRoot, 'prometheus', 'rules');
export const casesFolder = join(projectRoot, 'prometheus', 'tests');

/** One rule as written. */
export interface Rule {
  readonly file: string;
  readonly kind: 'record' | 'alert';
  readonly name: string;
  readonly expr: string;
  readonly for: string | undefined;
  /** True when a comment line stands directly above the rule. */
  readonly argued: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface RawRule {
  record?: string;
  alert?: string;
  expr: string;
  for?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

/** Every rule of every file, in the order of the files. */
export function readRules(): readonly Rule[] {
  return readdirSync(rulesFolder).flatMap((file) => {
    const text = readFileSync(join(rulesFolder, file), 'utf8');
    const heads = text
      .split('\n')
      .flatMap((line, at, lines) =>
        /^ {6}- (alert|record):/.test(line) ? [/^ {6}#/.test(lines[at - 1] ?? '')] : [],
      );
    const { groups } = parse(text) as { groups: { rules: RawRule[] }[] };
    return groups
      .flatMap(({ rules }) => rules)
      .map((rule, at) => ({
        file,
        kind: rule.alert === undefined ? 'record' : 'alert',
        name: rule.alert ?? rule.record ?? '',
        expr: rule.expr,
        for: rule.for,
        argued: heads[at] === true,
        labels: rule.labels ?? {},
        annotations: rule.annotations ?? {},
      }));
  });
}

/** One alert as a case expects it, with the texts that people read. */
export interface ExpectedAlert {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface RawCase {
  name: string;
  alert_rule_test?: {
    alertname: string;
    exp_alerts?: { exp_labels?: Record<string, string>; exp_annotations?: Record<string, string> }[];
  }[];
}

function readCases(): readonly RawCase[] {
  return readdirSync(casesFolder).flatMap(
    (file) => (parse(readFileSync(join(casesFolder, file), 'utf8')) as { tests: RawCase[] }).tests,
  );
}

/** The names of all cases of promtool: `FlowStalled: fires, resolves`. */
export function readCaseNames(): readonly string[] {
  return readCases().map(({ name }) => name);
}

/** Every alert whose labels and texts some case expects word for word. promtool proves that they come out so. */
export function readExpectedAlerts(): readonly ExpectedAlert[] {
  return readCases()
    .flatMap(({ alert_rule_test = [] }) => alert_rule_test)
    .flatMap(({ alertname, exp_alerts = [] }) =>
      exp_alerts.map(({ exp_labels = {}, exp_annotations = {} }) => ({
        name: alertname,
        labels: exp_labels,
        annotations: exp_annotations,
      })),
    );
}
