/** Owns the walk of one item through all layers: a row changes its status, and Prometheus answers 1. */

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type ExporterProcess,
  eventually,
  runCli,
  samplesOf,
  startExporterProcess,
  writeConfig,
} from './harness/exporter.js';
import { type FreshDatabase, freshDatabase } from './harness/fresh-database.js';
import { type PrometheusServer, startPrometheus } from './harness/prometheus.js';

let database: FreshDatabase;
let exporter: ExporterProcess;
let prometheus: PrometheusServer;
const directory = mkdtempSync(join(tmpdir(), 'flowgauge-walk-'));
chmodSync(directory, 0o755);

beforeAll(async () => {
  database = await freshDatabase();
  await database.sql`
    create table tokens (mint_address text primary key, status text not null
      check (status in ('monitoring', 'active', 'archived')), archive_reason text,
      created_at timestamptz not null default now(), last_updated_at timestamptz)`;
  await database.sql`insert into tokens (mint_address, status) select 'old-' || n, 'monitoring' from generate_series(1, 5) n`;
  const config = writeConfig(
    directory,
    `web: { listen_address: "127.0.0.1:0" }
source: { url: "${database.url}" }
flows:
  tokens:
    table: public.tokens
    key: mint_address
    status: status
    created_at: created_at
    updated_at: last_updated_at
    moves: [monitoring>active, active>monitoring, monitoring>archived, active>archived]
    limits: { monitoring: { warning: 1s, critical: 15m } }
    reason: { column: archive_reason, values: [timeout, low_score] }
    audit_interval: 5s
`,
  );
  const install = runCli(['install', '--apply', `--config.file=${config}`]);
  expect(await install.exit, install.output()).toBe(0);
  exporter = await startExporterProcess(config);
  prometheus = await startPrometheus({ target: new URL(exporter.url).host });
});

afterAll(async () => {
  await prometheus?.stop();
  await exporter?.stop();
  await database?.drop();
  rmSync(directory, { recursive: true, force: true });
});

describe('the walk of one token', () => {
  it('starts from what is in the table without counting it', async () => {
    await prometheus.waitFor('flow_items{flow="tokens",status="monitoring"}', (s) => s[0]?.value === 5);
    expect(await prometheus.query('sum(flow_transitions_total)')).toEqual([{ labels: {}, value: 0 }]);
  });

  it('shows one status change as an increase of exactly 1 in Prometheus', async () => {
    // The counter stands at 0 in Prometheus before it moves: increase() cannot see a series that begins at 1.
    await prometheus.waitFor(
      'flow_transitions_total{from="monitoring",to="active"}',
      (s) => s[0]?.value === 0,
    );
    await database.sql`update tokens set status = 'active' where mint_address = 'old-1'`;
    await prometheus.waitFor(
      'flow_transitions_total{flow="tokens",from="monitoring",to="active"}',
      (s) => s[0]?.value === 1,
    );
    const [increase] = await prometheus.waitFor(
      'round(increase(flow_transitions_total{flow="tokens",from="monitoring",to="active"}[10m]))',
      (s) => (s[0]?.value ?? 0) >= 1,
    );
    expect(increase?.value).toBe(1);
    const [active] = await prometheus.query('flow_items{flow="tokens",status="active"}');
    expect(active?.value).toBe(1);
  });

  it('times a stay whose begin and end it has seen', async () => {
    await database.sql`insert into tokens (mint_address, status) values ('new-1', 'monitoring')`;
    await database.sql`select pg_sleep(0.3)`;
    await database.sql`update tokens set status = 'archived', archive_reason = 'timeout' where mint_address = 'new-1'`;
    const [count] = await prometheus.waitFor(
      'flow_status_duration_seconds_count{flow="tokens",status="monitoring",to="archived"}',
      (s) => s[0]?.value === 1,
    );
    expect(count?.value).toBe(1);
    const [stay] = await prometheus.query(
      'flow_status_duration_seconds_sum{status="monitoring",to="archived"}',
    );
    expect(stay?.value).toBeGreaterThan(0.29);
    expect(stay?.value).toBeLessThan(10);
    const [reason] = await prometheus.waitFor(
      'flow_transition_reasons_total{to="archived",reason="timeout"}',
      (s) => s[0]?.value === 1,
    );
    expect(reason?.value).toBe(1);
  });

  it('names the stuck items over HTTP and never in a label', async () => {
    const report = await eventually(
      async () =>
        (await (await fetch(`${exporter.url}/api/flows/tokens/stuck?limit=2`)).json()) as {
          total_stuck: number;
          items: { id: string; status: string; limit: string; entered_at_exact: boolean }[];
        },
      (r) => r.total_stuck === 4,
    );
    expect(report.items.map((i) => [i.id, i.status, i.limit])).toEqual([
      [expect.stringMatching(/^old-\d$/), 'monitoring', 'warning'],
      [expect.stringMatching(/^old-\d$/), 'monitoring', 'warning'],
    ]);
    expect(await exporter.metrics()).not.toMatch(/old-\d|new-1/);
  });

  it('continues its counters after kill -9', async () => {
    await exporter.kill();
    await database.sql`update tokens set status = 'monitoring' where mint_address = 'old-1'`;
    exporter = await startExporterProcess(join(directory, 'flowgauge.yml'));
    const text = await eventually(
      () => exporter.metrics(),
      (t) => samplesOf(t, 'flow_transitions_total').get('flow="tokens",from="active",to="monitoring"') === 1,
    );
    expect(samplesOf(text, 'flow_transitions_total').get('flow="tokens",from="monitoring",to="active"')).toBe(
      1,
    );
    expect(samplesOf(text, 'flow_capture_gaps_total').get('flow="tokens"')).toBe(0);
  });

  it('passes promtool check metrics on the live output', async () => {
    execFileSync('promtool', ['check', 'metrics'], {
      input: await exporter.metrics(),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  });
});
