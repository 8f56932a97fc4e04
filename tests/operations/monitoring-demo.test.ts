/** Checks that the demo's exporter knows the Prometheus that the demo starts after it. */
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { prometheusPort, runningAlertmanager } from '../../src/demo/prometheus.js';
import { eventually, projectRoot, runCli } from '../harness/exporter.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';

it('answers from the history that its own Prometheus keeps', { timeout: 200_000 }, async () => {
  const directory = scratchDirectory('demo-monitoring');
  onTestFinished(() => removeScratch(directory));
  chmodSync(directory, 0o755);
  const run = runCli(['demo', '--data', directory, '--web.listen-address', '127.0.0.1:0']);
  onTestFinished(async () => {
    run.child.kill('SIGTERM');
    await run.exit;
  });
  const url = await eventually(
    async () => /"url":"(http:[^"]+)"/.exec(run.output())?.[1],
    (found) => found !== undefined || run.child.exitCode !== null,
    90_000,
  );
  expect(url, run.output()).toBeDefined();
  const history = await eventually(
    async () => {
      const answer = await fetch(`${url}/api/monitoring/performance/history?hours=1`);
      return { status: answer.status, text: await answer.text() };
    },
    ({ status }) => status === 200,
    90_000,
  );
  const { data_points: points } = JSON.parse(history.text).history;
  expect(points.at(-1).memory_percent).toBeGreaterThan(0);
});

it('names no Prometheus that is not installed, and no Alertmanager that does not run', async () => {
  expect(await prometheusPort('/nowhere')).toBeUndefined();
  expect(await prometheusPort(process.env.PATH ?? '')).toBeGreaterThan(0);
  const told = await runningAlertmanager(join(projectRoot, 'prometheus'));
  expect([undefined, 'http://127.0.0.1:9093']).toContain(told);
});
