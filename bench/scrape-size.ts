/** Owns measuring that a scrape does not know the table's size: the same exporter on a large and on a small table. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type ExporterProcess,
  eventually,
  runCli,
  startExporterProcess,
  writeConfig,
} from '../tests/harness/exporter.js';
import { type PostgresServer, startPostgres } from '../tests/harness/postgres.js';
import { residentMibOf } from './process-use.js';
import { type BenchResult, interleaved, median } from './result.js';

const LARGE = 1_000_000;
const SMALL = 10_000;
const SCRAPES = 40;
const ROUNDS = { rounds: 15, warmUp: 3 };

interface Watched {
  readonly exporter: ExporterProcess;
  readonly directory: string;
  readonly baselineSeconds: number;
  readonly highestMib: number;
}

/** Needs Debian's PostgreSQL. */
export async function run(): Promise<BenchResult[]> {
  const server = await startPostgres({
    settings: { fsync: 'on', full_page_writes: 'on', shared_buffers: '128MB', max_wal_size: '2GB' },
  });
  const watched: Watched[] = [];
  try {
    for (const rows of [LARGE, SMALL]) watched.push(await watch(server, rows));
    const [large, small] = watched as [Watched, Watched];
    const figures = await interleaved(
      () => scrapeMs(large.exporter.url),
      () => scrapeMs(small.exporter.url),
      ROUNDS,
    );
    const rows = LARGE.toLocaleString('en');
    return [
      {
        name: `scrape of an exporter that watches ${rows} rows`,
        ...figures,
        unit: 'ms',
        method: `median of ${SCRAPES} GETs of /metrics one after the other, ${ROUNDS.rounds} interleaved rounds; peer: the same with ${SMALL.toLocaleString('en')} rows`,
        atMost: { ratio: 1.2 },
      },
      {
        name: `first baseline of ${rows} rows`,
        ours: large.baselineSeconds,
        unit: 's',
        method: `from the start of the process to /-/ready, journal mode, store in the same database; once`,
      },
      {
        name: `memory of the exporter, at most, until a baseline of ${rows} rows is stored`,
        ours: large.highestMib,
        unit: 'MiB',
        method: 'VmHWM of the process at that moment; once',
      },
    ];
  } finally {
    for (const { exporter, directory } of watched) {
      await exporter.stop();
      rmSync(directory, { recursive: true, force: true });
    }
    await server.stop();
  }
}

async function watch(server: PostgresServer, rows: number): Promise<Watched> {
  const url = await server.newDatabase();
  const directory = mkdtempSync(join(tmpdir(), 'flowgauge-bench-'));
  await fill(server, url, rows);
  const config = writeConfig(
    directory,
    `web: { listen_address: "127.0.0.1:0" }
source: { url: "${url}" }
flows:
  tokens: { table: public.tokens, key: mint_address, status: status, created_at: created_at,
    updated_at: last_updated_at, statuses: [monitoring, active, archived],
    limits: { monitoring: { warning: 3m, critical: 15m } } }
`,
  );
  const install = runCli(['install', '--apply', `--config.file=${config}`]);
  if ((await install.exit) !== 0) throw new Error(install.output());
  const startedMs = performance.now();
  const exporter = await startExporterProcess(config);
  await eventually(
    () => fetch(`${exporter.url}/-/ready`),
    (answer) => answer.status === 200,
    300_000,
  );
  const baselineSeconds = (performance.now() - startedMs) / 1000;
  return { exporter, directory, baselineSeconds, highestMib: residentMibOf(exporter.child.pid!, 'highest') };
}

async function fill(server: PostgresServer, url: string, rows: number): Promise<void> {
  const database = new URL(url).pathname.slice(1);
  const { default: postgres } = await import('postgres');
  const sql = postgres(server.urlOf(database), { max: 1, onnotice: () => {} });
  await sql.unsafe(`
    create table tokens (mint_address text primary key, status text not null,
      created_at timestamptz not null default now(), last_updated_at timestamptz not null default now());
    insert into tokens (mint_address, status)
      select md5(i::text) || 'pump', (array['monitoring', 'active', 'archived'])[1 + i % 3] from generate_series(1, ${rows}) i;
    analyze tokens`);
  await sql.end();
}

async function scrapeMs(url: string): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < SCRAPES; i += 1) {
    const startedMs = performance.now();
    await (await fetch(`${url}/metrics`)).arrayBuffer();
    times.push(performance.now() - startedMs);
  }
  return median(times);
}
