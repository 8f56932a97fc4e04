/** Owns the proof that what the capture missed is found, repaired and told once, and costs no count of what it saw. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { openJournal } from '../../src/changes/journal.js';
import type { FlowWatcher } from '../../src/changes/watcher.js';
import { openDatabase } from '../../src/storage/database.js';
import { startPostgres } from '../harness/postgres.js';
import { journalOf, watch } from './captured.js';
import { drain, gapsOf, ON, round, rowsByStatus, type Watching, watching } from './watching.js';

const THREE = `create table items (id int primary key, status text);
  insert into items values (1, 'a'), (2, 'a'), (3, 'b');`;
const PARTED = `create table items (id int primary key, status text) partition by range (id);
  create table items_1 partition of items for values from (0) to (100);
  create table late (id int primary key, status text);
  insert into items values (1, 'a'), (2, 'a'), (3, 'b'); insert into late values (101, 'a'), (102, 'c');`;

/** One captured move before, one in the middle of, one after the accident; all three must be counted. */
async function around(w: Watching, reader: FlowWatcher, accident: () => Promise<unknown>): Promise<void> {
  await drain(reader);
  await w.sql`update items set status = 'c' where id = 3`;
  await drain(reader);
  await accident();
  await w.sql`insert into items values (50, 'b')`;
  await drain(reader);
  await reader.lookBehind(ON);
  await reader.audit(ON);
  await w.sql`delete from items where id = 50`;
  await drain(reader);
  expect((await reader.audit(ON)).repaired).toBe(false);
  const told = await w.told();
  expect(told.items).toEqual(await rowsByStatus(w.sql));
  expect(told.moves).toEqual({ 'b>c': 1, 'none>b': 1, 'b>none': 1 });
  expect(told.gaps).toBe(1);
}

describe('an audit', () => {
  it('finds nothing where nothing was missed, whatever waits in the journal', async () => {
    const w = await watching(THREE);
    const reader = w.reader();
    await drain(reader);
    await w.sql`update items set status = 'c'`;
    await w.sql`insert into items values (4, 'zombie')`;
    const audit = await reader.audit(ON);
    expect(audit.repaired).toBe(false);
    expect(Object.fromEntries(audit.drift)).toEqual({ a: 0, b: 0, c: 0, other: 0 });
    await drain(reader);
    expect(await w.told()).toMatchObject({ moves: { 'a>c': 2, 'b>c': 1, 'none>other': 1 }, gaps: 0 });
  });

  it.each<[string, string, (w: Watching) => Promise<unknown>, string]>([
    ['TRUNCATE', THREE, (w) => w.sql`truncate items`, 'truncated +0 -3 ~0'],
    [
      'session_replication_role = replica',
      THREE,
      (w) =>
        w.sql.begin(async (tx) => {
          await tx`set local session_replication_role = replica`;
          await tx`update items set status = 'b' where id = 1`;
          await tx`delete from items where id = 2`;
          await tx`insert into items values (9, 'a'), (10, 'c')`;
        }),
      'drift +2 -1 ~1',
    ],
    [
      'a trigger that is disabled for a while',
      THREE,
      async (w) => {
        await w.sql`alter table items disable trigger flowgauge_items_update`;
        await w.sql`update items set status = 'b' where id <= 2`;
        await w.sql`alter table items enable trigger flowgauge_items_update`;
      },
      'drift +0 -0 ~2',
    ],
    [
      'ALTER TABLE … ATTACH PARTITION',
      PARTED,
      (w) => w.sql`alter table items attach partition late for values from (100) to (200)`,
      'drift +2 -0 ~0',
    ],
    [
      'ALTER TABLE … DETACH PARTITION',
      `${PARTED} alter table items attach partition late for values from (100) to (200);`,
      (w) => w.sql`alter table items detach partition late`,
      'drift +0 -2 ~0',
    ],
    [
      'a hand in our own tables',
      THREE,
      async (w) => {
        await w.sql`delete from flowgauge.flow_items where key = '1'`;
        await w.sql`update flowgauge.flow_population set items = 7 where status = 'a'`;
      },
      'drift +1 -0 ~0',
    ],
  ])(
    'finds %s, repairs the gauges, tells one gap, and keeps the counters exact',
    async (_, setup, accident, gap) => {
      const w = await watching(setup);
      await around(w, w.reader(), () => accident(w));
      expect(gapsOf(w.events)).toEqual([gap]);
    },
  );

  it('tells a gap once that a broken chain shows first, and once only however many pages it breaks', async () => {
    const w = await watching(`${THREE} insert into items select n, 'a' from generate_series(10, 60) n;`);
    const reader = w.reader({ pageSize: 5 });
    await drain(reader);
    await w.sql.begin(async (tx) => {
      await tx`set local session_replication_role = replica`;
      await tx`update items set status = 'b' where id >= 10`;
      await tx`insert into items values (70, 'c')`;
    });
    await w.sql`update items set status = 'c' where id >= 10 and id < 40`;
    await drain(reader);
    await w.sql`update items set status = 'c' where id >= 40 and id < 61`;
    await round(reader);
    expect(await w.told()).toMatchObject({ moves: { 'b>c': 51 }, items: { a: 2, b: 1, c: 52 }, gaps: 1 });
    expect(gapsOf(w.events)).toEqual(['broken_chain +1 -0 ~0']);
  });

  it('tells a gap that left no difference behind', async () => {
    const w = await watching(THREE);
    const reader = w.reader();
    await drain(reader);
    await w.sql.begin(async (tx) => {
      await tx`set local session_replication_role = replica`;
      await tx`update items set status = 'b' where id = 1`;
    });
    await w.sql`update items set status = 'a' where id = 1`;
    await round(reader);
    expect(await w.told()).toMatchObject({ moves: { 'b>a': 1 }, items: { a: 2, b: 1 }, gaps: 1 });
    expect(gapsOf(w.events)).toEqual(['broken_chain +0 -0 ~0']);
  });

  it('that cannot be repaired keeps asking, counts on meanwhile, and tells one gap in the end', async () => {
    const w = await watching(THREE);
    const journal = openJournal(w.source, w.flow);
    let broken = true;
    const reader = w.reader({
      source: {
        ...journal,
        baseline: (...args) => (broken ? Promise.reject(new Error('disk full')) : journal.baseline(...args)),
      },
    });
    await drain(w.reader());
    await w.sql`truncate items`;
    await w.sql`insert into items values (1, 'b')`;
    for (let n = 0; n < 3; n += 1) {
      await drain(reader);
      await expect(reader.audit(ON)).rejects.toThrow('disk full');
      expect(reader.wantsAudit).toBe(true);
      await w.sql`update items set status = case status when 'b' then 'c' else 'b' end`;
    }
    broken = false;
    await round(reader);
    expect(await w.told()).toMatchObject({
      moves: { 'none>b': 1, 'b>c': 2, 'c>b': 1 },
      items: { c: 1 },
      gaps: 1,
    });
    expect(gapsOf(w.events)).toEqual(['truncated +0 -2 ~0']);
  });

  it('repairs with what the journal still holds counted, in any number of batches', async () => {
    const w = await watching(THREE);
    const reader = w.reader({ pageSize: 100 });
    await drain(reader);
    await w.sql`insert into items select n, 'a' from generate_series(10, 25009) n`;
    await w.sql`update items set status = 'b' where id >= 10`;
    await w.sql`delete from flowgauge.flow_items where key = '1'`;
    await w.sql`update flowgauge.flow_population set items = 0 where status = 'a'`;
    await reader.step(ON);
    expect((await reader.audit(ON)).repaired).toBe(true);
    expect((await w.told()).moves).toEqual({ 'none>a': 25_000, 'a>b': 25_000 });
    await drain(reader);
    expect(await w.told()).toMatchObject({
      moves: { 'none>a': 25_000, 'a>b': 25_000 },
      stays: { 'a>b': 25_000 },
      gaps: 1,
    });
    expect(await journalOf(w.sql, w.flow)).toEqual([]);
  });
});

