/** Owns measuring what the journal carries: changes per second, and the time from a commit to its count on /metrics. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type ExporterProcess,
  eventually,
  runCli,
  samplesOf,
  startExporterProcess,
  writeConfig,
} from '../tests/harness/exporter.js';
import { type PostgresServer, startPostgres } from '../tests/harness/postgres.js';
import { type PgbenchOptions, pgbench } from './pgbench.js';
import { cpuMsOf, residentMibOf } from './process-use.js';
import { type BenchResult, quantile } from './result.js';

const ROWS = 20_000;
const BATCH = 100;
const LOOK_EVERY_MS = 50;

const TABLE = `
  create table tokens (id bigint primary key, mint_address text not null unique, name text, symbol text,
    status varchar(20) not null check (status in ('monitoring', 'active', 'archived')),
    liquidity numeric not null default 0, created_at timestamptz not null default now(),
    last_updated_at timestamptz not null default now()) with (fillfactor = 50);
  insert into tokens (id, mint_address, name, symbol, status)
    select i, md5(i::text) || 'pump', 'token ' || i, 'T' || i, 'monitoring' from generate_series(1, ${ROWS}) i;
  analyze tokens`;

const FLIP = `set status = case status when 'monitoring' then 'active' else 'monitoring' end, last_updated_at = now()`;

interface Load {
  readonly name: string;
  readonly rows: number;
  readonly run: Pick<PgbenchOptions, 'script' | 'clients' | 'seconds'> & { readonly rate?: number };
  readonly atLeast?: { readonly ours: number };
  readonly lagAtMostMs?: number;
}

const LOADS: readonly Load[] = [
  {
    name: '10,000 changes/s in statements of 100 rows',
    rows: BATCH,
    run: {
      script: `\\set b random(0, ${ROWS / BATCH - 1})
update tokens ${FLIP} where id between :b * ${BATCH} + 1 and :b * ${BATCH} + ${BATCH};\n`,
      clients: 4,
      seconds: 30,
      rate: 10_200 / BATCH,
    },
    atLeast: { ours: 9_900 },
    lagAtMostMs: 2_000,
  },
  {
    name: 'single-row commits, 8 clients, as many as the machine makes',
    rows: 1,
    run: {
      script: `\\set id random(1, ${ROWS})\nupdate tokens ${FLIP} where id = :id;\n`,
      clients: 8,
      seconds: 15,
    },
  },
];

/** Needs Debian's PostgreSQL with pgbench. */
export async function run(): Promise<BenchResult[]> {
  const server = await startPostgres({
    settings: { fsync: 'on', full_page_writes: 'on', shared_buffers: '128MB', max_wal_size: '2GB' },
  });
  const directory = mkdtempSync(join(tmpdir(), 'flowgauge-bench-'));
  let exporter: ExporterProcess | undefined;
  try {
    await server.sql.unsafe(TABLE);
    const config = writeConfig(directory, configFor(server));
    const install = runCli(['install', '--apply', `--config.file=${config}`]);
    if ((await install.exit) !== 0) throw new Error(install.output());
    exporter = await startExporterProcess(config);
    await eventually(
      () => fetch(`${exporter?.url}/-/ready`),
      (answer) => answer.status === 200,
    );
    const results: BenchResult[] = [];
    for (const load of LOADS) results.push(...(await measure(server, exporter, load)));
    return results;
  } finally {
    await exporter?.stop();
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

function configFor(server: PostgresServer): string {
  return `web: { listen_address: "127.0.0.1:0" }
source: { url: "${server.url}" }
flows:
  tokens:
    table: public.tokens
    key: mint_address
    status: status
    created_at: created_at
    updated_at: last_updated_at
    statuses: [monitoring, active, archived]
`;
}

async function measure(
  server: PostgresServer,
  exporter: ExporterProcess,
  load: Load,
): Promise<BenchResult[]> {
  await server.sql`checkpoint`;
  const pid = exporter.child.pid!;
  const before = await counted(exporter);
  const [cpuBeforeMs, startedMs] = [cpuMsOf(pid), performance.now()];
  const looks: { atMs: number; count: number }[] = [];
  let looking = true;
  const look = async () => {
    while (looking) {
      const count = (await counted(exporter)) - before;
      looks.push({ atMs: Date.now(), count });
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  };
  const watching = look();
  // A failure elsewhere ends the exporter, and the look under way with it: the first error is the one to tell.
  watching.catch(() => undefined);
  const commits = await pgbench({ url: server.url, ...load.run });
  const changes = commits.length * load.rows;
  await eventually(
    async () => looks.at(-1)?.count,
    (count) => count !== undefined && count >= changes,
    90_000,
  ).catch((error) => {
    throw new Error(`${changes} changes were committed: ${error}; ${exporter.output()}`);
  });
  looking = false;
  await watching;
  const cpuMs = cpuMsOf(pid) - cpuBeforeMs;
  const tookMs = performance.now() - startedMs;
  if (looks.at(-1)!.count !== changes) {
    throw new Error(`${changes} changes were committed and ${looks.at(-1)!.count} counted`);
  }
  const lags = lagsOf(commits, load.rows, looks);
  const method = `pgbench -M prepared, ${load.run.clients} clients, ${load.run.seconds} s, fsync on; lag: from the commit in pgbench's log to the first of the looks at /metrics (every ${LOOK_EVERY_MS} ms) that counts it; all ${changes.toLocaleString('en')} changes counted exactly`;
  const lag = (share: number) => quantile(lags, share);
  const seconds = (commits.at(-1)! - commits[0]!) / 1000;
  return [
    {
      name: `${load.name}: rate`,
      ours: changes / seconds,
      unit: 'changes/s',
      method,
      ...(load.atLeast === undefined ? {} : { atLeast: load.atLeast }),
    },
    { name: `${load.name}: lag p50`, ours: lag(0.5), unit: 'ms', method },
    {
      name: `${load.name}: lag p99`,
      ours: lag(0.99),
      unit: 'ms',
      method,
      ...(load.lagAtMostMs === undefined ? {} : { atMost: { ours: load.lagAtMostMs } }),
    },
    { name: `${load.name}: lag at worst`, ours: lag(1), unit: 'ms', method },
    {
      name: `${load.name}: processor of the exporter`,
      ours: (100 * cpuMs) / tookMs,
      unit: '% of one core',
      method: `${method}; the looks included`,
    },
    {
      name: `${load.name}: memory of the exporter at most`,
      ours: residentMibOf(pid, 'highest'),
      unit: 'MiB',
      method,
    },
  ];
}

/** All changes that /metrics counts. */
async function counted(exporter: ExporterProcess): Promise<number> {
  const samples = samplesOf(await exporter.metrics(), 'flow_transitions_total');
  return [...samples.values()].reduce((sum, value) => sum + value, 0);
}

/** The n-th commit is counted as soon as n commits are: the reader takes what is visible, all of it. */
function lagsOf(
  commits: readonly number[],
  rows: number,
  looks: readonly { readonly atMs: number; readonly count: number }[],
): { value: number; weight: number }[] {
  let at = 0;
  return commits.map((commitMs, n) => {
    while (looks[at]!.count < (n + 1) * rows) at += 1;
    return { value: looks[at]!.atMs - commitMs, weight: rows };
  });
}
