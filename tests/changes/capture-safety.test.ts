/** What the application feels of the capture: nothing, whatever happens to the journal, and nobody forges it. */
import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { install } from '../../src/changes/install.js';
import { installSql, rearmSql } from '../../src/changes/journal-sql.js';
import { type FreshDatabase, freshDatabase } from '../harness/fresh-database.js';
import { faultsOf, flowOf, journalOf, tableOf, watch } from './captured.js';

const ITEMS = 'create table items (id int primary key, status text, note text);';
const EACH_STATEMENT = [
  `insert into items values (1, 'a')`,
  `update items set status = 'b'`,
  `update items set id = id + 1`,
  'delete from items',
  'truncate items',
];

let db: FreshDatabase;
let sql: postgres.Sql;
beforeEach(async () => {
  db = await freshDatabase();
  sql = db.sql;
  return () => db.drop();
});

describe('a broken journal', () => {
  it.each([
    ['its table is dropped', 'drop table flowgauge_capture.items_journal', 5],
    ['its columns are not there', 'alter table flowgauge_capture.items_journal drop column key', 5],
    ['its ids are dropped', 'drop sequence flowgauge_capture.items_journal_id cascade', 5],
    ['its rights are revoked', 'revoke all on flowgauge_capture.items_journal from current_user', 5],
    ['its table refuses rows', 'alter table flowgauge_capture.items_journal add check (false)', 5],
    ['the status column was renamed', 'alter table items rename status to state', 4],
  ])('fails no statement when %s, and counts each fault', async (_what, breakage, faults) => {
    // As a superuser no right is ever missing.
    await sql`create role keeper`.catch(() => {});
    const { database } = sql.options;
    await sql.unsafe(`grant all on database "${database}" to keeper; grant all on schema public to keeper`);
    const keeper = postgres(db.url, { max: 1, onnotice: () => {} });
    await keeper`set role keeper`;
    const flow = await watch(keeper, ITEMS);
    await keeper.unsafe(breakage);
    for (const statement of EACH_STATEMENT) {
      await keeper.unsafe(breakage.includes('state') ? statement.replace('status', 'state') : statement);
    }
    expect(await faultsOf(sql, flow)).toBe(faults);
    await keeper.end();
  });

  it('fails no statement when the fault counter is gone too, or the whole schema', async () => {
    await watch(sql, ITEMS);
    await sql`drop table flowgauge_capture.items_journal`;
    await sql`drop sequence flowgauge_capture.items_faults`;
    for (const statement of EACH_STATEMENT) await sql.unsafe(statement);
    await sql`drop schema flowgauge_capture cascade`;
    for (const statement of EACH_STATEMENT) await sql.unsafe(statement);
    expect(await sql`select * from items`).toHaveLength(0);
  });

  it('gives a locked journal up after a moment, and counts the fault', async () => {
    const flow = await watch(sql, ITEMS);
    const other = postgres(db.url, { max: 1 });
    await other`begin`.then(() => other.unsafe(`lock table ${tableOf(flow)}`));
    await sql`set statement_timeout = '30s'`;
    await sql`insert into items values (1, 'a')`;
    await other`rollback`.then(() => other.end());
    expect(await faultsOf(sql, flow)).toBe(1);
    expect(await sql`select status from items`).toEqual([{ status: 'a' }]);
  });

  it('stops at its bound, counts faults, and goes on above every id handed out', async () => {
    const flow = await watch(sql, ITEMS);
    await install(sql, flow, { maxRows: 1000 });
    const open = postgres(db.url, { max: 1 });
    await open`begin`;
    for (let i = 0; i < 30; i += 1) {
      await sql`insert into items select ${i}::int * 100 + n, 'a' from generate_series(1, 100) n`;
    }
    const held = await journalOf(sql, flow);
    expect(held.length).toBeGreaterThanOrEqual(1000);
    expect(held.length).toBeLessThanOrEqual(2200);
    expect(await faultsOf(sql, flow)).toBe(30 - held.length / 100);
    expect(await sql`select * from items`).toHaveLength(3000);

    await sql.unsafe(`delete from ${tableOf(flow)}`);
    expect(await sql.unsafe(rearmSql(flow))).toEqual([{ id: String(2n ** 40n) }]);
    expect(await sql.unsafe(rearmSql(flow))).toEqual([]);
    await sql`update items set status = 'b' where id = 1`;
    expect(await sql.unsafe(`select id::text, to_status from ${tableOf(flow)}`)).toEqual([
      { id: String(2n ** 40n + 1n), to_status: 'b' },
    ]);
    await open`rollback`.then(() => open.end());
  });

  it('is not stopped while the reader keeps up, nor by a snapshot from before the ids went on', async () => {
    const flow = await watch(sql, ITEMS);
    await install(sql, flow, { maxRows: 1000 });
    const old = postgres(db.url, { max: 1 });
    await old`begin isolation level repeatable read`.then(() => old`select 1 from items`);
    for (let i = 0; i < 40; i += 1) {
      await sql`insert into items select ${i}::int * 100 + n, 'a' from generate_series(1, 100) n`;
      await sql`update flowgauge_capture.installation set drained_id = ${i * 100}::int`;
    }
    expect(await faultsOf(sql, flow)).toBe(0);
    await sql`select setval('flowgauge_capture.items_journal_id', 9223372036854775807)`;
    await sql.unsafe(rearmSql(flow));
    await old`insert into items select 10000 + n, 'a' from generate_series(1, 2000) n`.then(
      () => old`commit`,
    );
    await sql`insert into items values (0, 'a')`;
    expect(await faultsOf(sql, flow)).toBe(0);
    expect(await journalOf(sql, flow)).toHaveLength(6001);
    await old.end();
  });

  it('refuses a bound outside its limits', () => {
    for (const maxRows of [0, 999, 1.5, Number.NaN, 1e13]) {
      expect(() => installSql(flowOf(), { maxRows })).toThrow('use a whole number from 1000 to 10^12');
    }
  });
});

