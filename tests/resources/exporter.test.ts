/** Owns the proof on the real process: the series are there, say what is plausible, follow what happens, and go when switched off. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  type ExporterProcess,
  eventually,
  projectRoot,
  samplesOf,
  startExporterProcess,
  writeConfig,
} from '../harness/exporter.js';
import { type FreshDatabase, freshDatabase } from '../harness/fresh-database.js';
import { pause } from '../harness/processes.js';
import { startPrometheus } from '../harness/prometheus.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';

let database: FreshDatabase;
let directory: string;
let exporter: ExporterProcess;

beforeAll(async () => {
  database = await freshDatabase();
  await database.sql`create table public.tokens (id int primary key, status text not null, updated_at timestamptz not null)`;
  // Three of four wait for longer than their limit.
  await database.sql`insert into public.tokens
    select i, 'monitoring', now() - case when i < 4 then interval '1 hour' else interval '0' end
    from generate_series(1, 4) i`;
  directory = scratchDirectory('resources');
  exporter = await start(`resources: { interval: 1s, slow_interval: 1s, mountpoints: [/], devices: [lo] }
flows:
  tokens:
    table: public.tokens
    key: id
    status: status
    updated_at: updated_at
    statuses: [monitoring, archived]
    limits: { monitoring: { warning: 30m } }
    capture: poll
`);
});

afterAll(async () => {
  await exporter?.stop();
  await database?.drop();
  removeScratch(directory);
});

function start(text: string): Promise<ExporterProcess> {
  const config = `web: { listen_address: '127.0.0.1:0' }\nsource: { url: '${database.url}' }\n${text}`;
  return startExporterProcess(writeConfig(directory, config));
}

async function value(metric: string, labels = '', from = exporter): Promise<number | undefined> {
  return samplesOf(await from.metrics(), metric).get(labels);
}

/** A Node.js program that ends by itself after `seconds`, whatever becomes of the test. */
function program(code: string, seconds: number): ChildProcess {
  const child = spawn(
    process.execPath,
    ['-e', `setTimeout(() => process.exit(), ${seconds * 1000});${code}`],
    {
      stdio: 'ignore',
    },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

describe('the real exporter', () => {
  it('shows every series of this system, plausible ones', async () => {
    const text = await eventually(
      () => exporter.metrics(),
      (t) =>
        samplesOf(t, 'system_cpu_utilization_ratio').size === 1 &&
        samplesOf(t, 'process_children').size === 1,
    );
    const one = (metric: string, labels = '') => samplesOf(text, metric).get(labels)!;
    const share = one('system_cpu_utilization_ratio');
    expect(share).toBeGreaterThanOrEqual(0);
    expect(share).toBeLessThanOrEqual(1);
    expect(one('system_cpu_cores')).toBeGreaterThan(0);
    expect(one('system_cpu_cores')).toBeLessThanOrEqual(availableParallelism());
    expect(one('system_memory_used_bytes')).toBeGreaterThan(50_000_000);
    expect(one('system_memory_used_bytes')).toBeLessThan(one('system_memory_total_bytes'));
    expect(one('system_swap_used_bytes')).toBeLessThanOrEqual(one('system_swap_total_bytes'));
    expect(one('system_filesystem_used_bytes', 'mountpoint="/"')).toBeGreaterThan(0);
    expect(one('system_filesystem_used_bytes', 'mountpoint="/"')).toBeLessThanOrEqual(
      one('system_filesystem_total_bytes', 'mountpoint="/"'),
    );
    expect(samplesOf(text, 'system_network_bytes_total').size).toBe(2);
    expect(one('system_network_errors_total', 'device="lo",direction="receive"')).toBe(0);
    expect(samplesOf(text, 'system_disk_bytes_total').size).toBe(2);
    expect([...samplesOf(text, 'system_load_average').keys()]).toEqual([
      'window="1m"',
      'window="5m"',
      'window="15m"',
    ]);
    expect(one('process_children')).toBe(0);
    expect(one('nodejs_heap_used_bytes')).toBeGreaterThan(1_000_000);
    expect(one('nodejs_heap_used_bytes')).toBeLessThan(one('nodejs_heap_limit_bytes'));
    const collectors = [...samplesOf(text, 'flowgauge_collector_success')].filter(([l]) =>
      l.includes('resource_'),
    );
    expect(collectors).toHaveLength(9);
    expect(collectors.every(([, success]) => success === 1)).toBe(true);
  });

  it('follows the processors and the network under load', async () => {
    const burners = Math.min(4, availableParallelism());
    const before = (await value('system_network_bytes_total', 'device="lo",direction="transmit"'))!;
    for (let i = 0; i < burners; i += 1)
      program('const end = Date.now() + 6000; while (Date.now() < end);', 7);
    const shares: number[] = [];
    const heaps = new Set<number>();
    let scraped = 0;
    const atLeast = (0.7 * burners) / availableParallelism();
    for (let round = 0; round < 40 && !shares.some((share) => share >= atLeast); round += 1) {
      const text = await exporter.metrics();
      scraped += text.length;
      shares.push(samplesOf(text, 'system_cpu_utilization_ratio').get('')!);
      heaps.add(samplesOf(text, 'nodejs_heap_used_bytes').get('')!);
      await pause(250);
    }
    expect(Math.max(...shares)).toBeGreaterThanOrEqual(atLeast);
    // What was scraped went through the loopback.
    await eventually(
      () => value('system_network_bytes_total', 'device="lo",direction="transmit"'),
      (bytes) => bytes !== undefined && bytes >= before + scraped,
    );
    await eventually(
      async () => heaps.add((await value('nodejs_heap_used_bytes'))!),
      (seen) => seen.size > 2,
    );
  });

  it('follows memory as it is taken', async () => {
    const taken = 256 * 1024 ** 2;
    let lowest = Number.POSITIVE_INFINITY;
    let highestRise = 0;
    // Several times, because other programs of the machine may give back more than this one takes.
    for (let pulse = 0; pulse < 6 && highestRise < taken / 2; pulse += 1) {
      program(`globalThis.held = Buffer.alloc(${taken}, 1);`, 4);
      for (let look = 0; look < 24 && highestRise < taken / 2; look += 1) {
        const used = (await value('system_memory_used_bytes'))!;
        lowest = Math.min(lowest, used);
        highestRise = Math.max(highestRise, used - lowest);
        await pause(250);
      }
    }
    expect(highestRise).toBeGreaterThanOrEqual(taken / 2);
  });

  it('judges health from memory, processors and the work that waits', async () => {
    const expected = (text: string) => {
      const one = (metric: string) => samplesOf(text, metric).get('')!;
      const used = one('system_memory_used_bytes') / one('system_memory_total_bytes');
      const memory = Math.max(0, 100 - 150 * used);
      const cpu = Math.max(0, 100 - 120 * one('system_cpu_utilization_ratio'));
      return [memory, cpu, 25, 0.4 * memory + 0.3 * cpu + 0.3 * 25];
    };
    const shown = (text: string) => {
      const part = (name: string) => samplesOf(text, 'health_component_score').get(`component="${name}"`)!;
      return [part('memory'), part('cpu'), part('load'), samplesOf(text, 'health_score').get('')!];
    };
    // A page may be printed while a new sample arrives; the next one is whole.
    const agrees = (text: string) =>
      expected(text).every((value, i) => Math.abs(value - shown(text)[i]!) < 1e-6);
    const text = await eventually(() => exporter.metrics(), agrees);
    expect(shown(text)[2]).toBe(25);
  });
});

describe('a real Prometheus', () => {
  it('computes the same score by the expression of docs/resources.md', async () => {
    const page = readFileSync(join(projectRoot, 'docs/resources.md'), 'utf8');
    const expression = /```promql\n([\s\S]*?)```/.exec(page)![1]!;
    const prometheus = await startPrometheus({ target: new URL(exporter.url).host });
    onTestFinished(() => prometheus.stop());
    const difference = await prometheus.waitFor(
      `(${expression}) - on () health_score`,
      (samples) => samples.length === 1 && Math.abs(samples[0]!.value) < 1e-6,
    );
    expect(difference).toHaveLength(1);
  });
});

it.skipIf(availableParallelism() < 2)('counts the processors alone that it may run on', async () => {
  const other = await start('resources: { interval: 1s }\n');
  onTestFinished(() => other.kill());
  const allowed = /^Cpus_allowed_list:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]!;
  expect(await value('system_cpu_cores', '', other)).not.toBe(1);
  execFileSync('taskset', ['--all-tasks', '--pid', '--cpu-list', allowed, String(other.child.pid)]);
  await eventually(
    () => value('system_cpu_cores', '', other),
    (cores) => cores === 1,
  );
});

describe('another configuration', () => {
  it('a mount point that is not there costs only itself, and is told once', async () => {
    const other = await start('resources: { slow_interval: 1s, mountpoints: [/, /no/such/mount] }\n');
    onTestFinished(() => other.kill());
    const runs = 'job_name="resources_slow",outcome="success"';
    await eventually(
      () => value('job_runs_total', runs, other),
      (count) => count !== undefined && count >= 3,
    );
    const text = await other.metrics();
    expect([...samplesOf(text, 'system_filesystem_used_bytes').keys()]).toEqual(['mountpoint="/"']);
    expect(samplesOf(text, 'flowgauge_collector_success').get('collector="resource_filesystem"')).toBe(0);
    expect(samplesOf(text, 'flowgauge_collector_success').get('collector="resource_process"')).toBe(1);
    expect(other.output().match(/RESOURCE_MOUNT_MISSING/g)).toHaveLength(1);
  });

  it('switched off there is no number, not even a zero', async () => {
    const other = await start('resources: { enabled: false }\n');
    onTestFinished(() => other.kill());
    const text = await eventually(
      () => other.metrics(),
      (t) => samplesOf(t, 'flowgauge_store_up').get('') === 1,
    );
    const values = text
      .split('\n')
      .filter((line) => /^(system_|health_|nodejs_heap_(used|limit))/.test(line));
    expect(values).toEqual([]);
    expect(text).not.toContain('job_name="resources"');
  });
});
