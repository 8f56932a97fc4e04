/** Checks moves per day: stored with the fold, cut at midnight UTC, told without holes, forgotten when old. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Flow } from '../../src/flows/flow.js';
import { fold } from '../../src/flows/tracker.js';
import { arrangeDays, forgetDaysJob, readFlowDays, sumOfDays } from '../../src/operations/flow-days.js';
import { storeBaseline } from '../../src/storage/baseline-store.js';
import { type Database, openDatabase } from '../../src/storage/database.js';
import { KEPT_DAYS } from '../../src/storage/flow-days.js';
import { commitFold, loadState, StaleStateError, stopReading } from '../../src/storage/flow-store.js';
import { migrate } from '../../src/storage/migrations.js';
import { type PostgresServer, startPostgres } from '../harness/postgres.js';

const DAY_MS = 86_400_000;
const flow: Flow = {
  name: 'tokens',
  table: { schema: 'public', name: 'tokens' },
  key: ['id'],
  status: 'status',
  createdAt: undefined,
  updatedAt: undefined,
  movedAt: undefined,
  repeats: 'ignore',
  statuses: ['monitoring', 'active'],
  moves: undefined,
  limits: new Map(),
  reason: undefined,
};

describe('arrangeDays', () => {
  const since = Date.UTC(2026, 1, 26, 14);
  const stored = {
    today: '2026-03-01',
    countedSinceMs: since,
    lastGapMs: undefined,
    rows: [
      { day: '2026-02-26', from: 'none', to: 'monitoring', count: 3 },
      { day: '2026-02-28', from: 'monitoring', to: 'active', count: 2 },
      { day: '2026-02-28', from: 'active', to: 'none', count: 1 },
    ],
  };

  it('tells days without a move as 0, and none before the counting began', () => {
    const told = arrangeDays('tokens', stored, 30);
    expect([told.from, told.to]).toEqual(['2026-02-26', '2026-03-01']);
    expect(told.days.map((d) => [d.day, d.arrived, d.moved, d.departed])).toEqual([
      ['2026-02-26', 3, 0, 0],
      ['2026-02-27', 0, 0, 0],
      ['2026-02-28', 0, 2, 1],
      ['2026-03-01', 0, 0, 0],
    ]);
    expect(told.countedSince.toISOString()).toBe('2026-02-26T14:00:00.000Z');
  });

  it('tells as many days as were asked for, today included', () => {
    expect(arrangeDays('tokens', stored, 1).days.map(({ day }) => day)).toEqual(['2026-03-01']);
    expect(arrangeDays('tokens', stored, 2).from).toBe('2026-02-28');
  });

  it('tells today when the clock was set back behind the beginning', () => {
    const told = arrangeDays('tokens', { ...stored, today: '2026-02-20', rows: [] }, 7);
    expect(told.days.map(({ day }) => day)).toEqual(['2026-02-20']);
  });

  it('sums pairs over the days, the most frequent first', () => {
    expect(sumOfDays(arrangeDays('tokens', stored, 30))).toEqual([
      { from: 'none', to: 'monitoring', count: 3 },
      { from: 'monitoring', to: 'active', count: 2 },
      { from: 'active', to: 'none', count: 1 },
    ]);
  });
});

describe('the stored days', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server?.stop());

  async function counted(): Promise<Database> {
    const db = openDatabase({
      url: await server.newDatabase(),
      role: 'store',
      max: 2,
      applicationName: 'flowgauge-test',
    });
    onTestFinished(() => db.close(1_000));
    await migrate(db, { deadlineMs: 20_000 });
    await storeBaseline(
      db,
      flow,
      { expectedVersion: undefined, mode: 'journal', gapReason: undefined, gaps: 0, faultsSeen: 0 },
      [1],
      async () => ({ seen: '3:3:', upto: undefined, id: 0n, pollAtUs: undefined }),
      () => {},
    );
    return db;
  }

  async function move(db: Database, moments: readonly number[], fail = false): Promise<void> {
    const state = await loadState(db, flow.name);
    const delta = fold(
      flow,
      new Map(),
      moments.map((ms, n) => ({
        key: `k${n}-${ms}`,
        from: null,
        to: 'monitoring',
        reason: undefined,
        atUs: ms * 1000,
      })),
      [1],
    );
    const facts = { next: state!.cursor, gaps: 0, gapReason: undefined, faultsSeen: 0 };
    await commitFold(db, flow.name, state!.version, delta, facts, [1], () => {
      if (fail) throw new Error('killed before the commit');
    });
  }

  const days = async (db: Database, count: number) =>
    (await readFlowDays(db, flow.name, count))?.days.map((d) => [d.day, d.arrived]);
  const rows = (db: Database) =>
    db.run('rows', 5_000, async (sql) =>
      (await sql`select day::text, moves::int from flowgauge.flow_days order by 1`).map((r) => [
        r.day,
        r.moves,
      ]),
    );
  const since = (db: Database, daysAgo: number) =>
    db.run(
      'since',
      5_000,
      (sql) =>
        sql`update flowgauge.flow_state set counted_since = now() - make_interval(days => ${daysAgo}::int)`,
    );
  /** Midnight may pass during a test: today as the store says it, when it said it. */
  const today = async (db: Database): Promise<number> => {
    const told = await readFlowDays(db, flow.name, 1);
    return Date.parse(`${told!.to}T00:00:00Z`);
  };
  const name = (ms: number) => new Date(ms).toISOString().slice(0, 10);

  it('are cut at midnight UTC, and add up over folds', async () => {
    const db = await counted();
    const midnight = await today(db);
    await since(db, 3);
    await move(db, [midnight - 1, midnight, midnight + 1]);
    await move(db, [midnight - 1]);
    expect(await days(db, 3)).toEqual([
      [name(midnight - 2 * DAY_MS), 0],
      [name(midnight - DAY_MS), 2],
      [name(midnight), 2],
    ]);
  });

  it('are not changed by a fold that was not stored', async () => {
    const db = await counted();
    const midnight = await today(db);
    await move(db, [midnight]);
    await expect(move(db, [midnight], true)).rejects.toThrow('killed before the commit');
    expect(await rows(db)).toEqual([[name(midnight), 1]]);
    const stale = commitFold(
      db,
      flow.name,
      99n,
      fold(
        flow,
        new Map(),
        [{ key: 'a', from: null, to: 'active', reason: undefined, atUs: midnight * 1000 }],
        [1],
      ),
      {
        next: { seen: '3:3:', upto: undefined, id: 0n, pollAtUs: undefined },
        gaps: 0,
        gapReason: undefined,
        faultsSeen: 0,
      },
      [1],
      () => {},
    );
    await expect(stale).rejects.toThrow(StaleStateError);
    expect(await rows(db)).toEqual([[name(midnight), 1]]);
  });

  it('take moves of tomorrow as of today, and none that are too old to be kept', async () => {
    const db = await counted();
    const midnight = await today(db);
    await move(db, [midnight + 40 * DAY_MS, midnight, midnight - KEPT_DAYS * DAY_MS, 8.64e15, -8.64e15]);
    expect(await rows(db)).toEqual([[name(midnight), 3]]);
  });

  it('are forgotten after a year and a month', async () => {
    const db = await counted();
    const midnight = await today(db);
    await db.run(
      'old',
      5_000,
      (sql) => sql`
      insert into flowgauge.flow_days select 'gone', (now() at time zone 'UTC')::date - d, 'a', 'b', 1
        from unnest('{0,399,400,401}'::int[]) d`,
    );
    await forgetDaysJob(db, () => false).run(new AbortController().signal, () => {});
    expect(await rows(db)).toHaveLength(4);
    await forgetDaysJob(db, () => true).run(new AbortController().signal, () => {});
    expect(await rows(db)).toEqual([
      [name(midnight - 399 * DAY_MS), 1],
      [name(midnight), 1],
    ]);
  });

  it('are unknown while the moves of a flow are not counted', async () => {
    const db = await counted();
    expect(await readFlowDays(db, 'orders', 7)).toBeUndefined();
    await db.run('snapshot', 5_000, (sql) => sql`update flowgauge.flow_state set mode = 'snapshot'`);
    expect(await readFlowDays(db, flow.name, 7)).toBeUndefined();
  });

  it('begin where they began, also after a repair', async () => {
    const db = await counted();
    await since(db, 5);
    const before = await readFlowDays(db, flow.name, 90);
    const state = await loadState(db, flow.name);
    await storeBaseline(
      db,
      flow,
      { expectedVersion: state!.version, mode: 'journal', gapReason: 'drift', gaps: 1, faultsSeen: 0 },
      [1],
      async () => state!.cursor,
      () => {},
    );
    const after = await readFlowDays(db, flow.name, 90);
    expect(after!.countedSince).toEqual(before!.countedSince);
    expect([before!.lastGapAt, after!.lastGapAt]).toEqual([undefined, expect.any(Date)]);
    expect(after!.days.length).toBeGreaterThanOrEqual(6);
  });

  async function countedAgain(db: Database): Promise<void> {
    const state = await loadState(db, flow.name);
    await storeBaseline(
      db,
      flow,
      { expectedVersion: state!.version, mode: 'journal', gapReason: 'mode_changed', gaps: 1, faultsSeen: 0 },
      [1],
      async () => state!.cursor,
      () => {},
    );
  }

  it('begin anew after weeks in which nobody read the changes: those are not told as 0', async () => {
    const db = await counted();
    await since(db, 30);
    await stopReading(db, flow.name);
    await db.run(
      'long ago',
      5_000,
      (sql) => sql`update flowgauge.flow_state set updated_at = now() - interval '14 days'`,
    );
    await countedAgain(db);
    const told = await readFlowDays(db, flow.name, 90);
    expect(told!.days.map(({ day }) => day)).toEqual([told!.to]);
    expect(told!.countedSince).toEqual(told!.lastGapAt);
  });

  it('go on after a change of the mode that no whole day fell into', async () => {
    const db = await counted();
    await since(db, 5);
    await stopReading(db, flow.name);
    await countedAgain(db);
    expect((await readFlowDays(db, flow.name, 90))!.days.length).toBeGreaterThanOrEqual(6);
  });
});
