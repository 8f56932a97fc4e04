/** Owns the proof that a flow's reader counts exactly: from its baseline on, across failures, and beside other readers. */
import { describe, expect, it } from 'vitest';
import { openJournal } from '../../src/changes/journal.js';
import { Turns } from '../../src/changes/turns.js';
import { faultsOf, journalOf } from './captured.js';
import { RECORDED_ITEMS } from './interleaving.js';
import { drain, ON, rowsByStatus, watching } from './watching.js';

const ITEMS = 'create table items (id int primary key, status text);';
const THREE = `${ITEMS} insert into items values (1, 'a'), (2, 'a'), (3, 'b');`;

describe('a baseline', () => {
  it('neither counts nor forgets the rows that are there', async () => {
    const w = await watching(`${THREE} insert into items values (4, 'zombie'), (5, null)`);
    const reader = w.reader();
    await drain(reader);
    expect(await w.told()).toEqual({ moves: {}, items: { a: 2, b: 1, other: 2 }, stays: {}, gaps: 0 });
    expect(w.events).toEqual([{ kind: 'baseline', flow: 'items', items: 5 }]);
    await w.sql`update items set status = 'b' where id <= 2`;
    await w.sql`delete from items where id > 3`;
    await drain(reader);
    expect(await w.told()).toEqual({
      moves: { 'a>b': 2, 'other>none': 2 },
      items: { b: 3 },
      // Nobody saw when these stays began.
      stays: {},
      gaps: 0,
    });
  });

  it('takes the stays that began before it from the moved_at column', async () => {
    const w = await watching(
      `create table items (id int primary key, status text, moved timestamptz);
       insert into items values (1, 'a', now() - interval '10 seconds'), (2, 'a', null), (3, 'a', 'infinity')`,
      { movedAt: 'moved' },
    );
    const reader = w.reader();
    await drain(reader);
    await w.sql`update items set status = 'b', moved = now()`;
    await w.sql`update items set status = 'c', moved = 'infinity' where id = 3`;
    await w.sql`update items set status = 'a', moved = '-infinity' where id = 3`;
    expect((await reader.lookBehind(ON)).entries).toBe(5);
    await drain(reader);
    expect(await w.told()).toMatchObject({ stays: { 'a>b': 1, 'b>c': 1, 'c>a': 1 }, gaps: 0 });
    const [dwell] =
      await w.sql`select buckets::text, sum_us::float8 as us from flowgauge.flow_dwell where status = 'a'`;
    expect(dwell!.buckets).toBe('{0,1,0}');
    expect(dwell!.us).toBeGreaterThanOrEqual(10e6);
    expect(dwell!.us).toBeLessThan(60e6);
  });

  it('takes no half of a table: an aborted one leaves nothing, and the next one is whole', async () => {
    const w = await watching(THREE);
    const journal = openJournal(w.source, w.flow);
    const stop = new AbortController();
    const halting: typeof journal = {
      ...journal,
      baseline: (read, sink, signal) =>
        journal
          .baseline(
            read,
            { ...sink, rows: (rows) => sink.rows(rows).then(() => stop.abort(new Error('stopping'))) },
            signal,
          )
          .then((cursor) => {
            signal.throwIfAborted();
            return cursor;
          }),
    };
    await expect(w.reader({ source: halting }).step(stop.signal)).rejects.toThrow('stopping');
    expect(await w.told()).toEqual({ moves: {}, items: {}, stays: {}, gaps: 0 });
    await drain(w.reader());
    expect((await w.told()).items).toEqual({ a: 2, b: 1 });
  });

  it('waits for its turn before it takes connections, and gives up when it is told to stop', async () => {
    const w = await watching(THREE);
    const scans = new Turns(1);
    let release = () => {};
    const held = scans.take(ON, () => new Promise<void>((resolve) => (release = resolve)));
    const stop = new AbortController();
    const first = w.reader({ scans }).step(stop.signal);
    const [others] = await w.sql`select count(*)::int as n from pg_stat_activity
      where datname = current_database() and state = 'idle in transaction'`;
    stop.abort(new Error('stopping'));
    await expect(first).rejects.toThrow('stopping');
    expect(others!.n).toBe(0);
    release();
    await held;
    await drain(w.reader({ scans }));
    expect((await w.told()).items).toEqual({ a: 2, b: 1 });
  });
});