describe('a role that may only write the table', () => {
  let writer: postgres.Sql;
  beforeAll(async () => {
    const one = await freshDatabase();
    await one.sql`create role writer login`.catch(() => {});
    await one.drop();
  });
  beforeEach(async () => {
    await watch(
      sql,
      `${ITEMS} grant insert, update, delete, select on items to writer; grant create on schema public to writer;`,
    );
    const url = new URL(db.url);
    url.username = 'writer';
    writer = postgres(url.href, { max: 1, onnotice: () => {} });
    return () => writer.end();
  });
  afterAll(async () => {
    const one = await freshDatabase();
    await one.sql`drop role if exists writer`.catch(() => {});
    await one.drop();
  });

  it('is captured without any right on our schema', async () => {
    await writer`insert into items values (1, 'a')`;
    await writer`update items set status = 'b'`;
    await writer`delete from items`;
    expect(await journalOf(sql, flowOf())).toEqual(['1: ->a', '1: a>b', '1: b>-']);
    expect(await faultsOf(sql, flowOf())).toBe(0);
  });

  it.each([
    'select * from flowgauge_capture.items_journal',
    `insert into flowgauge_capture.items_journal (key, to_status) values ('1', 'forged')`,
    'delete from flowgauge_capture.items_journal',
    `select setval('flowgauge_capture.items_journal_id', 1)`,
    `select nextval('flowgauge_capture.items_faults')`,
    'update flowgauge_capture.installation set max_rows = 1000',
    `select flowgauge_capture.stop_when_full('items', 'items'::regclass, 9)`,
    `create table mine (id int primary key, status text, note text);
     create trigger forge after insert on mine referencing new table as flowgauge_new
       for each statement execute function flowgauge_capture.flowgauge_items_insert()`,
  ])('is refused: %s', async (statement) => {
    await expect(writer.unsafe(statement)).rejects.toThrow('permission denied');
  });

  it('cannot lead the programs to functions, operators or tables of its own', async () => {
    await writer.unsafe(`
      create function public.hijack(text, text) returns boolean language plpgsql as
        $$ begin raise exception 'hijacked as %', current_user; end $$;
      create operator public.<> (leftarg = text, rightarg = text, function = public.hijack);
      create operator public.= (leftarg = text, rightarg = text, function = public.hijack);
      create function public.nextval(text) returns bigint language sql as $$ select -7::bigint $$;
      create function public.clock_timestamp() returns timestamptz language sql as $$ select 'epoch'::timestamptz $$;
      create temporary table flowgauge_new (id int, status text, note text);
      create temporary table items_journal (key text);
      set search_path = public, pg_temp, pg_catalog;`);
    await writer.unsafe(`insert into public.items values (1, 'a'), (2, 'a')`);
    await writer.unsafe(`update public.items set status = 'b'`);
    expect(await faultsOf(sql, flowOf())).toBe(0);
    expect(await sql.unsafe(`select id from ${tableOf(flowOf())} where id < 0 or at < '2000-01-01'`)).toEqual(
      [],
    );
    expect(await journalOf(sql, flowOf())).toHaveLength(4);
  });
});
