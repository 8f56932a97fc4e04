/** Owns the proof that the whole registry passes promtool, and that nothing global or per-scrape leaks in. */
import { spawnSync } from 'node:child_process';
import * as promClient from 'prom-client';
import { describe, expect, it } from 'vitest';
import { catalog } from '../../src/metrics/catalog.js';
import type { MetricSpec } from '../../src/metrics/define.js';
import { renderMetricsReference } from '../../src/metrics/reference.js';
import { createMetrics, type Metrics } from '../../src/metrics/registry.js';
import { textOf } from './fixture.js';
import { parseClassic, parseOpenMetrics } from './text-parser.js';

/** Every catalogue entry with two label sets, as a running exporter would have. */
function fill(metrics: Metrics): void {
  for (const [key, spec] of Object.entries(catalog) as [keyof Metrics, MetricSpec][]) {
    for (const value of ['a', 'b']) {
      const labels = Object.fromEntries(Object.keys(spec.labels).map((label) => [label, value]));
      const instrument = metrics[key] as unknown as Record<string, (labels: object, value: number) => void>;
      instrument[spec.type === 'counter' ? 'inc' : spec.type === 'histogram' ? 'observe' : 'set']?.(
        labels,
        1.5,
      );
    }
  }
  metrics.refreshSelf();
}

describe('the registry', () => {
  it('passes `promtool check metrics` with the process metrics included', async () => {
    const metrics = createMetrics();
    fill(metrics);
    metrics.startEventLoopDelay()();
    const input = await textOf(metrics.registry);
    expect(input).toContain('process_resident_memory_bytes');
    expect(input).toContain('nodejs_heap_size_used_bytes');
    const { status, stdout, stderr, error } = spawnSync('promtool', ['check', 'metrics'], {
      input,
      encoding: 'utf8',
    });
    expect({ status, stdout, stderr, error }).toEqual({
      status: 0,
      stdout: '',
      stderr: '',
      error: undefined,
    });
  });

  it('prints every catalogue entry in both formats', async () => {
    const metrics = createMetrics({ processMetrics: 'omit' });
    fill(metrics);
    const classic = parseClassic(await textOf(metrics.registry));
    const open = parseOpenMetrics(await textOf(metrics.registry, { format: 'openmetrics' }));
    for (const spec of Object.values(catalog)) {
      expect(classic.find((f) => f.name === spec.name)?.samples.length).toBeGreaterThan(0);
    }
    expect(open.map((f) => f.samples.length)).toEqual(classic.map((f) => f.samples.length));
  });

  it('leaves out what restarts at each scrape, and touches nothing global', async () => {
    const metrics = createMetrics();
    expect(await textOf(metrics.registry)).not.toContain('nodejs_eventloop_lag');
    expect(promClient.register.getMetricsAsArray()).toEqual([]);
    expect(await textOf(createMetrics({ processMetrics: 'omit' }).registry)).not.toContain('process_cpu');
  });

  it('shares one budget and one cap between all its metrics', async () => {
    const metrics = createMetrics({ processMetrics: 'omit', maxSeriesPerMetric: 3, maxSeries: 60 });
    const empty = metrics.budget.used;
    for (let i = 0; i < 10; i += 1) metrics.flowTransitions.inc({ flow: `f${i}`, from: 'a', to: 'b' });
    expect([metrics.flowTransitions.seriesCount, metrics.budget.used - empty]).toEqual([4, 4]);
    for (let i = 0; i < 3; i += 1)
      metrics.flowStatusDuration.observe({ flow: `f${i}`, status: 'a', to: 'b' }, 1);
    expect(metrics.flowStatusDuration.seriesCount).toBe(42);
    expect(metrics.flowStatusDuration.folded).toBe(2);
  });

  it('observes the delay of the event loop until it is stopped', async () => {
    const metrics = createMetrics({ processMetrics: 'omit' });
    const stop = metrics.startEventLoopDelay();
    const count = async () => {
      const families = parseClassic(await textOf([metrics.eventLoopDelay]));
      return Number(families[0]?.samples.at(-1)?.value);
    };
    while ((await count()) < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    stop();
    const stopped = await count();
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(await count()).toBe(stopped);
  });
});

describe('the reference', () => {
  it('describes every metric and every label', () => {
    const text = renderMetricsReference();
    for (const spec of Object.values<MetricSpec>(catalog)) {
      expect(text).toContain(`### \`${spec.name}\`\n\n${spec.help} (${spec.type}`);
      for (const [label, source] of Object.entries(spec.labels))
        expect(text).toContain(`| \`${label}\` | ${source} |`);
    }
    expect(text.endsWith('\n')).toBe(true);
  });

  it('reads like this', () => {
    expect(renderMetricsReference()).toContain(`### \`flow_capture_lag_seconds\`

Age of the oldest change that is written but not counted yet, in seconds; 0 when all are counted. (gauge, seconds, stable)

| Label | Values |
|---|---|
| \`flow\` | name of the flow in the configuration, or in the program that tells its moves |
`);
  });
});
