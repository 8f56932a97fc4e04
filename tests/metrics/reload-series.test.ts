/** Checks the series of the configuration files: one that is good does not make up for another that is not. */
import { expect, it } from 'vitest';
import { createMetrics } from '../../src/metrics/registry.js';
import { reloadSeries } from '../../src/metrics/reload-series.js';

it('says that all files are good only when each of them is, as it was last read', () => {
  const metrics = createMetrics({ processMetrics: 'omit' });
  const series = reloadSeries(metrics, () => 7_000);
  const shown = () => metrics.configReloadSuccessful.value({});
  expect([
    shown(),
    metrics.configReloadSuccessTime.value({}),
    metrics.configRestartRequired.value({}),
  ]).toEqual([1, 7, 0]);
  series.read('configuration', 'refused');
  series.read('web configuration', 'good');
  expect(shown()).toBe(0);
  series.read('web configuration', 'refused');
  series.read('configuration', 'good');
  expect(shown()).toBe(0);
  series.read('web configuration', 'good');
  expect(shown()).toBe(1);
});
