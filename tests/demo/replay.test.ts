/** Owns the proof that a replayed log and the table's own history agree with SQL over the file. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readEventLog } from '../../src/demo/event-log.js';
import {
  parseReplaySpeed,
  planSteps,
  prepareReplay,
  REPLAY_TABLE,
  replay,
  type TieRule,
} from '../../src/demo/replay.js';
import { type FreshDatabase, freshDatabase } from '../harness/fresh-database.js';
import { recordedMoves, recordReplay } from './move-record.js';
import { expectRecordEqualsFile, moveCount, trueMoves } from './replay-check.js';
import { loadTruth } from './replay-truth.js';
import { SAMPLE_COLUMNS, SAMPLE_STATUSES, sampleLog } from './sample-log.js';

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

function logFile(text: string): string {
  const file = join(directory, `log-${Math.random().toString(36).slice(2)}.csv`);
  writeFileSync(file, text);
  return file;
}

const truth = (repeats: 'ignore' | 'count', ties: TieRule) => trueMoves(sql, repeats, ties);

/** Replays with a recorder on the table and compares moves, dwell times and final rows with the file itself. */
async function expectEqualToFile(file: string, columns: typeof SAMPLE_COLUMNS): Promise<void> {
  await prepareReplay(database.url);
  await recordReplay(sql, REPLAY_TABLE);
  const result = await replay({ file, url: database.url, columns, speed: 'unlimited' });
  await expectRecordEqualsFile(sql, file, columns);
  expect(result).toMatchObject({ outcome: 'finished', resumedAt: 0, written: result.events });
}

describe('truth', () => {
  test('counts moves and dwell times of a log small enough to check by hand', async () => {
    const file = logFile(
      'ticket,step,done at\na,1,2020-01-01 00:00:00\na,1,2020-01-01 00:00:10\na,1,2020-01-01 00:00:10\na,2,2020-01-01 00:01:00\nb,1,2020-01-01T02:00:00+02:00\na,1,2020-01-01 00:01:30\n',
    );
    await loadTruth(sql, file, SAMPLE_COLUMNS);
    expect(await truth('count', 'as-written')).toEqual([
      { from_status: '1', to_status: '1', moves: 2, seconds: '10.000000' },
      { from_status: '1', to_status: '2', moves: 1, seconds: '50.000000' },
      { from_status: '2', to_status: '1', moves: 1, seconds: '30.000000' },
      { from_status: 'none', to_status: '1', moves: 2, seconds: '0.000000' },
    ]);
    expect((await truth('count', 'spread')).slice(0, 2)).toEqual([
      { from_status: '1', to_status: '1', moves: 2, seconds: '10.000001' },
      { from_status: '1', to_status: '2', moves: 1, seconds: '49.999999' },
    ]);
    expect(await truth('ignore', 'as-written')).toEqual([
      { from_status: '1', to_status: '2', moves: 1, seconds: '60.000000' },
      { from_status: '2', to_status: '1', moves: 1, seconds: '30.000000' },
      { from_status: 'none', to_status: '1', moves: 2, seconds: '0.000000' },
    ]);
  });
});

