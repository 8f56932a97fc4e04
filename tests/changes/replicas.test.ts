/** Owns the proof that several exporters on one store count once: one leads, both tell the same, and another takes over. */
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHAOS_TABLE, createChaosTable, startWriter } from '../chaos/writer.js';
import {
  type ExporterProcess,
  eventually,
  labelOf,
  runCli,
  samplesOf,
  startExporterProcess,
  writeConfig,
} from '../harness/exporter.js';
import { type FreshDatabase, freshDatabase } from '../harness/fresh-database.js';
import { seeded } from './interleaving.js';

const directory = mkdtempSync(join(tmpdir(), 'flowgauge-replicas-'));
chmodSync(directory, 0o755);
let database: FreshDatabase;
let config: string;
const running = new Set<ExporterProcess>();

async function start(env: Readonly<Record<string, string>> = {}): Promise<ExporterProcess> {
  const exporter = await startExporterProcess(config, env);
  running.add(exporter);
  return exporter;
}

async function kill(exporter: ExporterProcess): Promise<void> {
  exporter.child.kill('SIGCONT');
  await exporter.kill();
  running.delete(exporter);
}

/** The one of them that says it leads; waits until exactly one does. */
async function leaderOf(exporters: readonly ExporterProcess[]): Promise<ExporterProcess> {
  const leaders = await eventually(
    async () => {
      const texts = await Promise.all(exporters.map((e) => e.metrics()));
      return exporters.filter((_, i) => [...samplesOf(texts[i]!, 'flowgauge_leader').values()][0] === 1);
    },
    (found) => found.length === 1,
  );
  return leaders[0]!;
}

function movesOf(text: string): Record<string, number> {
  const pairs = [...samplesOf(text, 'flow_transitions_total')].filter(([, n]) => n !== 0);
  return Object.fromEntries(pairs.map(([l, n]) => [`${labelOf(l, 'from')}>${labelOf(l, 'to')}`, n]));
}

async function holder(): Promise<string | undefined> {
  const [row] = await database.sql<{ holder: string }[]>`
    select holder from flowgauge.lease where expires_at > clock_timestamp()`;
  return row?.holder;
}

const pidOf = (exporter: ExporterProcess) => String(exporter.child.pid);

/** Process id of the holder; its name is host, process id, start. */
async function holderPid(): Promise<string | undefined> {
  return (await holder())?.split(' ')[1];
}

beforeAll(async () => {
  database = await freshDatabase();
  await createChaosTable(database.url);
  config = writeConfig(
    directory,
    `web: { listen_address: "127.0.0.1:0" }
source: { url: "${database.url}" }
journal: { page: 100, read_interval_min: 20ms, read_interval_max: 100ms }
flows:
  items: { table: ${CHAOS_TABLE}, key: id, status: status, capture: journal, audit_interval: 5s }
`,
  );
  const install = runCli(['install', '--apply', `--config.file=${config}`]);
  expect(await install.exit, install.output()).toBe(0);
});

afterAll(async () => {
  for (const exporter of running) {
    exporter.child.kill('SIGCONT');
    await exporter.kill();
  }
  await database?.drop();
  rmSync(directory, { recursive: true, force: true });
});

