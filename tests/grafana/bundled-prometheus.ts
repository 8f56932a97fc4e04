/** Owns a real Prometheus on a copy of the bundled configuration, with the addresses and the pace of a test. */
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../harness/exporter.js';
import { freePort } from '../harness/ports.js';
import { endProcess, pause, startProgram } from '../harness/processes.js';

/** What it scrapes and evaluates besides the bundle. */
export interface BundledPrometheusOptions {
  /** A folder of the test, for the copy and the data. */
  readonly directory: string;
  /** `host:port` of each process of ours. */
  readonly targets: readonly string[];
  /** `host:port`. */
  readonly alertmanager: string;
  /** A file of rules beside those of the bundle. */
  readonly extraRules: string;
}

/** Starts it and waits until it answers; scrapes and evaluates every 5 s. */
export async function startBundledPrometheus(
  options: BundledPrometheusOptions,
): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const { directory, targets, alertmanager, extraRules } = options;
  const bundle = join(directory, 'bundle');
  cpSync(join(projectRoot, 'prometheus'), bundle, { recursive: true });
  mkdirSync(join(directory, 'prometheus-data'));
  for (const folder of [bundle, join(directory, 'prometheus-data')]) chmodSync(folder, 0o755);
  writeFileSync(join(bundle, 'rules', 'extra.yml'), extraRules);
  const address = `127.0.0.1:${await freePort()}`;
  const file = join(bundle, 'prometheus.yml');
  const text = readFileSync(file, 'utf8')
    .replaceAll('127.0.0.1:9093', alertmanager)
    .replaceAll('127.0.0.1:9090', address)
    .replace('["127.0.0.1:9877"]', JSON.stringify(targets))
    .replace(/scrape_interval: \S+/, 'scrape_interval: 5s')
    .replace(/scrape_timeout: \S+/, 'scrape_timeout: 4s')
    .replace(/evaluation_interval: \S+/, 'evaluation_interval: 5s');
  writeFileSync(file, text);
  const child = startProgram({
    command: 'prometheus',
    args: [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(directory, 'prometheus-data')}`,
      `--web.listen-address=${address}`,
      '--log.level=warn',
    ],
    deathSignal: 'KILL',
  });
  let log = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    log = (log + chunk).slice(-20_000);
  });
  child.stdout?.resume();
  const url = `http://${address}`;
  for (let tries = 0; tries < 300; tries += 1) {
    if (child.exitCode !== null) throw new Error(`prometheus ended: ${log}`);
    const answer = await fetch(`${url}/-/ready`, { signal: AbortSignal.timeout(2_000) }).catch(
      () => undefined,
    );
    if (answer?.status === 200) return { url, stop: () => endProcess(child, ['SIGTERM', 'SIGKILL'], 5_000) };
    await pause(100);
  }
  await endProcess(child, ['SIGKILL'], 5_000);
  throw new Error(`prometheus does not become ready: ${log}`);
}
