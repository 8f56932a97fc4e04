/** Proves on the real process that the history holds what the other paths said at the time, and counts what really went by. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ExporterProcess, eventually, startExporterProcess, writeConfig } from '../harness/exporter.js';
import { type FreshDatabase, freshDatabase } from '../harness/fresh-database.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';

type Row = { readonly time: string } & Readonly<Record<string, number | null>>;

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
  directory = scratchDirectory('history');
  // Rows come more often than what is cheap is read, so that the latest row is mostly of the latest reading.
  exporter = await startExporterProcess(
    writeConfig(
      directory,
      `web: { listen_address: '127.0.0.1:0' }
source: { url: '${database.url}' }
resources: { interval: 3s, slow_interval: 1s, mountpoints: [/], devices: [lo] }
flows:
  tokens:
    table: public.tokens
    key: id
    status: status
    updated_at: updated_at
    statuses: [monitoring, archived]
    limits: { monitoring: { warning: 30m } }
    capture: poll
`,
    ),
  );
});

afterAll(async () => {
  await exporter?.stop();
  await database?.drop();
  removeScratch(directory);
});

async function ask(path: string) {
  const answer = await fetch(`${exporter.url}${path}`, { signal: AbortSignal.timeout(15_000) });
  return JSON.parse(await answer.text());
}

it('has rows that say what /resources/status and /health/resources say', async () => {
  const same = (one: number | null, other: number | null) =>
    one !== null && other !== null && Math.abs(one - other) <= 0.0011;
  const pair = async () => {
    const [status, whole] = [await ask('/resources/status'), await ask('/health/resources')];
    const { rows } = await ask('/resources/history?minutes=1');
    return { status, whole, rows: rows as Row[] };
  };
  // Between two questions a new measurement may come; the next time all are of the same one.
  const agrees = ({ status, whole, rows }: Awaited<ReturnType<typeof pair>>) => {
    const row = rows.at(-1);
    const now = status.health.current_resources;
    return (
      row !== undefined &&
      same(row.cpu_utilization_ratio! * 100, now.cpu_percent) &&
      same(row.resident_memory_bytes! / 1e6, now.memory_mb) &&
      same((row.memory_used_bytes! / row.memory_total_bytes!) * 100, now.memory_utilization_percent) &&
      same(row.health_score!, status.health.health_score) &&
      same(row.load_average_1m!, whole.load['1m']) &&
      same(row.swap_used_bytes!, whole.swap.used_bytes) &&
      same(row.filesystem_used_ratio! * 100, whole.disk[0].utilization_percent) &&
      same(row.heap_used_bytes!, whole.heap.used_bytes) &&
      same(row.open_fds!, whole.process.open_fds) &&
      same(row.children!, whole.process.children) &&
      row.waiting_items === 4 &&
      row.over_limit_items === 3
    );
  };
  const { rows, status } = await eventually(pair, agrees);
  const row = rows.at(-1)!;
  expect(row.cpu_utilization_ratio).toBeGreaterThanOrEqual(0);
  expect(row.cpu_utilization_ratio).toBeLessThanOrEqual(1);
  expect(row.resident_memory_bytes).toBeGreaterThan(20e6);
  expect(row.memory_total_bytes).toBeGreaterThan(100e6);
  expect(row.load_average_1m).toBeGreaterThanOrEqual(0);
  expect(status.health.health_score).toBeGreaterThanOrEqual(0);
});

it('has rates that add up to no less than the bytes that went by', async () => {
  const before = (await ask('/resources/history')).rows as Row[];
  let pulled = 0;
  for (let scrape = 0; scrape < 100; scrape += 1) {
    const page = await fetch(`${exporter.url}/metrics`, { headers: { 'accept-encoding': 'identity' } });
    pulled += (await page.arrayBuffer()).byteLength;
  }
  expect(pulled).toBeGreaterThan(1_000_000);
  // A reading is three seconds after the one before, and only the row that has it first has a rate.
  const carried = async () => {
    const { rows } = (await ask('/resources/history')) as { rows: Row[] };
    const later = rows.filter(({ time }) => time > before.at(-1)!.time);
    return later.reduce((sum, row) => sum + 3 * (row.network_receive_bytes_per_second ?? 0), 0);
  };
  expect(await eventually(carried, (bytes) => bytes > pulled * 0.9)).toBeGreaterThan(0);
});

it('comes oldest first with a summary, and only for as many minutes as are asked for', async () => {
  const body = await eventually(
    () => ask('/resources/history?minutes=600'),
    ({ row_count }) => row_count >= 4,
  );
  const rows = body.rows as Row[];
  const times = rows.map(({ time }) => Date.parse(time));
  expect(times).toEqual([...times].sort((a, b) => a - b));
  expect([body.interval_seconds, body.capacity, body.row_count]).toEqual([1, 1000, rows.length]);
  const resident = rows.map((row) => row.resident_memory_bytes!);
  expect(body.summary.resident_memory_bytes).toMatchObject({
    known: rows.length,
    min: Math.min(...resident),
    max: Math.max(...resident),
  });
  // The first row has nothing before it to compare with.
  expect(rows[0]).toMatchObject({ network_receive_bytes_per_second: null, disk_read_bytes_per_second: null });
});
