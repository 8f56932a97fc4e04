/** Owns the promises of a watched table's reader, each with a test of the same words, in every mode that reads. */
import postgres from 'postgres';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LATE_COMMIT_WINDOW_US } from '../../src/changes/poll.js';
import { countTable } from '../../src/changes/snapshot.js';
import type { Cursor } from '../../src/flows/cursor.js';
import { fold } from '../../src/flows/tracker.js';
import { journalOf } from './captured.js';
import { Follower, follow, TABLE } from './follower.js';
import { collider, RECORDED_ITEMS, seeded } from './interleaving.js';
import { BOUNDS, rowsByStatus, watching } from './watching.js';

const MOVE = `updated = clock_timestamp() where`;

function connection(url: string): postgres.Sql {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  onTestFinished(() => sql.end({ timeout: 1 }));
  return sql;
}

async function tableStatuses(sql: postgres.Sql): Promise<Record<string, string>> {
  const rows = await sql<{ id: number; status: string }[]>`select id, status from items order by id::text`;
  return Object.fromEntries(rows.map((r) => [String(r.id), r.status]));
}

describe.each(['journal', 'poll'] as const)('the %s', (mode) => {
  it('never returns a change twice for cursors that were stored, and never skips one that is committed', async () => {
    const follower = await follow(mode, `${TABLE} insert into items values (1, 'a'), (2, 'a');`, 2);
    const { sql } = follower.watched;
    const late = connection(follower.watched.url);
    await late`begin`.then(() => late.unsafe(`update items set status = 'b', ${MOVE} id = 1`));
    await sql.unsafe(`update items set status = 'c', ${MOVE} id = 2`);
    await sql`insert into items select n, 'a' from generate_series(3, 9) n`;
    await follower.readAll();
    expect(follower.moves).toEqual({ 'a>c': 1, 'none>a': 7 });
    await late`commit`;
    await follower.readAll();
    await follower.readAll();
    expect(follower.moves).toEqual({ 'a>c': 1, 'none>a': 7, 'a>b': 1 });
    expect(follower.broken).toBe(0);
  });

  it('reads on from a cursor that was stored in the middle of a pass', async () => {
    const follower = await follow(mode, TABLE, 3);
    await follower.watched.sql`insert into items select n, 'a' from generate_series(1, 20) n`;
    const first = await follower.readOne();
    expect(first.more).toBe(true);
    const successor = new Follower(follower.watched, follower.source, 4);
    successor.cursor = JSON.parse(JSON.stringify({ ...follower.cursor, id: 0 })) as Cursor;
    successor.cursor = { ...successor.cursor, id: follower.cursor!.id };
    for (const [key, item] of follower.items) successor.items.set(key, item);
    await successor.readAll();
    expect(follower.moves['none>a']! + successor.moves['none>a']!).toBe(20);
  });

  it('meets its baseline without a gap and without an overlap, while writers go on', async () => {
    const follower = await follow(
      mode,
      `${TABLE} insert into items select n, 'a' from generate_series(1, 400) n;`,
    );
    const { sql, url } = follower.watched;
    const open = connection(url);
    await open`begin`.then(() => open.unsafe(`update items set status = 'b', ${MOVE} id = 1`));
    let writing = true;
    const writer = (async () => {
      const own = connection(url);
      for (let id = 2; writing || id <= 60; id += 1) {
        if (id <= 400) await own.unsafe(`update items set status = 'b', ${MOVE} id = ${id}`);
        else await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    for (let n = 0; n < 8; n += 1) {
      await follower.baseline();
      await follower.readOne(10);
    }
    writing = false;
    await writer;
    await open`commit`;
    // Twice: polling finds a late commit by its next pass, and may stand in the middle of one.
    await follower.readAll();
    await follower.readAll();
    expect(follower.statuses).toEqual(await tableStatuses(sql));
    const [moved] = await sql`select count(*)::int as n from items where status = 'b'`;
    expect(follower.moves).toEqual({ 'a>b': moved!.n });
    expect(follower.broken).toBe(0);
  });

  it('says in one snapshot what the table holds and what is not folded yet', async () => {
    const follower = await follow(mode, `${TABLE} insert into items values (1, 'a'), (2, 'a');`);
    await follower.watched.sql.unsafe(`update items set status = 'b', ${MOVE} id = 1`);
    await follower.watched.sql`insert into items values (3, 'zombie')`;
    const census = await follower.source.census(follower.cursor!);
    expect(Object.fromEntries(census.table)).toEqual({ a: 1, b: 1, zombie: 1 });
    const waits =
      mode === 'journal'
        ? census.pending
        : fold(follower.watched.flow, follower.items, census.unread!, BOUNDS).population;
    const zombie = mode === 'journal' ? 'zombie' : 'other';
    expect(Object.fromEntries([...waits].filter(([, n]) => n !== 0))).toEqual({ a: -1, b: 1, [zombie]: 1 });
    expect(census.oldestUpdateUs.size).toBe(3);
  });

  it('ends where the table ends after 25 random collisions of transactions', async () => {
    const follower = await follow(mode, RECORDED_ITEMS, 3);
    const collisions = collider(follower.watched.url, 3, seeded(7), (id) =>
      ['a', 'b', 'c'].map(
        (s) => `insert into items values (${id}, '${s}') on conflict (id) do update
                set status = excluded.status, updated = clock_timestamp()`,
      ),
    );
    for (let n = 0; n < 25; n += 1) await collisions.run(async () => void (await follower.readOne(2)));
    await collisions.close();
    await follower.readAll();
    expect(follower.statuses).toEqual(await tableStatuses(follower.watched.sql));
  });
});

describe('the journal', () => {
  it('gives the changes of one item in commit order, whatever the order of transaction ids', async () => {
    const follower = await follow('journal', `${TABLE} insert into items values (1, 'a');`);
    const [first, holder, second] = [1, 2, 3].map(() => connection(follower.watched.url)) as [
      postgres.Sql,
      postgres.Sql,
      postgres.Sql,
    ];
    for (const one of [first, holder, second]) await one`begin`.then(() => one`select pg_current_xact_id()`);
    await second`update items set status = 'b'`.then(() => second`commit`);
    await follower.readAll();
    await first`update items set status = 'c'`.then(() => first`commit`);
    // The holder's id lies between the two and it is still open: it holds nothing back.
    await follower.readAll();
    expect(follower.moves).toEqual({ 'a>b': 1, 'b>c': 1 });
    await holder`update items set status = 'a'`.then(() => holder`commit`);
    await follower.readAll();
    expect(follower.moves).toEqual({ 'a>b': 1, 'b>c': 1, 'c>a': 1 });
    expect(follower.broken).toBe(0);
  });

  it('is held back by no idle transaction elsewhere', async () => {
    const follower = await follow('journal');
    const idle = connection(follower.watched.url);
    await idle`begin`.then(() => idle`create table elsewhere (x int)`);
    for (let n = 1; n <= 5; n += 1) {
      await follower.watched.sql`insert into items values (${n}, 'a')`;
      await follower.readAll();
      expect(follower.moves).toEqual({ 'none>a': n });
    }
    await idle`rollback`;
  });

  it('finds a huge transaction that commits late, beside those that overtook it', async () => {
    const follower = await follow('journal', TABLE, 900);
    const huge = connection(follower.watched.url);
    await huge`begin`.then(() => huge`insert into items select n, 'a' from generate_series(1, 20000) n`);
    await huge`update items set status = 'b' where id % 2 = 0`;
    for (let n = 0; n < 20; n += 1) {
      await follower.watched.sql`insert into items values (${-n}, 'c')`;
      await follower.readOne();
    }
    expect(follower.moves).toEqual({ 'none>c': 20 });
    await huge`commit`;
    await follower.readAll();
    expect(follower.moves).toEqual({ 'none>c': 20, 'none>a': 20_000, 'a>b': 10_000 });
    expect(follower.broken).toBe(0);
  });

  it('counts what SQL counts in 200 random collisions of transactions on the same items', async () => {
    const follower = await follow('journal', RECORDED_ITEMS, 3);
    const { sql } = follower.watched;
    const collisions = collider(follower.watched.url, 3, seeded(1), (id) => [
      ...['a', 'b', 'c'].map(
        (s) =>
          `insert into items values (${id}, '${s}') on conflict (id) do update set status = excluded.status`,
      ),
      `delete from items where id = ${id}`,
      `update items set status = case status when 'a' then 'b' when 'b' then 'c' else 'a' end where id = ${id}`,
    ]);
    for (let n = 0; n < 200; n += 1) {
      await collisions.run(async () => {
        const page = await follower.readOne(1 + (n % 3));
        if (n % 2 === 0) await follower.source.discard(page);
      });
      if (n % 40 === 39) await follower.source.sweep(follower.cursor!);
      if (n % 50 === 49) await follower.baseline();
    }
    await collisions.close();
    await follower.readAll();
    const truth = await sql<{ move: string; n: number }[]>`
      select coalesce(from_status, 'none') || '>' || coalesce(to_status, 'none') as move, count(*)::int as n
        from moves group by 1`;
    expect(truth.length).toBeGreaterThanOrEqual(10);
    expect(follower.moves).toEqual(Object.fromEntries(truth.map((r) => [r.move, r.n])));
    expect(follower.statuses).toEqual(await tableStatuses(sql));
    expect(follower.broken).toBe(0);
  });

  it('discards and sweeps only what the stored cursor covers', async () => {
    const follower = await follow('journal', TABLE, 2);
    const { sql, flow } = follower.watched;
    const open = connection(follower.watched.url);
    await open`begin`.then(() => open`insert into items values (9, 'c')`);
    await sql`insert into items values (1, 'a'), (2, 'a'), (3, 'a'), (4, 'a'), (5, 'a')`;
    const page = await follower.readOne();
    await follower.source.discard(page);
    expect(await journalOf(sql, flow)).toEqual(['3: ->a', '4: ->a', '5: ->a']);
    // Stored and not discarded: the process ended in between.
    await follower.readOne();
    await open`commit`;
    await follower.source.sweep(follower.cursor!);
    expect((await journalOf(sql, flow)).sort()).toEqual(['5: ->a', '9: ->c']);
    await follower.readAll();
    expect(follower.moves).toEqual({ 'none>a': 5, 'none>c': 1 });
  });

  it('tells a source that went back from one that goes on', async () => {
    const follower = await follow('journal');
    const [now] = await follower.watched.sql`select pg_current_snapshot()::text as s`;
    const ahead = String(Number((now!.s as string).split(':')[1]) + 1_000_000);
    follower.cursor = { ...follower.cursor!, seen: `${ahead}:${ahead}:` };
    await expect(follower.readOne()).rejects.toMatchObject({ code: 'SOURCE_WENT_BACK' });
  });
});

describe('the poll', () => {
  it('finds a row that commits later than it was stamped, within the window', async () => {
    const follower = await follow('poll', `${TABLE} insert into items values (1, 'a'), (2, 'a');`);
    const { sql } = follower.watched;
    await sql.unsafe(`update items set status = 'c', ${MOVE} id = 2`);
    await follower.readAll();
    const lateUs = LATE_COMMIT_WINDOW_US - 1_000_000;
    await sql`update items set status = 'b', updated = (select max(updated) from items) - make_interval(secs => ${lateUs / 1e6}) where id = 1`;
    await follower.readAll();
    expect(follower.moves).toEqual({ 'a>c': 1, 'a>b': 1 });
  });

  it('never cuts rows of one stamp apart', async () => {
    const follower = await follow('poll', TABLE, 5);
    await follower.watched.sql`insert into items select n, 'a', '2020-01-01' from generate_series(1, 23) n`;
    await follower.watched.sql`insert into items select n, 'b', '2020-01-02' from generate_series(31, 33) n`;
    const page = await follower.readOne();
    expect(page.changes).toHaveLength(23);
    await follower.readAll();
    expect(follower.moves).toEqual({ 'none>a': 23, 'none>b': 3 });
  });

  it('is not blinded by a stamp in the future or an infinite one, in the table or in its baseline', async () => {
    const follower = await follow('poll', `${TABLE} insert into items values (1, 'a', '9999-01-01');`);
    const { sql } = follower.watched;
    await sql`insert into items values (2, 'a', '9999-12-31'), (3, 'a', 'infinity')`;
    await follower.readAll();
    await sql.unsafe(`update items set status = 'b', ${MOVE} id = 2`);
    await sql`insert into items values (4, 'c')`;
    await follower.readAll();
    expect(follower.moves).toEqual({ 'none>a': 1, 'a>b': 1, 'none>c': 1 });
  });
});

describe('the snapshot', () => {
  it('counts rows per label with their oldest moments, and those over the limit', async () => {
    const watched = await watching(
      `create table items (id int primary key, status text, moved timestamp, updated date);
       insert into items values (1, 'a', now() at time zone 'utc' - interval '1 hour', '2020-01-01'),
         (2, 'a', 'infinity', '2021-01-01'), (3, 'zombie', null, null), (4, null, '2020-01-01', 'infinity')`,
      { movedAt: 'moved', updatedAt: 'updated', limits: new Map([['a', { critical: 60_000 }]]) },
      'poll',
    );
    const counts = await countTable(watched.source, watched.flow);
    expect(Object.fromEntries([...counts].map(([s, c]) => [s, [c.items, c.over]]))).toEqual({
      a: [2, 1],
      other: [2, 0],
    });
    expect(counts.get('a')?.oldestUpdateUs).toBe(Date.UTC(2020, 0, 1) * 1000);
    expect(counts.get('other')?.oldestUs).toBe(Date.UTC(2020, 0, 1) * 1000);
    expect(await rowsByStatus(watched.sql)).toEqual({ a: 2, zombie: 1, null: 1 });
  });
});
