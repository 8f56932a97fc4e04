/** Owns the proof that the demo's Prometheus raises no alarm about an Alertmanager that nobody has started. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type DemoPrometheus, startPrometheus, withoutAlertmanager } from '../../src/demo/prometheus.js';
import { projectRoot } from '../harness/exporter.js';
import { freePort } from '../harness/ports.js';
import { pause } from '../harness/processes.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';

const bundled = readFileSync(join(projectRoot, 'prometheus', 'prometheus.yml'), 'utf8');

describe('withoutAlertmanager', () => {
  const before = parse(bundled);
  const after = parse(withoutAlertmanager(bundled));
  const jobs = (config: typeof before) =>
    config.scrape_configs.map((job: { job_name: string }) => job.job_name);

  it('takes away where alerts go and the scrape of it', () => {
    expect(before.alerting.alertmanagers).toHaveLength(1);
    expect(jobs(before)).toEqual(['flowgauge', 'prometheus', 'alertmanager']);
    expect(after.alerting.alertmanagers).toBeUndefined();
    expect(jobs(after)).toEqual(['flowgauge', 'prometheus']);
  });

  it('leaves the rest as it is', () => {
    expect(after.alerting.alert_relabel_configs).toEqual(before.alerting.alert_relabel_configs);
    expect(after.scrape_configs[0]).toEqual(before.scrape_configs[0]);
    expect(after.scrape_configs[1]).toMatchObject(before.scrape_configs[1]);
    expect([after.global, after.rule_files]).toEqual([before.global, before.rule_files]);
  });
});

describe('startPrometheus', () => {
  let directory: string;
  let bundle: string;
  let port: number;
  let prometheus: DemoPrometheus | undefined;
  let alertmanager: Server | undefined;

  beforeAll(async () => {
    directory = scratchDirectory('demo-prometheus');
    bundle = join(directory, 'bundle');
    cpSync(join(projectRoot, 'prometheus'), bundle, { recursive: true });
    port = await freePort();
    writeFileSync(join(bundle, 'prometheus.yml'), bundled.replaceAll('127.0.0.1:9093', `127.0.0.1:${port}`));
  });

  afterEach(async () => {
    await prometheus?.stop();
    alertmanager?.close();
  });

  afterAll(() => removeScratch(directory));

  async function start(name: string): Promise<string> {
    prometheus = await startPrometheus({
      bundle,
      directory: join(directory, name),
      target: `127.0.0.1:${await freePort()}`,
      searchPath: process.env.PATH ?? '',
    });
    if (prometheus === undefined) throw new Error('Prometheus did not start');
    return prometheus.url;
  }

  /** Asks until there is an answer that pleases. */
  async function ask<T>(url: string, pleases: (data: T) => boolean): Promise<T> {
    for (let tries = 0; tries < 300; tries += 1) {
      // While it starts it answers 503 in plain words.
      const answer = await fetch(url)
        .then((response) => response.json() as Promise<{ data?: T }>)
        .catch(() => undefined);
      if (answer?.data !== undefined && pleases(answer.data)) return answer.data;
      await pause(100);
    }
    throw new Error(`${url} did not come to say what was expected`);
  }

  interface Targets {
    readonly activeTargets: readonly { readonly labels: { readonly job: string } }[];
  }
  const jobsOf = ({ activeTargets }: Targets) => activeTargets.map(({ labels }) => labels.job).sort();

  it('forgets an Alertmanager that does not run, and what Prometheus says about it', {
    timeout: 60_000,
  }, async () => {
    const url = await start('without');
    const targets = await ask<Targets>(`${url}/api/v1/targets`, (data) => data.activeTargets.length > 1);
    expect(jobsOf(targets)).toEqual(['flowgauge', 'prometheus']);
    const query = (text: string) => `${url}/api/v1/query?query=${encodeURIComponent(text)}`;
    interface Result {
      readonly result: readonly unknown[];
    }
    await ask<Result>(query('prometheus_build_info'), ({ result }) => result.length === 1);
    const { result } = await ask<Result>(
      query('prometheus_notifications_alertmanagers_discovered'),
      () => true,
    );
    expect(result).toEqual([]);
  });

  it('keeps one that runs', { timeout: 60_000 }, async () => {
    alertmanager = createServer((socket) => socket.destroy()).listen(port, '127.0.0.1');
    await new Promise((resolve) => alertmanager?.once('listening', resolve));
    const url = await start('with');
    const targets = await ask<Targets>(`${url}/api/v1/targets`, (data) => data.activeTargets.length > 1);
    expect(jobsOf(targets)).toEqual(['alertmanager', 'flowgauge', 'prometheus']);
    interface Alertmanagers {
      readonly activeAlertmanagers: readonly unknown[];
    }
    const known = await ask<Alertmanagers>(
      `${url}/api/v1/alertmanagers`,
      ({ activeAlertmanagers }) => activeAlertmanagers.length > 0,
    );
    expect(known.activeAlertmanagers).toHaveLength(1);
  });
});
