/** Owns the labels of the Watchdog as the bundled rules give them, so that no test makes up its own. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { projectRoot } from '../harness/exporter.js';

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert?: string;
      readonly labels?: Readonly<Record<string, string>>;
    }[];
  }[];
}

const file = join(projectRoot, 'prometheus', 'rules', 'pipeline-alerts.yml');
const { groups } = parse(readFileSync(file, 'utf8')) as Rules;
const rule = groups.flatMap(({ rules }) => rules).find(({ alert }) => alert === 'Watchdog');
if (rule?.labels === undefined) throw new Error(`${file} has no Watchdog with labels`);

/** As Alertmanager gets them. */
export const WATCHDOG_LABELS: Readonly<Record<string, string>> = { alertname: 'Watchdog', ...rule.labels };
