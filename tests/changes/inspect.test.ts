/** What the catalog makes of a configured flow: the flow that can be watched, or every reason why not. */
import postgres from 'postgres';
import { beforeEach, describe, expect, it } from 'vitest';
import { allowedValues } from '../../src/changes/check-values.js';
import { type Inspection, inspectTable, type WatchedTable } from '../../src/changes/inspect.js';
import { type FreshDatabase, freshDatabase } from '../harness/fresh-database.js';
import { watchedOf } from './captured.js';

let db: FreshDatabase;
let sql: postgres.Sql;
beforeEach(async () => {
  db = await freshDatabase();
  sql = db.sql;
  return () => db.drop();
});

async function inspect(setup: string, parts: Partial<WatchedTable> = {}): Promise<Inspection> {
  if (setup !== '') await sql.unsafe(setup);
  return inspectTable(sql, watchedOf(parts));
}

/** Every problem as the operator reads it. */
function problemsOf(inspection: Inspection): string[] {
  return inspection.ok ? [] : inspection.problems.map((p) => `${p.path}: ${p.message}. ${p.remedy}`);
}

describe('statuses', () => {
  it.each([
    [
      'an enum',
      `create type s as enum ('b', 'a'); create table items (id int primary key, status s)`,
      ['b', 'a'],
    ],
    [
      'a domain over an enum',
      `create type s as enum ('b', 'a'); create domain d as s not null; create table items (id int primary key, status d)`,
      ['b', 'a'],
    ],
    [
      'a CHECK constraint',
      `create table items (id int primary key, status varchar(20) check (status in ('new', 'it''s', 'b\\s')), n int check (n > 0))`,
      ['new', "it's", 'b\\s'],
    ],
    [
      'the CHECK constraint of a domain',
      `create domain d as text check (value <> ''); create domain e as d check (value in ('m', 'n'));
       create table items (id int primary key, status e)`,
      ['m', 'n'],
    ],
    [
      'integers',
      'create table items (id int primary key, status int check (status in (3, -1)))',
      ['3', '-1'],
    ],
    ['a boolean', 'create table items (id int primary key, status boolean)', ['false', 'true']],
  ])('come from %s, in its order', async (_what, setup, statuses) => {
    const inspection = await inspect(setup);
    expect(problemsOf(inspection)).toEqual([]);
    expect(inspection.ok && inspection.flow.statuses).toEqual(statuses);
  });

  it('must be listed when the column says nothing, and must be possible when it does', async () => {
    const open = await inspect('create table items (id int primary key, status text)');
    expect(problemsOf(open)).toEqual([
      'flows.items.statuses: neither an enum nor a CHECK constraint lists the values of status. List them in the order of the life cycle: statuses: [new, active, done]',
    ]);
    const listed = await inspect('', { statuses: ['x', 'y'] });
    expect(listed.ok && listed.flow.statuses).toEqual(['x', 'y']);
    const closed = await inspect(`alter table items add check (status in ('active', 'done'))`, {
      statuses: ['actve', 'done'],
      limits: new Map([['dome', { warning: 1 }]]),
      moves: new Set(['none>done', 'done>activ']),
    });
    expect(problemsOf(closed)).toEqual([
      'flows.items.statuses: actve can never stand in status, by its CHECK constraint. Did you mean active? Known: active, done',
      'flows.items.limits.dome: is not a status of the table. Did you mean done? Known: actve, done',
      'flows.items.moves: done>activ names no status of the table. Did you mean actve? Known: actve, done',
    ]);
  });

  it('leave out values that cannot be a label, and say so', async () => {
    const inspection = await inspect(
      `create type s as enum ('new', 'none', 'a>b', ''); create table items (id int primary key, status s)`,
    );
    expect(inspection.ok && inspection.flow.statuses).toEqual(['new']);
    expect(inspection.ok && inspection.notes).toContain(
      'status: none, a>b,  cannot be a label and is counted as other',
    );
  });

  it('cannot be a moment, and reasons come from their column like statuses', async () => {
    const inspection = await inspect(
      `create table items (id int primary key, status date, why text, cause text check (cause in ('x', 'y')))`,
      { reason: { column: 'why', values: undefined } },
    );
    expect(problemsOf(inspection)).toEqual([
      'flows.items.status: status (date) cannot be a status. Name a column of text, an enum, integers or booleans',
      'flows.items.reason: neither an enum nor a CHECK constraint lists the values of why. List them: reason: {column: why, values: [...]}',
    ]);
    const good = await inspect('alter table items alter status type text', {
      statuses: ['a'],
      reason: { column: 'cause', values: undefined },
    });
    expect(good.ok && good.flow.reason).toEqual({ column: 'cause', values: ['x', 'y'] });
  });
});