describe('two exporters on one store', () => {
  it('count once: through a frozen leader that wakes up, and a killed one', {
    timeout: 180_000,
  }, async () => {
    const [one, two] = [await start(), await start()];
    const first = await leaderOf([one, two]);
    const second = first === one ? two : one;
    await eventually(
      () => first.metrics(),
      (text) => samplesOf(text, 'flow_items').get('flow="items",status="new"') === 0,
    );
    const writer = startWriter(database.url, seeded(3), 2);
    try {
      // Both serve what the leader counts.
      await eventually(
        () => second.metrics(),
        (text) => (movesOf(text)['none>new'] ?? 0) > 20,
      );

      // Frozen while it works: whatever it held in memory is old when it wakes up.
      first.child.kill('SIGSTOP');
      await eventually(holderPid, (pid) => pid === pidOf(second), 40_000);
      const seen = movesOf(await second.metrics())['none>new']!;
      await eventually(
        () => second.metrics(),
        (text) => (movesOf(text)['none>new'] ?? 0) > seen + 20,
      );
      first.child.kill('SIGCONT');
      expect(await leaderOf([first, second])).toBe(second);

      // Killed: its successor on this host does not wait for the lease to run out.
      const [lease] = await database.sql<{ epoch: string }[]>`select epoch::text from flowgauge.lease`;
      second.child.kill('SIGKILL');
      await second.exit;
      running.delete(second);
      const taken = await eventually(
        async () => {
          const [row] = await database.sql<{ epoch: string; pid: string; early: boolean }[]>`
            select epoch::text, split_part(holder, ' ', 2) as pid,
                   expires_at > clock_timestamp() as early from flowgauge.lease`;
          return row!;
        },
        (row) => row.pid === pidOf(first),
      );
      expect(BigInt(taken.epoch)).toBeGreaterThan(BigInt(lease!.epoch));
      await leaderOf([first]);
    } finally {
      first.child.kill('SIGCONT');
      await writer.stop();
    }
    const third = await start();
    const truth = Object.fromEntries(writer.record.moves);
    for (const exporter of [first, third]) {
      const text = await eventually(
        () => exporter.metrics(),
        (t) => JSON.stringify(sorted(movesOf(t))) === JSON.stringify(sorted(truth)),
      ).catch(async () => exporter.metrics());
      expect(movesOf(text)).toEqual(truth);
      expect(samplesOf(text, 'flow_capture_gaps_total').get('flow="items"')).toBe(0);
      const living: Record<string, number> = { new: 0, open: 0, done: 0 };
      for (const status of writer.record.living.values()) living[status]! += 1;
      for (const [status, n] of Object.entries(living)) {
        expect(samplesOf(text, 'flow_items').get(`flow="items",status="${status}"`)).toBe(n);
      }
    }
  });

  it('hand the lead over at once when the leader is stopped in order', async () => {
    const [one, two] = [...running] as [ExporterProcess, ExporterProcess];
    const leader = await leaderOf([one, two]);
    const other = leader === one ? two : one;
    running.delete(leader);
    expect(await leader.stop()).toBe(0);
    // Given back, not run out: the other one finds it free at its next question.
    const [row] = await database.sql<{ pid: string; given: boolean }[]>`
      select split_part(holder, ' ', 2) as pid, expires_at <= clock_timestamp() as given from flowgauge.lease`;
    expect(row!.given || row!.pid === pidOf(other)).toBe(true);
    await eventually(holderPid, (pid) => pid === pidOf(other));
  });

  it('go on when the leader froze inside a transaction, though it keeps its locks', {
    timeout: 120_000,
  }, async () => {
    for (const exporter of running) await kill(exporter);
    const frozen = await start({ FLOWGAUGE_FAILPOINT: 'freeze:before_fold_commit' });
    await leaderOf([frozen]);
    const text = await eventually(
      () => frozen.metrics(),
      (answer) => samplesOf(answer, 'flow_items').has('flow="items",status="new"'),
    );
    const before = movesOf(text)['none>new'] ?? 0;
    await database.sql.unsafe(`insert into ${CHAOS_TABLE} (id, status) values ('frozen', 'new')`);
    await eventually(
      async () => readFileSync(`/proc/${frozen.child.pid}/stat`, 'utf8'),
      (stat) => / T /.test(stat),
    );
    const successor = await start();
    await eventually(
      () => successor.metrics(),
      (answer) => movesOf(answer)['none>new'] === before + 1,
      50_000,
    );
    await kill(frozen);
  });
});

function sorted(record: Record<string, number>): [string, number][] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}
