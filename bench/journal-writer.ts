/** Owns measuring what the journal costs the writer: CPU of the whole server beside the same table without triggers. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { install } from '../src/changes/install.js';
import type { Flow } from '../src/flows/flow.js';
import { binaryDirectory, type PostgresServer, startPostgres } from '../tests/harness/postgres.js';
import { type BenchResult, interleaved } from './result.js';

const ROWS = 20_000;
const BATCH = 100;
const ROUND_SECONDS = 6;
const ROUNDS = { rounds: 5, warmUp: 1 };
/** One tick of `/proc/PID/stat`, as on every Linux that Node supports. */
const TICK_US = 10_000;

const TABLE = `
  create table tokens (id bigserial primary key, mint_address text not null unique, name text, symbol text,
    status varchar(20) not null check (status in ('monitoring', 'active', 'archived')),
    liquidity numeric not null default 0, archive_reason text,
    created_at timestamptz not null default now(), last_updated_at timestamptz not null default now());
  insert into tokens (mint_address, name, symbol, status)
    select md5(i::text) || 'pump', 'token ' || i, 'T' || i, 'monitoring' from generate_series(1, ${ROWS}) i;`;

const FLIP = `set status = case status when 'monitoring' then 'active' else 'monitoring' end, last_updated_at = now()`;
const ONE_ROW = `\\set id random(1, ${ROWS})\nupdate tokens ${FLIP} where id = :id;\n`;
const NO_MOVE = `\\set id random(1, ${ROWS})\nupdate tokens set liquidity = liquidity + 1, last_updated_at = now() where id = :id;\n`;
const HUNDRED_ROWS = `\\set b random(0, ${ROWS / BATCH - 1})
update tokens ${FLIP} where id between :b * ${BATCH} + 1 and :b * ${BATCH} + ${BATCH};\n`;

const CASES = [
  {
    name: 'one row per transaction, 4 clients',
    script: ONE_ROW,
    clients: 4,
    rows: 1,
    atMost: { ratio: 1.3 },
  },
  {
    name: 'one row per transaction, 16 clients',
    script: ONE_ROW,
    clients: 16,
    rows: 1,
    atMost: { ratio: 1.3 },
  },
  {
    name: '100 rows per statement, 4 clients',
    script: HUNDRED_ROWS,
    clients: 4,
    rows: BATCH,
    atMost: { ratio: 1.8 },
  },
  {
    name: 'one row that keeps its status, 4 clients',
    script: NO_MOVE,
    clients: 4,
    rows: 1,
    atMost: { ratio: 1.3 },
  },
] as const;

const FLOW: Flow = {
  name: 'tokens',
  table: { schema: 'public', name: 'tokens' },
  key: ['mint_address'],
  status: 'status',
  createdAt: 'created_at',
  updatedAt: 'last_updated_at',
  movedAt: undefined,
  repeats: 'ignore',
  statuses: ['monitoring', 'active', 'archived'],
  moves: undefined,
  limits: new Map(),
  reason: undefined,
};

/** Needs Debian's PostgreSQL with pgbench; takes about five minutes. */
export async function run(): Promise<BenchResult[]> {
  const server = await startPostgres({
    settings: { fsync: 'on', full_page_writes: 'on', shared_buffers: '128MB', max_wal_size: '2GB' },
  });
  const scripts = mkdtempSync(join(tmpdir(), 'flowgauge-bench-'));
  try {
    const watched = await newTable(server, 'watched');
    const plain = await newTable(server, 'plain');
    await install(watched, FLOW, { maxRows: 100_000_000 });
    const results: BenchResult[] = [];
    for (const one of CASES) {
      const file = join(scripts, 'script.sql');
      writeFileSync(file, one.script);
      const round = (sql: postgres.Sql, database: string) => () =>
        cpuPerRow(server, sql, database, file, one);
      const figures = await interleaved(round(watched, 'watched'), round(plain, 'plain'), ROUNDS);
      results.push({
        name: `writer with the journal: ${one.name}`,
        ...figures,
        unit: 'µs CPU of the server per row',
        method: `pgbench -M prepared for ${ROUND_SECONDS} s, fsync on, ${ROUNDS.rounds} interleaved rounds; peer: the same table without triggers`,
        atMost: one.atMost,
      });
    }
    await Promise.all([watched.end(), plain.end()]);
    return results;
  } finally {
    await server.stop();
    rmSync(scripts, { recursive: true, force: true });
  }
}

async function newTable(server: PostgresServer, name: string): Promise<postgres.Sql> {
  const sql = postgres(await server.newDatabase({ name }), { max: 1, onnotice: () => {} });
  await sql.unsafe(TABLE);
  return sql;
}

async function cpuPerRow(
  server: PostgresServer,
  sql: postgres.Sql,
  database: string,
  file: string,
  one: (typeof CASES)[number],
): Promise<number> {
  if (database === 'watched') await sql`truncate flowgauge_capture.tokens_journal`;
  await sql`vacuum tokens`;
  await sql`checkpoint`;
  const before = cpuTicksOf(server.pid());
  const transactions = await pgbench(server, database, file, one.clients);
  // The clients' processes end after pgbench does, and only then count as the postmaster's.
  await new Promise((resolve) => setTimeout(resolve, 300));
  return ((cpuTicksOf(server.pid()) - before) * TICK_US) / (transactions * one.rows);
}

function pgbench(server: PostgresServer, database: string, file: string, clients: number): Promise<number> {
  const args = ['-n', '-M', 'prepared', '-c', `${clients}`, '-j', '1', '-T', `${ROUND_SECONDS}`, '-f', file];
  const where = ['-h', '127.0.0.1', '-p', `${server.port}`, '-U', 'postgres', database];
  const child = spawn(join(binaryDirectory('debian'), 'pgbench'), [...args, ...where]);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => {
      const count = /actually processed: (\d+)/.exec(output)?.[1];
      if (count === undefined) reject(new Error(`pgbench failed:\n${output}`));
      else resolve(Number(count));
    });
  });
}

/** User and system time of a process, its living children, and its ended ones. */
function cpuTicksOf(postmaster: number): number {
  let ticks = 0;
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const fields = statOf(pid);
    if (fields === undefined) continue;
    const parent = Number(fields[1]);
    if (Number(pid) !== postmaster && parent !== postmaster) continue;
    for (const field of fields.slice(11, 15)) ticks += Number(field);
  }
  return ticks;
}

/** The fields of `/proc/PID/stat` after the name, which may hold blanks and brackets itself. */
function statOf(pid: string): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
