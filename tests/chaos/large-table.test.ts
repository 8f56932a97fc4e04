/** Owns the proof that a large table is taken over, read and repaired exactly and in bounded memory. The long form has a million rows. */
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  type ExporterProcess,
  eventually,
  runCli,
  samplesOf,
  startExporterProcess,
  writeConfig,
} from '../harness/exporter.js';
import { type FreshDatabase, freshDatabase } from '../harness/fresh-database.js';

const LONG = process.env.FLOWGAUGE_CHAOS === 'long';
const ROWS = LONG ? 1_000_000 : 30_000;
const PATIENCE_MS = LONG ? 900_000 : 60_000;
/** A million rows as objects would be several times this. */
const MOST_MEMORY_KIB = 300 * 1024;

const directory = mkdtempSync(join(tmpdir(), 'flowgauge-large-'));
chmodSync(directory, 0o755);
let database: FreshDatabase;
let exporter: ExporterProcess | undefined;

beforeAll(async () => {
  database = await freshDatabase();
  await database.sql`create table items (id int primary key, status text not null)`;
  await database.sql`insert into items select n, 'a' from generate_series(1, ${ROWS}::int) n`;
}, PATIENCE_MS);
afterAll(async () => {
  await exporter?.kill();
  await database?.drop();
  rmSync(directory, { recursive: true, force: true });
});

function peakKib(running: ExporterProcess): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${running.child.pid}/status`, 'utf8'))?.[1]);
}

const moved = 'flow="items",from="a",to="b"';

it(`takes over ${ROWS} rows, and repairs beside as many unread changes`, {
  timeout: 3 * PATIENCE_MS,
}, async () => {
  const config = writeConfig(
    directory,
    `web: { listen_address: "127.0.0.1:0" }
source: { url: "${database.url}" }
flows: { items: { table: public.items, key: id, status: status, statuses: [a, b], capture: journal } }
`,
  );
  const install = runCli(['install', '--apply', `--config.file=${config}`]);
  expect(await install.exit, install.output()).toBe(0);
  const told = (running: ExporterProcess, metric: string, labels: string) => async () =>
    samplesOf(await running.metrics(), metric).get(labels);

  exporter = await startExporterProcess(config);
  await eventually(told(exporter, 'flow_items', 'flow="items",status="a"'), (n) => n === ROWS, PATIENCE_MS);
  expect(peakKib(exporter)).toBeLessThan(MOST_MEMORY_KIB);
  const first = peakKib(exporter);
  await exporter.kill();

  await database.sql`update items set status = 'b'`;
  await database.sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    await tx`delete from items where id = 1`;
  });
  exporter = await startExporterProcess(config);
  // The first audit comes with the first page: the rest is counted by the repair.
  await eventually(told(exporter, 'flow_capture_gaps_total', 'flow="items"'), (n) => n === 1, PATIENCE_MS);
  await eventually(told(exporter, 'flow_transitions_total', moved), (n) => n === ROWS, PATIENCE_MS);
  await eventually(
    told(exporter, 'flow_items', 'flow="items",status="b"'),
    (n) => n === ROWS - 1,
    PATIENCE_MS,
  );
  expect(peakKib(exporter)).toBeLessThan(MOST_MEMORY_KIB);
  if (LONG) console.log(`peak memory: baseline ${first} KiB, repair ${peakKib(exporter)} KiB`);
});
