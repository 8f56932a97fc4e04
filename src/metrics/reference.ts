/** Owns the reference of all series as Markdown, printed from the catalogue. */
import { catalog } from './catalog.js';
import { METRIC_FEATURES, type MetricFeature, type MetricSpec } from './define.js';

const TITLES: Readonly<Record<MetricFeature, string>> = {
  flow: 'Flows',
  dependency: 'Dependencies',
  resource: 'Resources',
  alert: 'Alerts',
  remedy: 'Remedies',
  self: 'The exporter itself',
};

/** The whole page, ending in a newline; the same catalogue gives the same text. */
export function renderMetricsReference(): string {
  const entries: readonly MetricSpec[] = Object.values(catalog);
  const sections = METRIC_FEATURES.map((feature) => ({
    feature,
    specs: entries.filter((spec) => spec.feature === feature),
  })).filter(({ specs }) => specs.length > 0);
  return [
    '# Metrics',
    '',
    'Generated from the catalogue; do not edit. Moments are seconds since the epoch, a state is one 0/1 series per state,',
    'and every declared label set is there from the start, at zero. Beside these the endpoint prints the `process_*` and',
    '`nodejs_*` metrics of prom-client and whatever a host registers in the same registry.',
    '',
    ...sections.flatMap(({ feature, specs }) => [`## ${TITLES[feature]}`, '', ...specs.flatMap(entry)]),
  ].join('\n');
}

function entry(spec: MetricSpec): string[] {
  const labels = Object.entries<string>(spec.labels);
  const unit = spec.unit === undefined ? [] : [spec.unit];
  const start = spec.starts === 'absent' ? ['absent until measured'] : [];
  const facts = [spec.type, ...unit, ...start, spec.stability];
  return [
    `### \`${spec.name}\``,
    '',
    `${spec.help} (${facts.join(', ')})`,
    '',
    ...(labels.length === 0 ? [] : ['| Label | Values |', '|---|---|']),
    ...labels.map(([label, source]) => `| \`${label}\` | ${source.replaceAll('|', '\\|')} |`),
    ...(labels.length === 0 ? [] : ['']),
    ...(spec.buckets === undefined ? [] : [`Buckets: ${spec.buckets.join(', ')}, +Inf.`, '']),
  ];
}
