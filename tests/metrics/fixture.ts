/** Owns small metric definitions and the way to their text, for the tests of this folder. */
import type { MetricSpec } from '../../src/metrics/define.js';
import { type MetricSource, type RenderOptions, render } from '../../src/metrics/exposition.js';

const common = { stability: 'stable', feature: 'flow', unit: undefined } as const;

export const moves = {
  ...common,
  name: 'flow_transitions_total',
  help: 'Status changes.',
  type: 'counter',
  labels: { flow: 'flow', from: 'status', to: 'status' },
} as const satisfies MetricSpec;

export const items = {
  ...common,
  name: 'flow_items',
  help: 'Items now.',
  type: 'gauge',
  labels: { flow: 'flow', status: 'status' },
} as const satisfies MetricSpec;

export const dwell = {
  ...common,
  name: 'flow_status_duration_seconds',
  help: 'Time in a status.',
  type: 'histogram',
  unit: 'seconds',
  labels: { flow: 'flow' },
  buckets: [0.5, 1, 604_800, 2_592_000],
} as const satisfies MetricSpec;

export const restarts = {
  ...common,
  name: 'restarts_total',
  help: 'Restarts.',
  type: 'counter',
  labels: {},
} as const satisfies MetricSpec;

export const build = {
  ...common,
  name: 'flowgauge_build_info',
  help: 'Build.',
  type: 'info',
  labels: { version: 'version' },
} as const satisfies MetricSpec;

/** The whole text. `metrics` is a registry or a plain list. */
export async function textOf(
  metrics: MetricSource | readonly unknown[],
  options: Partial<RenderOptions> = {},
): Promise<string> {
  const source = 'getMetricsAsArray' in metrics ? metrics : { getMetricsAsArray: () => metrics };
  const chunks: Buffer[] = [];
  for await (const chunk of render(source, { format: 'classic', deadlineMs: 5_000, ...options }))
    chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
