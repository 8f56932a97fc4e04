/** Owns the proof that every kind of key, status and name is counted end to end, from the row to the stored totals. */
import postgres from 'postgres';
import { describe, expect, it } from 'vitest';
import { quoteIdent } from '../../src/changes/journal-sql.js';
import { journalOf } from './captured.js';
import { running } from './running.js';
import { rowsByStatus, toldOf, watching } from './watching.js';

describe('the runner', () => {
  it.each([
    ['an enum', `create type st as enum ('new', 'B c', 'done');`, 'st', `'new'`, `'B c'`, 'new>B c'],
    ['integers', '', 'int check (status in (1, -2))', '1', '-2', '1>-2'],
    ['booleans', '', 'boolean', 'false', 'true', 'false>true'],
    ['a checked text', '', `text check (status in ('x', 'y'))`, `'x'`, `'y'`, 'x>y'],
  ])('takes the statuses of %s from the catalog', async (_, before, type, from, to, move) => {
    const w = await watching(`${before} create table items (id int primary key, status ${type});
      insert into items values (1, ${from})`);
    const { runner, rounds } = running(w, { statuses: undefined });
    await rounds();
    await w.sql.unsafe(`update items set status = ${to}`);
    await w.sql.unsafe(`insert into items values (2, ${to})`);
    await rounds();
    const [first, second] = move.split('>') as [string, string];
    expect(runner.flow?.statuses).toEqual(expect.arrayContaining([first, second]));
    expect(await toldOf(w.store, 'items')).toMatchObject({
      moves: { [move]: 1, [`none>${second}`]: 1 },
      items: { [second]: 2 },
    });
  });

  it('knows an item by a key of several columns and of dates, whatever the style of any session', async () => {
    const key = ['day', 'span', 'raw', 'size'];
    const w = await watching(
      `create table items (day timestamptz, span interval, raw bytea, size float8, status text, primary key (day, span, raw, size));
       do $$ begin execute format('alter database %I set datestyle = german', current_database());
         execute format('alter database %I set timezone = ''Asia/Tokyo''', current_database());
         execute format('alter database %I set intervalstyle = iso_8601', current_database());
         execute format('alter database %I set bytea_output = escape', current_database()); end $$;
       insert into items values ('2020-02-01 12:00+00', '1 day 2 hours', 'ab', 0.1::float4, 'a'),
         ('2020-01-02 12:00+00', '3 days', 'c', 1e-20, 'a');`,
      { key },
    );
    const app = postgres(w.url, { max: 1, onnotice: () => {} });
    const { rounds, clock } = running(w, { key });
    await rounds();
    await app`update items set status = 'b'`;
    await app`set datestyle = 'SQL, MDY'`;
    await app`set extra_float_digits = -10`;
    await app`update items set status = 'c'`;
    await app.end();
    expect(new Set((await journalOf(w.sql, w.flow)).map((line) => line.split('"]: ')[0])).size).toBe(2);
    await rounds();
    clock.ms += 60_000;
    await rounds();
    expect(await toldOf(w.store, 'items')).toEqual({
      moves: { 'a>b': 2, 'b>c': 2 },
      items: { c: 2 },
      stays: { 'b>c': 2 },
      gaps: 0,
    });
  });

  it.each(['journal', 'poll'] as const)('takes awkward names with the %s', async (mode) => {
    const table = { schema: 'Str.ange', name: 'Ta"ble $flowgauge$ %s' };
    const names = { key: ['Schlüssel', "a'b"], status: 'sta\\tus $1', updatedAt: '"upd"', reason: 'wh%y' };
    const id = `${quoteIdent(table.schema)}.${quoteIdent(table.name)}`;
    const [k1, k2, s, u, r] = [...names.key, names.status, names.updatedAt, names.reason].map(quoteIdent);
    const parts = {
      name: 'odd',
      table,
      key: names.key,
      status: names.status,
      updatedAt: names.updatedAt,
      reason: { column: names.reason, values: ["don't", 'x,y:z'] },
    };
    const w = await watching(
      `create schema "Str.ange"; create table ${id} (${k1} int, ${k2} text, ${s} text, ${u} timestamptz default clock_timestamp(),
         ${r} text, primary key (${k1}, ${k2})); insert into ${id} values (1, '{"x\\",}', 'a')`,
      parts,
      mode,
    );
    const { runner, rounds, clock } = running(w, parts);
    await rounds();
    expect(runner.mode).toBe(mode);
    await w.sql.unsafe(`update ${id} set ${s} = 'b', ${r} = 'don''t', ${u} = clock_timestamp()`);
    await w.sql.unsafe(`insert into ${id} values (2, E'\\n''', 'c')`);
    await rounds();
    clock.ms += 60_000;
    await rounds();
    expect(await toldOf(w.store, 'odd')).toMatchObject({ moves: { 'a>b': 1, 'none>c': 1 }, gaps: 0 });
    expect((await toldOf(w.store, 'odd')).items).toEqual(
      await rowsByStatus(w.sql, id, quoteIdent(names.status)),
    );
    expect(await w.sql`select reason, moves from flowgauge.flow_reasons`).toEqual([
      { reason: "don't", moves: '1' },
    ]);
  });
});