describe('another source', () => {
  it('of another mode begins with a baseline and tells the gap', async () => {
    const w = await watching(
      `create table items (id int primary key, status text, updated timestamptz default now());
       insert into items (id, status) values (1, 'a'), (2, 'b');`,
      { updatedAt: 'updated' },
    );
    await drain(w.reader());
    await w.sql`update items set status = 'b' where id = 1`;
    await w.sql`insert into flowgauge.flow_totals values ('items', 'a', 'b', 5, 0)`;
    await w.sql`update flowgauge.flow_state set mode = 'poll'`;
    await drain(w.reader());
    expect(await w.told()).toMatchObject({ moves: { 'a>b': 5 }, items: { b: 2 }, gaps: 1 });
    expect(gapsOf(w.events)).toEqual(['mode_changed +0 -0 ~1']);
    expect(await journalOf(w.sql, w.flow)).toEqual([]);
  });

  it('whose transactions are behind begins with a baseline and tells the gap', async () => {
    const w = await watching(THREE);
    await drain(w.reader());
    await w.sql`update items set status = 'c' where id = 3`;
    await drain(w.reader());
    const server = await startPostgres();
    onTestFinished(() => server.stop());
    await watch(server.sql, THREE);
    await server.sql`select nextval('flowgauge_capture.items_faults') from generate_series(1, 2)`;
    await server.sql`insert into items values (4, 'a')`;
    // The shared server has run many tests, but perhaps this is the first.
    const own = Number((await server.sql`select pg_current_xact_id()::text as x`)[0]!.x);
    const [state] = await w.sql`select cursor_seen as seen from flowgauge.flow_state`;
    const seen = Math.max(own + 10_000, Number((state!.seen as string).split(':')[1]));
    await w.sql`update flowgauge.flow_state set cursor_seen = ${`${seen}:${seen}:`}`;
    const db = openDatabase({ url: server.url, role: 'source', max: 2, applicationName: 'test' });
    onTestFinished(() => db.close(500));
    const reader = w.reader({ source: openJournal(db, w.flow) });
    await expect(reader.step(ON)).rejects.toMatchObject({ code: 'SOURCE_WENT_BACK' });
    await server.sql`update items set status = 'b' where id = 4`;
    await round(reader);
    expect(await w.told()).toMatchObject({ moves: { 'b>c': 1, 'a>b': 1 }, items: { a: 2, b: 2 }, gaps: 1 });
    expect(gapsOf(w.events)).toEqual(['source_went_back +1 -0 ~1']);
  });
});
