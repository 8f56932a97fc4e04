/** Owns the files of deploy/ that follow from prometheus/: its configuration for compose, its rules for Kubernetes. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';

const root = fileURLToPath(new URL('..', import.meta.url));
const MADE = '# Made from prometheus/ by npm run generate; edit it there.\n';

/** Every file that is made, by its path from the project's root. */
export function stackFiles() {
  const bundled = readFileSync(join(root, 'prometheus', 'prometheus.yml'), 'utf8');
  return {
    'deploy/compose/prometheus-one.yml': MADE + composed(bundled, ['']),
    'deploy/compose/prometheus-pair.yml': MADE + pair(composed(bundled, ['', '-2'])),
    'deploy/kubernetes/prometheus-rules.yml': MADE + prometheusRule(),
  };
}

/** The configuration with the names of the composed services; one of each for every suffix. */
function composed(config, suffixes) {
  const targets = (service, port) => suffixes.map((suffix) => `"${service}${suffix}:${port}"`).join(', ');
  return [
    [/^# Scrapes.*\n/, ''],
    [/"127\.0\.0\.1:9877"/g, targets('flowgauge', 9877)],
    [/"127\.0\.0\.1:9090"/g, targets('prometheus', 9090)],
    [/"127\.0\.0\.1:9093"/g, targets('alertmanager', 9093)],
  ].reduce((text, [what, by]) => replaced(text, what, by), config);
}

/** Two that scrape the same: told apart by `replica`, which no alert and no stored series keeps. */
function pair(config) {
  const named = replaced(config, /( {2}external_labels:\n)/, '$1    replica: $${REPLICA}\n');
  const relabelled = replaced(
    named,
    /( {2}alert_relabel_configs:\n)/,
    `$1    # The pair sends each alert twice, and Alertmanager must take both for the same one.
    - regex: replica
      action: labeldrop
`,
  );
  return `${relabelled}
remote_write:
  - url: http://victoria-metrics:8428/api/v1/write
    send_exemplars: false
    write_relabel_configs:
      # The same series from both, so that its deduplication keeps one.
      - regex: replica
        action: labeldrop
`;
}

function prometheusRule() {
  const folder = join(root, 'prometheus', 'rules');
  const groups = readdirSync(folder)
    .filter((name) => name.endsWith('.yml'))
    .sort()
    .flatMap((name) => parse(readFileSync(join(folder, name), 'utf8')).groups);
  const rule = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: {
      name: 'flowgauge',
      namespace: 'flowgauge',
      labels: { 'app.kubernetes.io/name': 'flowgauge' },
    },
    spec: { groups },
  };
  return stringify(rule, { lineWidth: 0, aliasDuplicateObjects: false });
}

function replaced(text, what, by) {
  const next = text.replace(what, by);
  // A changed prometheus.yml would otherwise give a stack that scrapes nothing.
  if (next === text) throw new Error(`prometheus/prometheus.yml no longer holds ${what}`);
  return next;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, text] of Object.entries(stackFiles())) writeFileSync(join(root, path), text);
}
