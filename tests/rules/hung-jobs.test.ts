/** Owns the proof that jobs whose every run hangs raise an alert: the real supervisor, its series, a real Prometheus. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { metricsHandler } from '../../src/http/metrics-handler.js';
import { jobSeries } from '../../src/metrics/jobs.js';
import { createMetrics } from '../../src/metrics/registry.js';
import type { Job } from '../../src/resilience/job.js';
import { createSupervisor } from '../../src/resilience/supervisor.js';
import { accelerateRules } from '../alertmanager/accelerate.js';
import { type PrometheusServer, startPrometheus } from '../harness/prometheus.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';
import { rulesFolder } from './rule-files.js';

/** How much faster than real the rules are: a window of 5 minutes is 15 seconds. */
const FACTOR = 20;
const GOOD_RUNS = 2;

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

const endless = () => new Promise<never>(() => {});
const untilTold = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

/** A job of which the runs with these numbers, counted from 1, go on for ever. */
function job(name: string, hangs: (run: number) => boolean, hang: (signal: AbortSignal) => Promise<never>) {
  let runs = 0;
  return {
    name,
    intervalMs: 100,
    deadlineMs: 1_000,
    graceMs: 20,
    backoff: { firstMs: 50, maxMs: 50 },
    run: async (signal) => {
      runs += 1;
      if (hangs(runs)) await hang(signal);
    },
  } satisfies Job;
}

it('fires for jobs whose every run hangs, and for no other', { timeout: 120_000 }, async () => {
  const metrics = createMetrics({ processMetrics: 'omit' });
  const series = jobSeries(metrics, () => Date.now() / 1000);
  const supervisor = createSupervisor({ on: (event) => series.take(event) });
  stops.push(series.follow(supervisor), () => supervisor.stopAll());
  supervisor.start(job('ignores_its_abort', (run) => run > GOOD_RUNS, endless));
  supervisor.start(job('ends_when_told', (run) => run > GOOD_RUNS, untilTold));
  supervisor.start(job('hung_once', (run) => run === GOOD_RUNS, endless));
  const prometheus = await watch(createServer(metricsHandler(metrics)));

  const firing = (alert: string) => `sum by (job_name) (ALERTS{alertname="${alert}",alertstate="firing"})`;
  for (const alert of ['JobStuck', 'JobFailing']) {
    const samples = await prometheus.waitFor(firing(alert), (found) => found.length >= 2, 90_000);
    expect(samples.map(({ labels }) => labels.job_name).sort()).toEqual([
      'ends_when_told',
      'ignores_its_abort',
    ]);
  }
});

async function watch(server: Server): Promise<PrometheusServer> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const directory = scratchDirectory('hung-jobs');
  stops.push(() => removeScratch(directory));
  chmodSync(directory, 0o755);
  const rules = readFileSync(join(rulesFolder, 'health-alerts.yml'), 'utf8');
  writeFileSync(join(directory, 'health-alerts.yml'), accelerateRules(rules, FACTOR));
  const prometheus = await startPrometheus({
    target: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    rules: join(directory, '*.yml'),
  });
  stops.push(() => prometheus.stop());
  return prometheus;
}
