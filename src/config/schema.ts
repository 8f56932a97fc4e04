/** Owns the one schema of `flowgauge.yml`: its sections, the budgets, and the rules between flows. */
import { z } from 'zod';
import { checkSource, sourceSchema, storeSchema } from './database-schema.js';
import { count, defaulted, documented, duration, isMap, type Refuse, refuseTo, whenMap } from './fields.js';
import { flowSchema } from './flow-schema.js';
import { checkMaintenance, maintenanceSchema } from './maintenance-schema.js';
import { parseFlowName } from './names.js';
import { notificationsSchema } from './notifications-schema.js';
import { probesSchema } from './probes-schema.js';
import { healthSchema, resourcesSchema } from './resources-schema.js';
import { alertmanagerSchema, checkActionsServer, prometheusSchema } from './stack-schema.js';
import { thresholdsSchema } from './thresholds-schema.js';
import { logSchema, webSchema } from './web-schema.js';

const limits = z
  .strictObject({
    series_per_metric: defaulted(
      {
        meaning: 'Most series of one metric; more are folded into `overflow`.',
        example: '5000',
        bounds: '100 to 100000',
        default: '2000',
      },
      count(100, 100_000),
    ),
    series_total: defaulted(
      {
        meaning: 'Most series of all metrics together.',
        example: '50000',
        bounds: '1000 to 1000000',
        default: '20000',
      },
      count(1000, 1_000_000),
    ),
  })
  .superRefine((value, context) => {
    if (!(value.series_per_metric > value.series_total)) return;
    refuseTo(context)(['series_per_metric'], 'is above series_total', 'Raise series_total or lower this one');
  }, whenMap);

const journal = z
  .strictObject({
    max_rows: defaulted(
      {
        meaning:
          'Rows the journal may hold unread; beyond it capture stops until they are read, and a gap is reported.',
        example: '5_000_000',
        bounds: '10000 to 1000000000',
        default: '5_000_000',
      },
      count(10_000, 1_000_000_000),
    ),
    read_interval_min: defaulted(
      {
        meaning: 'Pause between two reads while changes arrive.',
        example: '100ms',
        bounds: '10ms to 10s',
        default: '100ms',
      },
      duration('10ms', '10s'),
    ),
    read_interval_max: defaulted(
      {
        meaning: 'Pause between two reads while nothing happens.',
        example: '500ms',
        bounds: '10ms to 1m',
        default: '500ms',
      },
      duration('10ms', '1m'),
    ),
    page: defaulted(
      {
        meaning: 'Journal rows taken by one read.',
        example: '5000',
        bounds: '100 to 50000',
        default: '5000',
      },
      count(100, 50_000),
    ),
  })
  .superRefine((value, context) => {
    if (!(value.read_interval_min > value.read_interval_max)) return;
    refuseTo(context)(
      ['read_interval_min'],
      'is above read_interval_max',
      'Lower it or raise read_interval_max',
    );
  }, whenMap);

/** The whole file. */
export const configSchema = z
  .strictObject({
    web: documented(webSchema.prefault({}), {
      meaning: 'The web pages.',
      example: '{telemetry_path: /metrics}',
    }),
    log: documented(logSchema.prefault({}), {
      meaning: 'The log: one JSON line per event on standard output.',
      example: '{level: info}',
    }),
    source: documented(sourceSchema.prefault({}), {
      meaning: 'The database that is watched.',
      example: '{url_file: /run/secrets/dsn}',
    }),
    store: documented(storeSchema.prefault({}), {
      meaning: 'The database of our own tables.',
      example: '{embedded: /var/lib/flowgauge}',
    }),
    flows: documented(
      z
        .record(
          z.string(),
          documented(flowSchema, {
            meaning: 'One watched table.',
            example: '{table: public.tokens, key: id, status: status}',
          }),
        )
        .prefault({}),
      {
        meaning: 'The watched tables, by the name that becomes the label `flow`.',
        example: '{tokens: {table: public.tokens, key: id, status: status}}',
      },
    ),
    thresholds: documented(thresholdsSchema.prefault({}), {
      meaning:
        'The limits that the alert rules compare with, by severity; `off` switches one off. They travel as `flowgauge_threshold`.',
      example: '{cpu_utilization_ratio: {warning: 0.7, critical: off}}',
    }),
    resources: documented(resourcesSchema.prefault({}), {
      meaning: 'What is measured of the machine, the container and this process.',
      example: '{interval: 15s}',
    }),
    health: documented(healthSchema.prefault({}), {
      meaning: 'The health score from 0 to 100, judged after each measurement.',
      example: '{weights: {memory: 0.4, cpu: 0.3, load: 0.3}}',
    }),
    probes: documented(probesSchema.prefault({}), {
      meaning: 'The services that are asked how they are, by the name that becomes the label `probe`.',
      example: '{search: {kind: http, url: "https://search.example.org/health"}}',
    }),
    notifications: documented(notificationsSchema.prefault({}), {
      meaning:
        'The ways to people: alerts come in from Alertmanager and are kept until a channel has confirmed them.',
      example: '{telegram: {token_file: /run/secrets/telegram_token, chats: {critical: -1001234567890}}}',
    }),
    prometheus: documented(prometheusSchema.prefault({}), {
      meaning: 'The Prometheus that scrapes us; asked for history and for what limits would have done.',
      example: '{url: http://127.0.0.1:9090}',
    }),
    alertmanager: documented(alertmanagerSchema.prefault({}), {
      meaning: 'The Alertmanager; asked what fires, and for silences.',
      example: '{url: http://127.0.0.1:9093}',
    }),
    maintenance: documented(maintenanceSchema.prefault({}), {
      meaning: 'Planned work: whom it silences in Alertmanager, and its recurring windows.',
      example: '{windows: {weekly: {cron: "30 2 * * SUN", duration: 30m}}}',
    }),
    limits: documented(limits.prefault({}), {
      meaning: 'The series budget.',
      example: '{series_total: 20000}',
    }),
    journal: documented(journal.prefault({}), {
      meaning: 'The journal of mode `journal`.',
      example: '{max_rows: 5000000}',
    }),
  })
  .superRefine((value, context) => {
    checkFlows(value.flows, refuseTo(context));
    checkSource(value.source, value.store, refuseTo(context));
    checkActionsServer(value.notifications, value.alertmanager, refuseTo(context));
    checkMaintenance(value.maintenance, value, refuseTo(context));
  }, whenMap);

function checkFlows(flows: unknown, refuse: Refuse): void {
  const seen = new Map<string, string>();
  for (const [name, flow] of isMap(flows) ? Object.entries(flows) : []) {
    const parsed = parseFlowName(name);
    if (!parsed.ok) refuse(['flows', name], parsed.what, parsed.remedy);
    if (!isMap(flow) || !isMap(flow.table) || typeof flow.status !== 'string') continue;
    const watched = JSON.stringify([flow.table.schema, flow.table.name, flow.status]);
    const first = seen.get(watched);
    if (first === undefined) seen.set(watched, name);
    else refuse(['flows', name], `watches the same column as the flow ${first}`, 'Remove one of the two');
  }
}