describe('replay', () => {
  test('every move and every dwell time of the table equals the file, repeats included', async () => {
    await expectEqualToFile(sample, SAMPLE_COLUMNS);
    const moves = await recordedMoves(sql);
    // The sample must have what makes this hard, or the equality above would prove little.
    for (const status of SAMPLE_STATUSES) {
      expect(moves.some((pair) => pair.from_status === status && pair.to_status === status)).toBe(true);
    }
    expect(moveCount(await truth('count', 'as-written'))).toBeGreaterThan(
      moveCount(await truth('ignore', 'as-written')),
    );
  });

  const real = process.env.FLOWGAUGE_REPLAY_LOG;
  test.runIf(real)('the same for the log that FLOWGAUGE_REPLAY_LOG names', async () => {
    const [item, status, time] = (
      process.env.FLOWGAUGE_REPLAY_COLUMNS ?? 'CaseID,ActivityID,CompleteTimestamp'
    ).split(',');
    await expectEqualToFile(real!, { item: item!, status: status!, time: time! });
  });

  test('as written, an event that repeats the status at the same time is invisible', async () => {
    const text =
      'ticket,step,done at\na,1,2020-01-01 00:00:00\na,1,2020-01-01 00:00:00\na,2,2020-01-01 00:00:00\n';
    await prepareReplay(database.url);
    await recordReplay(sql, REPLAY_TABLE);
    const result = await replay({
      file: logFile(text),
      url: database.url,
      columns: SAMPLE_COLUMNS,
      speed: 'unlimited',
      ties: 'as-written',
    });
    expect(result).toMatchObject({ written: 3, spread: 0 });
    expect(
      [...(await recordedMoves(sql))].map((pair) => [pair.from_status, pair.to_status, pair.moves]),
    ).toEqual([
      ['1', '2', 1],
      ['none', '1', 1],
    ]);
  });

  test('one transaction holds many events, one statement each item once, and event numbers follow the time', async () => {
    await replay({
      file: sample,
      url: database.url,
      columns: SAMPLE_COLUMNS,
      speed: 'unlimited',
      eventsPerTransaction: 7,
    });
    const log = await readEventLog(sample, SAMPLE_COLUMNS);
    const last = new Map(log.events.map((event, at) => [event.item, at + 1]));
    const rows = await sql<{ item: string; no: number }[]>`
      SELECT item, event_no::int AS no FROM ${sql(REPLAY_TABLE)}`;
    expect(new Map(rows.map((row) => [row.item, row.no]))).toEqual(last);
  });

  test('a finished replay has nothing left to do; restart empties the table and plays again', async () => {
    const options = { file: sample, url: database.url, columns: SAMPLE_COLUMNS, speed: 'unlimited' } as const;
    const first = await replay(options);
    expect(await replay(options)).toEqual({ ...first, resumedAt: first.events, written: 0 });
    await recordReplay(sql, REPLAY_TABLE);
    expect(await replay({ ...options, resume: 'restart' })).toEqual(first);
    const gone = (await recordedMoves(sql)).filter((pair) => pair.to_status === 'none');
    expect(moveCount(gone)).toBe(first.items);
  });

  test('keeps the pace of the log, and stops when told', async () => {
    const text = `ticket,step,done at\n${Array.from({ length: 50 }, (_, at) => `a,${at},2020-01-01 00:00:${String(at).padStart(2, '0')}`).join('\n')}\n`;
    const options = { file: logFile(text), url: database.url, columns: SAMPLE_COLUMNS, speed: 100 };
    await prepareReplay(database.url);
    await recordReplay(sql, REPLAY_TABLE);
    // The clock of the replay: 305 ms pass, then it is told to stop.
    const ending = new AbortController();
    let now = 0;
    const result = await replay({
      ...options,
      signal: ending.signal,
      nowMs: () => {
        const at = now;
        now = Math.min(now + 5, 305);
        if (at === 305) setTimeout(() => ending.abort(), 50);
        return at;
      },
    });
    expect(result).toMatchObject({ outcome: 'stopped', written: 31 });
    expect(moveCount(await recordedMoves(sql))).toBe(31);
    expect(await replay({ ...options, speed: 'unlimited' })).toMatchObject({
      outcome: 'finished',
      resumedAt: 31,
      written: 19,
    });
  });

  test('a bad row refuses the file before anything is written', async () => {
    const file = logFile('ticket,step,done at\na,1,2020-01-01 00:00:00\nb,1,soon\n');
    await expect(
      replay({ file, url: database.url, columns: SAMPLE_COLUMNS, speed: 'unlimited' }),
    ).rejects.toThrow('line 3: done at is "soon"; write YYYY-MM-DD HH:MM:SS (UTC) or ISO 8601');
    expect(await sql`SELECT to_regclass('replay_items') AS name`).toMatchObject([{ name: null }]);
  });

  test('another file, a table of somebody else and options out of bounds are refused', async () => {
    const options = { file: sample, url: database.url, columns: SAMPLE_COLUMNS, speed: 'unlimited' } as const;
    await replay(options);
    const other = logFile(sampleLog(6, 10));
    await expect(replay({ ...options, file: other })).rejects.toMatchObject({ code: 'REPLAY_OTHER_LOG' });
    await sql`CREATE TABLE orders (item text PRIMARY KEY, status text)`;
    await expect(replay({ ...options, table: 'orders' })).rejects.toMatchObject({
      code: 'DEMO_TABLE_FOREIGN',
    });
    await expect(replay({ ...options, speed: 0 })).rejects.toMatchObject({ code: 'REPLAY_OPTION_INVALID' });
    await expect(replay({ ...options, eventsPerTransaction: 0 })).rejects.toThrow(
      'eventsPerTransaction must be from 1 to 5000, got 0',
    );
  });

  test('of two replays into one table at once, one gives way, and nothing is doubled', async () => {
    const options = { file: sample, url: database.url, columns: SAMPLE_COLUMNS, speed: 'unlimited' } as const;
    await prepareReplay(database.url);
    await recordReplay(sql, REPLAY_TABLE);
    const both = await Promise.allSettled([
      replay({ ...options, eventsPerTransaction: 2 }),
      replay({ ...options, eventsPerTransaction: 2 }),
    ]);
    const refused = both.filter((run) => run.status === 'rejected');
    expect(refused.map((run) => run.reason.code)).toEqual(['REPLAY_BUSY']);
    await expectRecordEqualsFile(sql, sample, SAMPLE_COLUMNS);
  });

  test('a table with an awkward name is quoted', async () => {
    await sql`CREATE SCHEMA "My ""Shop"`;
    const table = 'My "Shop.Order Lines';
    const result = await replay({
      file: sample,
      url: database.url,
      columns: SAMPLE_COLUMNS,
      speed: 'unlimited',
      table,
    });
    const [row] = await sql`SELECT count(*)::int AS rows FROM "My ""Shop"."Order Lines"`;
    expect(row!.rows).toBe(result.items);
  });
});

describe('plan', () => {
  test('spreads only events that nothing in the row would show, and never lets time run backwards', () => {
    const events = [
      ['a', '1', 5],
      ['a', '1', 5],
      ['b', '1', 5],
      ['a', '1', 5],
      ['a', '2', 5],
      ['a', '2', 8],
      ['a', '3', 8],
    ].map(([item, status, timeUs]) => ({
      item: String(item),
      status: String(status),
      timeUs: Number(timeUs),
    }));
    expect(planSteps(events, 'spread').map((step) => step.movedUs)).toEqual([5, 6, 5, 7, 7, 8, 8]);
    expect(planSteps(events, 'as-written').map((step) => step.movedUs)).toEqual([5, 5, 5, 5, 5, 8, 8]);
  });

  test('speed is a number with or without x, or unlimited', () => {
    expect([parseReplaySpeed('100000x'), parseReplaySpeed('2.5'), parseReplaySpeed('unlimited')]).toEqual([
      100_000,
      2.5,
      'unlimited',
    ]);
    for (const wrong of ['', 'fast', '0', '-1', '1e9', 'Infinity']) {
      expect(() => parseReplaySpeed(wrong)).toThrow(
        expect.objectContaining({ code: 'REPLAY_OPTION_INVALID' }),
      );
    }
  });
});