describe('a fold', () => {
  it('is stored together with its cursor, or not at all', async () => {
    const w = await watching(THREE);
    await drain(w.reader());
    await w.sql`update items set status = 'c'`;
    const dying = w.reader({
      failpoint: (name) => {
        if (name === 'before_fold_commit') throw new Error('the process ended here');
      },
    });
    await expect(dying.step(ON)).rejects.toThrow('the process ended here');
    expect((await w.told()).moves).toEqual({});
    await drain(w.reader());
    expect(await w.told()).toMatchObject({ moves: { 'a>c': 2, 'b>c': 1 }, items: { c: 3 }, gaps: 0 });
  });

  it('is not repeated when the process ends between storing and discarding, and leaves no false backlog', async () => {
    const w = await watching(THREE);
    const journal = openJournal(w.source, w.flow);
    let broken = true;
    const reader = w.reader({
      source: {
        ...journal,
        discard: (page) => (broken ? Promise.reject(new Error('connection lost')) : journal.discard(page)),
      },
    });
    await drain(reader);
    await w.sql`update items set status = 'c' where id = 1`;
    await expect(reader.step(ON)).rejects.toThrow('connection lost');
    expect(await journalOf(w.sql, w.flow)).toEqual(['1: a>c']);
    broken = false;
    await drain(reader);
    expect((await w.told()).moves).toEqual({ 'a>c': 1 });
    expect(await reader.lookBehind(ON)).toEqual({ oldestAgeSeconds: 0, entries: 0, faults: 0 });
  });

  it('of a stale reader changes nothing; it reads the state again and goes on', async () => {
    const w = await watching(THREE);
    const [first, second] = [w.reader(), w.reader()];
    await drain(first);
    await drain(second);
    await w.sql`update items set status = 'b' where id = 1`;
    const journal = openJournal(w.source, w.flow);
    const undiscarded = w.reader({ source: { ...journal, discard: async () => {} } });
    await drain(undiscarded);
    await expect(second.step(ON)).rejects.toMatchObject({ code: 'STALE_STATE' });
    await drain(second);
    await w.sql`update items set status = 'c' where id = 1`;
    await drain(first).catch(() => drain(first));
    expect(await w.told()).toMatchObject({
      moves: { 'a>b': 1, 'b>c': 1 },
      items: { a: 1, b: 1, c: 1 },
      gaps: 0,
    });
  });

  it('is never doubled by two readers that both believe to lead, whatever they do to each other', async () => {
    const w = await watching(RECORDED_ITEMS);
    await drain(w.reader());
    const readers = [w.reader({ pageSize: 7 }), w.reader({ pageSize: 3 })];
    let writing = true;
    const codes = new Set<unknown>();
    const lead = async (reader: (typeof readers)[number]) => {
      for (let n = 0; writing; n += 1) {
        const work = n % 7 === 6 ? reader.audit(ON) : n % 5 === 4 ? reader.lookBehind(ON) : reader.step(ON);
        await work.catch((error: { code?: unknown }) => codes.add(error.code));
      }
    };
    const leaders = readers.map(lead);
    for (let n = 0; n < 150; n += 1) {
      await w.sql`insert into items (id, status) values (${n}, 'a')`;
      await w.sql`update items set status = case status when 'a' then 'b' else 'a' end where id % 5 = ${n % 5}`;
      if (n % 9 === 0) await w.sql`delete from items where id % 11 = 3`;
    }
    writing = false;
    await Promise.all(leaders);
    await drain(w.reader());
    const truth = await w.sql<{ move: string; n: number }[]>`
      select coalesce(from_status, 'none') || '>' || coalesce(to_status, 'none') as move, count(*)::int as n
        from moves group by 1`;
    const told = await w.told();
    expect(told.moves).toEqual(Object.fromEntries(truth.map((r) => [r.move, r.n])));
    expect(told.items).toEqual(await rowsByStatus(w.sql));
    expect(told.gaps).toBe(0);
    // Losing a race is the only thing that may go wrong, and it must have happened for this to be a test.
    expect([...codes]).toEqual(['STALE_STATE']);
  });

  it('of two first readers takes one baseline', async () => {
    const w = await watching(THREE);
    const results = await Promise.allSettled([w.reader().step(ON), w.reader().step(ON), w.reader().step(ON)]);
    const refused = results.flatMap((r) => (r.status === 'rejected' ? [r.reason.code] : []));
    expect(new Set(refused)).toEqual(new Set(refused.length > 0 ? ['STALE_STATE'] : []));
    expect(w.events).toHaveLength(1);
    expect((await w.told()).items).toEqual({ a: 2, b: 1 });
  });
});

describe('a move that a trigger of the application nests in another', () => {
  const NESTED = `${ITEMS}
    insert into items select n, 'a' from generate_series(1, 40) n;
    create function again() returns trigger language plpgsql as $$ begin
      if new.status = 'b' then update items set status = 'c' where id = new.id; end if; return null; end $$;
    create trigger z after insert or update on items for each row execute function again();`;

  it.each([1000, 13])('gives the right status, counts and stays at %i changes a page', async (pageSize) => {
    const w = await watching(NESTED);
    const reader = w.reader({ pageSize });
    await drain(reader);
    await w.sql`update items set status = 'b'`;
    await w.sql`insert into items values (41, 'b')`;
    await w.sql`update items set status = 'a' where id <= 2`;
    await drain(reader);
    expect(await w.told()).toEqual({
      moves: { 'a>b': 40, 'b>c': 41, 'none>b': 1, 'c>a': 2 },
      items: { a: 2, c: 39 },
      stays: { 'b>c': 41, 'c>a': 2 },
      gaps: 0,
    });
    expect(reader.wantsAudit).toBe(false);
    expect(await faultsOf(w.sql, w.flow)).toBe(0);
  });
});
