/** Owns which metrics a dashboard may read and by which labels: the catalogue, the recording rules, and a list of others. */
import { catalog } from '../../src/metrics/catalog.js';
import type { MetricSpec } from '../../src/metrics/define.js';
import { namesOf } from '../rules/promql-names.js';
import { readRules } from '../rules/rule-files.js';

const TARGET = ['job', 'instance'];
/** Labels that alerts carry and dashboards show. */
const OF_ALERTS = ['alertname', 'alertstate', 'severity', 'tier', 'flow', 'status', 'api'];

/** Metrics of others with the labels that we use besides job and instance. */
const FOREIGN: Readonly<Record<string, readonly string[]>> = {
  ALERTS: OF_ALERTS,
  up: [],
  scrape_duration_seconds: [],
  scrape_samples_scraped: [],
  // Printed by prom-client; the last two are read by recording rules.
  process_cpu_seconds_total: [],
  process_resident_memory_bytes: [],
  process_start_time_seconds: [],
  process_open_fds: [],
  process_max_fds: [],
  // Of Prometheus and Alertmanager.
  prometheus_notifications_alertmanagers_discovered: [],
  alertmanager_notification_requests_total: ['integration'],
  alertmanager_notification_requests_failed_total: ['integration'],
  alertmanager_silences: ['state'],
  alertmanager_alerts: ['state'],
};

/** Name → labels. A recorded series has at most the labels of what it is made of. */
export function knownLabels(): ReadonlyMap<string, ReadonlySet<string>> {
  const known = new Map<string, Set<string>>();
  for (const [name, labels] of Object.entries(FOREIGN)) known.set(name, new Set([...TARGET, ...labels]));
  for (const spec of Object.values<MetricSpec>(catalog)) {
    const labels = [...TARGET, ...Object.keys(spec.labels)];
    const suffixes = spec.type === 'histogram' ? ['_count', '_sum'] : [''];
    for (const suffix of suffixes) known.set(spec.name + suffix, new Set(labels));
    if (spec.type === 'histogram') known.set(`${spec.name}_bucket`, new Set([...labels, 'le']));
  }
  const records = readRules().filter(({ kind }) => kind === 'record');
  // Rules read each other, and their files come in any order: until nothing is added any more.
  for (let size = -1; size !== sizeOf(known); ) {
    size = sizeOf(known);
    for (const rule of records) {
      const { selectors, made } = namesOf(rule.expr);
      const from = selectors.flatMap(({ metric }) => [...(known.get(metric) ?? [])]);
      const before = known.get(rule.name) ?? [];
      known.set(rule.name, new Set([...before, ...from, ...made, ...Object.keys(rule.labels)]));
    }
  }
  return known;
}

function sizeOf(known: ReadonlyMap<string, ReadonlySet<string>>): number {
  return [...known.values()].reduce((sum, labels) => sum + labels.size, 0);
}
