/** Checks that an exporter which was frozen for longer than its jobs may be silent calls none of them stuck afterwards. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { eventually, labelOf, samplesOf, startExporterProcess, writeConfig } from '../harness/exporter.js';
import { freshDatabase } from '../harness/fresh-database.js';
import { pause } from '../harness/processes.js';

/** The lease and the publishing may be silent for 7 s. */
const FROZEN_MS = 9_000;

test('a frozen exporter wakes up with no job stuck, and its jobs go on', { timeout: 120_000 }, async () => {
  const database = await freshDatabase();
  const directory = mkdtempSync(join(tmpdir(), 'flowgauge-frozen-'));
  chmodSync(directory, 0o755);
  onTestFinished(async () => {
    rmSync(directory, { recursive: true, force: true });
    await database.drop();
  });
  await database.sql`create table tasks (id int primary key, status text, updated_at timestamptz default now())`;
  const config = writeConfig(
    directory,
    `web: { listen_address: "127.0.0.1:0" }
source: { url: "${database.url}" }
flows:
  tasks: { table: public.tasks, key: id, status: status, statuses: [new, done], updated_at: updated_at }
`,
  );
  const exporter = await startExporterProcess(config);
  onTestFinished(() => exporter.kill());
  const lastSuccess = async () => {
    const samples = samplesOf(await exporter.metrics(), 'job_last_success_timestamp_seconds');
    return new Map([...samples].map(([labels, value]) => [labelOf(labels, 'job_name')!, value]));
  };
  const jobs = ['capture_tasks', 'lease', 'publish'];
  const allAfter = (seconds: number) => (found: Map<string, number>) =>
    jobs.every((job) => (found.get(job) ?? 0) > seconds);
  await eventually(lastSuccess, allAfter(0));

  // The lock keeps a run of the lease under way: a process that sleeps between its runs would prove nothing.
  await database.sql.begin(async (tx) => {
    await tx`lock table flowgauge.lease in access exclusive mode`;
    await eventually(
      () => database.sql<{ n: number }[]>`
        select count(*)::int as n from pg_locks
         where not granted and relation = 'flowgauge.lease'::regclass
           and database = (select oid from pg_database where datname = current_database())`,
      ([row]) => row!.n > 0,
    );
    exporter.child.kill('SIGSTOP');
    await pause(FROZEN_MS);
  });
  const wokeAt = Date.now() / 1000;
  exporter.child.kill('SIGCONT');
  await eventually(lastSuccess, allAfter(wokeAt));

  const text = await exporter.metrics();
  const restarts = samplesOf(text, 'job_restarts_total');
  expect([...restarts.keys()].map((labels) => labelOf(labels, 'job_name'))).toEqual(
    expect.arrayContaining(jobs),
  );
  expect([...restarts.values()].filter((count) => count > 0)).toEqual([]);
  const bad = [...samplesOf(text, 'job_state')].filter(
    ([labels, value]) => value === 1 && /state="(stuck|crash_looping|stopped)"/.test(labels),
  );
  expect(bad).toEqual([]);
  expect(await exporter.stop()).toBe(0);
});
