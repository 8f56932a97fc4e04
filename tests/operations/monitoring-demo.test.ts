/** Checks that the demo's exporter knows the Prometheus that the demo starts after it. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
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
  const folder = scratchDirectory('demo-bundle');
  onTestFinished(() => removeScratch(folder));
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  // As bundled but for the port: the test shall not depend on what listens on this machine.
  const bundled = readFileSync(join(projectRoot, 'prometheus', 'prometheus.yml'), 'utf8');
  writeFileSync(join(folder, 'prometheus.yml'), bundled.replaceAll('127.0.0.1:9093', address));
  expect(await runningAlertmanager(folder)).toBe(`http://${address}`);
  await new Promise((resolve) => server.close(resolve));
  expect(await runningAlertmanager(folder)).toBeUndefined();
});
