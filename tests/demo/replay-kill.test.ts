/** Owns the proof that a replay survives kills and lost connections without losing or doubling an event. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createRandom } from '../../src/demo/random.js';
import { prepareReplay, REPLAY_TABLE, replay } from '../../src/demo/replay.js';
import { type FreshDatabase, freshDatabase } from '../harness/fresh-database.js';
import { ended } from '../harness/processes.js';
import { recordReplay } from './move-record.js';
import { expectRecordEqualsFile } from './replay-check.js';
import { type CompiledDemo, compileDemo } from './replay-child.js';
import { SAMPLE_COLUMNS, sampleLog } from './sample-log.js';

let directory: string;
let sample: string;
let database: FreshDatabase;
let sql: postgres.Sql;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'flowgauge-replay-'));
  sample = join(directory, 'sample.csv');
  writeFileSync(sample, sampleLog(5, 3_000));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));
beforeEach(async () => {
  database = await freshDatabase();
  sql = database.sql;
});
afterEach(() => database.drop());

const storedEvents = async () => {
  const [row] = await sql<{ events: number }[]>`
    SELECT coalesce(sum(events), 0)::int AS events FROM replay_position`;
  return row!.events;
};

describe('kills', () => {
  let demo: CompiledDemo;
  beforeAll(() => {
    demo = compileDemo();
  });
  afterAll(() => demo.remove());

  test('a replay killed again and again loses nothing and doubles nothing', async () => {
    await prepareReplay(database.url);
    await recordReplay(sql, REPLAY_TABLE);
    const options = {
      file: sample,
      url: database.url,
      columns: SAMPLE_COLUMNS,
      speed: 'unlimited',
      eventsPerTransaction: 3,
    } as const;
    const random = createRandom('kills');
    let kills = 0;
    for (let round = 0; round < 8; round++) {
      const start = await storedEvents();
      const wanted = start + random.uniform(1, 250);
      const child = demo.start(options);
      while ((await storedEvents()) < wanted && child.exitCode === null);
      child.kill('SIGKILL');
      await ended(child);
      if (child.signalCode === 'SIGKILL') kills += 1;
    }
    // On a busy machine one replay may end before its kill, and the later ones have nothing left to do.
    expect(kills).toBeGreaterThanOrEqual(3);
    const child = demo.start(options);
    await ended(child);
    expect(child.exitCode).toBe(0);
    await expectRecordEqualsFile(sql, sample, SAMPLE_COLUMNS);
  });

  test('a lost connection is told, and the next call goes on', async () => {
    const options = {
      file: sample,
      url: database.url,
      columns: SAMPLE_COLUMNS,
      eventsPerTransaction: 2,
    } as const;
    await prepareReplay(database.url);
    await recordReplay(sql, REPLAY_TABLE);
    const cut = replay({ ...options, speed: 'unlimited' }).catch((error: unknown) => error);
    await expect.poll(storedEvents, { timeout: 20_000, interval: 5 }).toBeGreaterThan(100);
    // The lock holds the replay inside a transaction, where a lost connection hurts most.
    await sql.begin(async (tx) => {
      await tx`LOCK TABLE ${tx(REPLAY_TABLE)} IN SHARE MODE`;
      await expect
        .poll(
          () => sql`
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = 'flowgauge-replay' AND wait_event_type = 'Lock'`,
          { timeout: 20_000, interval: 5 },
        )
        .toHaveLength(1);
    });
    expect(await cut).toMatchObject({ code: 'REPLAY_INTERRUPTED' });
    const rest = await replay({ ...options, speed: 'unlimited' });
    expect(rest.outcome).toBe('finished');
    await expectRecordEqualsFile(sql, sample, SAMPLE_COLUMNS);
  });
});
