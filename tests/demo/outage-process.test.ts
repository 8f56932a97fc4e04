/** Checks `flowgauge demo --scenario api-outage` as a user runs it: a real Prometheus sees the breaker open, try and close. */
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startDemoProcess } from '../harness/exporter.js';
import { startPrometheus } from '../harness/prometheus.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';

const state = (name: string) => `circuit_breaker_state{breaker="market",state="${name}"}`;
const moves = (from: string, to: string) =>
  `circuit_breaker_transitions_total{breaker="market",from="${from}",to="${to}"}`;
const isOne = (samples: readonly { value: number }[]) => samples[0]?.value === 1;
const isPositive = (samples: readonly { value: number }[]) => (samples[0]?.value ?? 0) > 0;

test('the outage of the demo is seen from closed over open and half-open to closed', {
  timeout: 120_000,
}, async () => {
  const directory = scratchDirectory('outage');
  // The embedded database runs as another user when we are root.
  chmodSync(directory, 0o755);
  onTestFinished(() => removeScratch(directory));
  const fault = ['--scenario', 'api-outage', '--scenario-start', '4s', '--scenario-lasts', '15s'];
  const demo = await startDemoProcess(join(directory, 'demo'), [
    ...['--speed', '2000x', '--seed', 'outage'],
    ...fault,
  ]);
  onTestFinished(async () => {
    await demo.stop();
  });
  const prometheus = await startPrometheus({ target: new URL(demo.url).host, scrapeIntervalMs: 500 });
  onTestFinished(() => prometheus.stop());

  await prometheus.waitFor(state('open'), isOne);
  await prometheus.waitFor(moves('open', 'half_open'), isPositive);
  await prometheus.waitFor(moves('half_open', 'closed'), isPositive);
  await prometheus.waitFor(state('closed'), isOne);
  for (const name of ['closed', 'open', 'half_open']) {
    await prometheus.waitFor(
      `circuit_breaker_state_seconds_total{breaker="market",state="${name}"}`,
      isPositive,
    );
  }
  await prometheus.waitFor('circuit_breaker_calls_total{breaker="market",outcome="rejected"}', isPositive);
  // At each scrape exactly one state is true.
  const one = 'sum(circuit_breaker_state{breaker="market"})';
  for (const over of ['min_over_time', 'max_over_time']) {
    expect(await prometheus.query(`${over}(${one}[2m:500ms])`)).toMatchObject([{ value: 1 }]);
  }
});