describe('the table', () => {
  it('is looked for with its nearest names', async () => {
    const inspection = await inspect(
      'create schema shop; create table shop.orders (id int); create table "Items" (id int)',
    );
    expect(problemsOf(inspection)).toEqual([
      'flows.items.table: there is no table public.items in this database. Did you mean public.Items? Names are case-sensitive here',
    ]);
  });

  it.each([
    ['view', 'create view items as select 1 as id, 2 as status', 'is a view: its rows change elsewhere'],
    [
      'materialized view',
      'create materialized view items as select 1 as id, 2 as status',
      'is a materialized view',
    ],
    [
      'foreign table',
      `create foreign data wrapper w; create server s foreign data wrapper w; create foreign table items (id int) server s`,
      'is a foreign table',
    ],
    [
      'partition',
      `create table whole (id int primary key, status text) partition by range (id);
       create table items partition of whole for values from (0) to (9)`,
      'is a partition or child: statements on its parent do not fire its triggers',
    ],
    [
      'child',
      'create table whole (id int primary key, status text); create table items () inherits (whole)',
      'is a partition or child',
    ],
  ])('cannot be a %s', async (_what, setup, message) => {
    expect(problemsOf(await inspect(setup))).toEqual([expect.stringContaining(`public.items ${message}`)]);
  });

  it('names every column that is not there, not readable as a moment, or virtual', async () => {
    const inspection = await inspect('create table items (id int primary key, state text, made text)', {
      createdAt: 'made',
      movedAt: 'moved_at',
    });
    expect(problemsOf(inspection)).toEqual([
      'flows.items.status: there is no column status in public.items. Did you mean state? Known: id, state, made',
      'flows.items.created_at: made (text) is no moment. Name a column of type timestamp with time zone',
      'flows.items.moved_at: there is no column moved_at in public.items. Did you mean made? Known: id, state, made',
    ]);
  });

  it('may have awkward names, which travel as parameters', async () => {
    const table = { schema: `x'; drop table items; --`, name: 'T"$1 ü' };
    const inspection = await inspect(
      `create table items (id int); create schema "x'; drop table items; --";
       create table "x'; drop table items; --"."T""$1 ü" ("I'd" int primary key, "S;" boolean)`,
      { table, key: ["I'd"], status: 'S;' },
    );
    expect(inspection).toMatchObject({
      ok: true,
      flow: { table, key: ["I'd"], status: 'S;', statuses: ['false', 'true'] },
    });
    expect(await sql`select to_regclass('items') is not null as there`).toEqual([{ there: true }]);
  });
});

