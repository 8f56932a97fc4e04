/** What the journal holds after each kind of statement, on both servers that are at hand. */

import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { quoteIdent } from '../../src/changes/journal-sql.js';
import { type PostgresServer, startPostgres } from '../harness/postgres.js';
import { faultsOf, journalOf, tableOf, watch } from './captured.js';

const ITEMS = `create table items (id int primary key, status text);`;

describe.each(['debian', 'embedded'] as const)('the journal (%s server)', (version) => {
  let server: PostgresServer;
  let sql: postgres.Sql;
  beforeAll(async () => {
    server = await startPostgres({ version });
  });
  afterAll(async () => {
    await sql?.end({ timeout: 1 });
    await server?.stop();
  });
  beforeEach(async () => {
    await sql?.end({ timeout: 1 });
    sql = postgres(await server.newDatabase(), { max: 2, onnotice: () => {} });
  });

  it('holds inserts, moves and deletes, and nothing for a row that keeps its status', async () => {
    const flow = await watch(sql, `${ITEMS} alter table items add note text;`);
    await sql`insert into items values (1, 'a'), (2, null)`;
    await sql`update items set status = 'b' where id = 1`;
    await sql`update items set note = 'x'`;
    await sql`update items set note = 'y' where id = 1`;
    await sql`update items set status = null where id = 1`;
    await sql`update items set status = coalesce(status, 'c') where id > 1`;
    await sql`delete from items where id = 2`;
    await sql`delete from items`;
    expect(await journalOf(sql, flow)).toEqual([
      '1: ->a',
      '2: ->null',
      '1: a>b',
      '1: b>null',
      '2: null>c',
      '2: c>-',
      '1: null>-',
    ]);
  });

  it('turns a changed key into a delete and an insert, and a swap of keys into two moves', async () => {
    const flow = await watch(
      sql,
      `create table items (id int primary key deferrable, status text);
      insert into items values (1, 'a'), (2, 'b'), (3, 'c');`,
    );
    await sql`update items set id = 9 where id = 3`;
    await sql`update items set id = 3 - id where id < 3`;
    expect((await journalOf(sql, flow)).sort()).toEqual(['1: a>b', '2: b>a', '3: c>-', '9: ->c']);
  });

  it('reads keys of several columns and names that need quoting', async () => {
    const table = { schema: 'Str.ange', name: 'Ta"ble $flowgauge$ %s' };
    const id = `${quoteIdent(table.schema)}.${quoteIdent(table.name)}`;
    const [k1, k2, s] = [`"Schlüssel"`, `"a'b"`, `"sta\\tus $1"`];
    const flow = await watch(
      sql,
      `create schema "Str.ange"; create table ${id} (${k1} int, ${k2} text, ${s} text, primary key (${k1}, ${k2}))`,
      { name: 'odd', table, key: ['Schlüssel', "a'b"], status: 'sta\\tus $1' },
    );
    await sql.unsafe(`insert into ${id} values (1, 'x"y', 'a'), (2, 'ü', 'a')`);
    await sql.unsafe(`update ${id} set ${s} = 'b'`);
    await sql.unsafe(`update ${id} set ${s} = 'c' where ${k1} = 2`);
    expect(await journalOf(sql, flow)).toEqual([
      '["1", "x\\"y"]: ->a',
      '["2", "ü"]: ->a',
      '["1", "x\\"y"]: a>b',
      '["2", "ü"]: a>b',
      '["2", "ü"]: b>c',
    ]);
  });

  it.each([
    [
      'an enum',
      `create type st as enum ('a', 'b'); create table items (id int primary key, status st)`,
      'a',
      'b',
    ],
    ['an integer', 'create table items (id int primary key, status smallint)', '1', '-2'],
    ['a boolean', 'create table items (id int primary key, status boolean)', 'false', 'true'],
    [
      'a domain',
      'create domain st as varchar(9); create table items (id int primary key, status st)',
      'a',
      'b',
    ],
    [
      'a generated column',
      `create table items (id int primary key, raw text, status text generated always as (lower(raw)) stored)`,
      'a',
      'b',
    ],
  ])('reads %s as status', async (_what, setup, from, to) => {
    const flow = await watch(sql, setup);
    const column = setup.includes('raw') ? 'raw' : 'status';
    await sql.unsafe(`insert into items (id, ${column}) values (1, '${from}'), (2, '${from}')`);
    await sql.unsafe(`update items set ${column} = '${to}'`);
    expect((await journalOf(sql, flow)).slice(2)).toEqual([`1: ${from}>${to}`, `2: ${from}>${to}`]);
  });

  it('sees statements on partitions, on their parent, and rows that move between partitions, each once', async () => {
    const flow = await watch(
      sql,
      `create table items (id int, region text, status text, primary key (id, region)) partition by list (region);
       create table items_n partition of items for values in ('n');
       create table items_s partition of items for values in ('s') partition by range (id);
       create table items_s1 partition of items_s for values from (0) to (100);`,
    );
    await sql`insert into items values (1, 'n', 'a'), (2, 's', 'a')`;
    await sql`insert into items_s1 values (3, 's', 'a')`;
    await sql`update items_s set status = 'b' where id = 3`;
    await sql`update items set region = 's', status = 'b' where id = 1`;
    await sql`update items set region = 'n' where id = 2`;
    await sql`delete from items_n`;
    expect(await journalOf(sql, flow)).toEqual(['1: ->a', '2: ->a', '3: ->a', '3: a>b', '1: a>b', '2: a>-']);
  });

  it('sees the children of an inheritance parent, each change once', async () => {
    const flow = await watch(sql, `${ITEMS} create table child (primary key (id)) inherits (items);`);
    await sql`insert into child values (1, 'a')`;
    await sql`update items set status = 'b'`;
    await sql`update child set status = 'c'`;
    expect(await journalOf(sql, flow)).toEqual(['1: ->a', '1: a>b', '1: b>c']);
  });

  it('sees upserts, MERGE and COPY', async () => {
    const flow = await watch(sql, ITEMS);
    await sql`insert into items values (1, 'a'), (2, 'a')`;
    await sql`insert into items values (1, 'b'), (3, 'a') on conflict (id) do update set status = excluded.status`;
    await sql`insert into items values (1, 'z') on conflict do nothing`;
    await sql`merge into items using (values (1, 'c'), (2, 'gone'), (4, 'a')) v(id, s) on items.id = v.id
      when matched and s = 'gone' then delete when matched then update set status = s
      when not matched then insert values (v.id, s)`;
    const copy = await sql`copy items from stdin`.writable();
    await new Promise((done, fail) => copy.on('finish', done).on('error', fail).end('5\ta\n'));
    expect((await journalOf(sql, flow)).sort()).toEqual([
      '1: ->a',
      '1: a>b',
      '1: b>c',
      '2: ->a',
      '2: a>-',
      '3: ->a',
      '4: ->a',
      '5: ->a',
    ]);
  });

  it('follows transactions: several statements keep their order, what is rolled back leaves nothing', async () => {
    const flow = await watch(sql, `${ITEMS} insert into items values (1, 'a')`);
    await sql.begin(async (tx) => {
      await tx`update items set status = 'b'`;
      await tx
        .savepoint((sp) => sp`update items set status = 'x'`.then(() => sp`select 1/0`))
        .catch(() => {});
      await tx`update items set status = 'c'`;
    });
    await sql.begin((tx) => tx`update items set status = 'x'`.then(() => tx`select 1/0`)).catch(() => {});
    expect(await journalOf(sql, flow)).toEqual(['1: a>b', '1: b>c']);
    const tx = await sql.unsafe(`select distinct tx::text from ${tableOf(flow)}`);
    expect(tx).toHaveLength(1);
  });

  it('sees a trigger of the application that changes the status, before or after the row', async () => {
    const flow = await watch(
      sql,
      `${ITEMS}
       create function normal() returns trigger language plpgsql as $$ begin new.status := lower(new.status); return new; end $$;
       create trigger n before insert or update on items for each row execute function normal();
       create function again() returns trigger language plpgsql as $$ begin
         if new.status = 'b' then update items set status = 'c' where id = new.id; end if; return null; end $$;
       create trigger z after update on items for each row execute function again();`,
    );
    await sql`insert into items values (1, 'A')`;
    await sql`update items set status = 'B'`;
    // The nested statement ends first; the reader puts moves of one transaction into chain order.
    expect((await journalOf(sql, flow)).sort()).toEqual(['1: ->a', '1: a>b', '1: b>c']);
  });

  it('counts repeats with a new moved_at, takes the moment and the reason from the row', async () => {
    const flow = await watch(
      sql,
      `create table items (id int primary key, status text, moved timestamp, why text)`,
      { movedAt: 'moved', repeats: 'count', reason: { column: 'why', values: ['x'] } },
    );
    await sql`set timezone = 'Asia/Tokyo'`;
    await sql`insert into items values (1, 'a', '2020-01-01 00:00:00.000001', null), (2, 'a', '2020-01-01', null)`;
    await sql`update items set moved = '2020-01-02', why = 'x' where id = 1`;
    await sql`update items set moved = '2020-01-02' where id = 1`;
    await sql`update items set moved = '2020-01-03' where id = 2`;
    await sql`update items set moved = '2020-01-03', id = id + 2`;
    const rows = await sql.unsafe(
      `select key, from_status f, to_status t, reason, (extract(epoch from at) * 1000000)::bigint::text us
       from ${tableOf(flow)} order by to_status is null, id`,
    );
    const lines = rows.map((r) => `${r.key} ${r.f}>${r.t} ${r.reason} ${r.us}`);
    expect(lines.slice(0, 4)).toEqual([
      '1 null>a null 1577836800000001',
      '2 null>a null 1577836800000000',
      '1 a>a x 1577923200000000',
      '2 a>a null 1578009600000000',
    ]);
    expect(lines.slice(4, 6).sort()).toEqual([
      '3 null>a x 1578009600000000',
      '4 null>a null 1578009600000000',
    ]);
    expect(
      lines
        .slice(6)
        .map((line) => line.slice(0, 13))
        .sort(),
    ).toEqual(['1 a>null null', '2 a>null null']);
  });

  it('prints keys the same whatever the session of the application has set', async () => {
    const flow = await watch(
      sql,
      `create table items (id int, day timestamptz, status text, primary key (id, day))`,
      { key: ['id', 'day'] },
    );
    await sql`insert into items values (1, '2020-01-31 12:00+00', 'a')`;
    const other = postgres(sql.options.database ? server.urlOf(sql.options.database as string) : '', {
      max: 1,
      connection: { TimeZone: 'Asia/Tokyo', DateStyle: 'German' },
    });
    await other`update items set status = 'b'`.finally(() => other.end());
    const key = '["1", "2020-01-31 12:00:00+00"]';
    expect(await journalOf(sql, flow)).toEqual([`${key}: ->a`, `${key}: a>b`]);
  });

  it('marks TRUNCATE as a row without key and statuses', async () => {
    const flow = await watch(sql, `${ITEMS} insert into items values (1, 'a')`);
    await sql`truncate items`;
    expect(await journalOf(sql, flow)).toEqual([': ->-']);
    expect(await faultsOf(sql, flow)).toBe(0);
  });

  it('moves 200,000 rows at once in a session whose plans were made for one row', async () => {
    const flow = await watch(
      sql,
      `${ITEMS} insert into items select i, 'a' from generate_series(1, 200000) i`,
    );
    await sql.reserve().then(async (one) => {
      await one`set statement_timeout = '50s'`;
      for (let i = 1; i <= 8; i += 1) await one`update items set status = 'b' where id = ${i}`;
      await one`update items set id = 0 where id = 1`;
      await one`update items set status = 'c'`;
      one.release();
    });
    const [row] = await sql.unsafe(`select count(*)::int n from ${tableOf(flow)} where to_status = 'c'`);
    expect(row!.n).toBe(200_000);
  });

  it('is not fired under session_replication_role = replica, which only the audit finds', async () => {
    const flow = await watch(sql, ITEMS);
    await sql.begin(async (tx) => {
      await tx`set local session_replication_role = replica`;
      await tx`insert into items values (1, 'a')`;
    });
    expect(await journalOf(sql, flow)).toEqual([]);
  });
});
