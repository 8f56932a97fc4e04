/** Owns the proof that Grafana's provisioning files say what the dashboards rely on. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { projectRoot } from '../harness/exporter.js';
import { generatedDashboards } from './dashboard-files.js';

const folder = join(projectRoot, 'grafana', 'provisioning');
const read = (path: string): unknown => parse(readFileSync(join(folder, path), 'utf8'));

it('the data source has the name that the dashboards choose at first, and leads from exemplars to traces', () => {
  const { apiVersion, datasources } = read('datasources/prometheus.yml') as {
    apiVersion: number;
    datasources: { uid: string; type: string; url: string; jsonData: Record<string, unknown> }[];
  };
  expect(apiVersion).toBe(1);
  expect(datasources).toHaveLength(1);
  expect(datasources[0]).toMatchObject({
    uid: 'prometheus',
    type: 'prometheus',
    isDefault: true,
    // Grafana knows no defaults of variables: ${A:-b} would become the empty text.
    url: '$PROMETHEUS_URL',
    jsonData: { exemplarTraceIdDestinations: [{ name: 'trace_id' }] },
  });
  for (const { templating } of generatedDashboards()) {
    expect(templating.list[0]).toMatchObject({ current: { value: 'prometheus' } });
  }
});

it('the scrape interval is that of prometheus.yml, by which Grafana chooses the window of a rate', () => {
  const prometheus = parse(readFileSync(join(projectRoot, 'prometheus', 'prometheus.yml'), 'utf8')) as {
    global: { scrape_interval: string };
  };
  const { datasources } = read('datasources/prometheus.yml') as {
    datasources: { jsonData: { timeInterval: string } }[];
  };
  expect(datasources[0]?.jsonData.timeInterval).toBe(prometheus.global.scrape_interval);
});

it('the dashboards come from files and cannot be changed by hand', () => {
  expect(read('dashboards/flowgauge.yml')).toMatchObject({
    apiVersion: 1,
    providers: [
      { type: 'file', allowUiUpdates: false, options: { path: '/etc/grafana/dashboards/flowgauge' } },
    ],
  });
});