describe('the key', () => {
  it.each([
    ['a primary key', 'create table items (id int primary key, status boolean)', ['id']],
    ['a unique index', 'create table items (id int not null unique, status boolean)', ['id']],
    [
      'a primary key of several columns',
      'create table items (id int, b text, status boolean, primary key (b, id))',
      ['id', 'b'],
    ],
    [
      'a unique part of it',
      'create table items (id int primary key, b text not null, status boolean)',
      ['b', 'id'],
    ],
    [
      'the key of a partitioned table',
      'create table items (id int, b text, status boolean, primary key (id, b)) partition by list (b)',
      ['id', 'b'],
    ],
    [
      'an index that includes more',
      'create table items (id int not null, status boolean); create unique index on items (id) include (status)',
      ['id'],
    ],
  ])('may be %s', async (_what, setup, key) => {
    expect(problemsOf(await inspect(setup, { key }))).toEqual([]);
  });

  const remedy =
    'ALTER TABLE public.items ADD PRIMARY KEY (id), or CREATE UNIQUE INDEX CONCURRENTLY ON public.items (id)';
  it.each([
    ['nothing', 'create table items (id int not null, status boolean)', remedy],
    [
      'part of a key',
      'create table items (id int, b int, status boolean, primary key (id, b))',
      `${remedy}; or use a key that the table has: id, b`,
    ],
    [
      'a partial index',
      'create table items (id int not null, status boolean); create unique index on items (id) where status',
      remedy,
    ],
    [
      'an expression',
      'create table items (id int not null, status boolean); create unique index on items ((id + 1))',
      remedy,
    ],
  ])('is refused over %s, with the fix', async (_what, setup, fix) => {
    expect(problemsOf(await inspect(setup))).toEqual([
      `flows.items.key: nothing keeps (id) unique in public.items. ${fix}`,
    ]);
  });

  it('is refused when it may be NULL', async () => {
    expect(problemsOf(await inspect('create table items (id int unique, status boolean)'))).toEqual([
      'flows.items.key: id may be NULL. ALTER TABLE public.items ALTER COLUMN id SET NOT NULL',
    ]);
  });
});

describe('rights', () => {
  it('are told: those of a superuser, and those of a role that may only read', async () => {
    await sql.unsafe(
      `create table items (id int primary key, status boolean); create table secret (id int primary key, status boolean)`,
    );
    const mine = await inspect('');
    expect(mine).toMatchObject({
      ok: true,
      access: {
        inRecovery: false,
        superuser: true,
        pooled: false,
        canCreateTrigger: true,
        canCreateJournal: true,
      },
      notes: ['this role is a superuser: a role with fewer rights is enough'],
    });
    const role = `look_${(sql.options.database as string).slice(-8)}`;
    await sql.unsafe(`create role "${role}" login; grant select (id, status) on items to "${role}"`);
    const url = new URL(db.url);
    url.username = role;
    const reader = postgres(url.href, { max: 1 });
    expect(await inspectTable(reader, watchedOf())).toMatchObject({
      ok: true,
      access: { superuser: false, canCreateTrigger: false, canCreateJournal: false },
      notes: [],
    });
    const secret = await inspectTable(reader, watchedOf({ table: { schema: 'public', name: 'secret' } }));
    expect(problemsOf(secret)).toEqual([
      'flows.items.key: this role may not read the column id. GRANT SELECT ON public.secret to it',
      'flows.items.status: this role may not read the column status. GRANT SELECT ON public.secret to it',
    ]);
    await reader.end();
    await sql.unsafe(`drop owned by "${role}"; drop role "${role}"`);
  });
});

describe('the text of a CHECK constraint', () => {
  it.each([
    [`((s)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))`, ['a', 'b']],
    [`(s = ANY (ARRAY['a,)]'::text, '''OR'::text]))`, ['a,)]', "'OR"]],
    [`(s = 'z'::bpchar)`, ['z']],
    [`((s = 'a'::text) OR (s = 'b'::text) OR (s IS NULL))`, ['a', 'b']],
    [`((s = ANY (ARRAY['a'::text])) AND (s <> ''::text) AND (s IS NOT NULL))`, ['a']],
    [`(s = ANY (ARRAY[1, '-2'::integer]))`, ['1', '-2']],
    [`(s <> 'a'::text)`, undefined],
    [`(lower(s) = 'a'::text)`, undefined],
    [`(NOT (s = 'a'::text))`, undefined],
    [`((s = 'a'::text) OR (length(s) > 3))`, undefined],
    [`((s = 'a'::text) AND (s = 'b'::text))`, undefined],
    [`(((s = 'a'::text) OR (s = 'b'::text)) AND (s <> ''::text))`, undefined],
    [`(s = ANY (ARRAY['a'::text, lower('B'::text)]))`, undefined],
    [`(t = 'a'::text)`, undefined],
    [`(s = 'a'`, ['a']],
    [`(s = 'a`, undefined],
    ['', undefined],
  ])('%s allows %j', (expression, values) => {
    expect(allowedValues(expression, 's')).toEqual(values);
  });
});
