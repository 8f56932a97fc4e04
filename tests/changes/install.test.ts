/** How the journal gets into the source, is repaired and updated, and leaves no trace. */
import postgres from 'postgres';
import { beforeEach, describe, expect, it } from 'vitest';
import { InstallBlockedError, install, installationStatus, uninstall } from '../../src/changes/install.js';
import { installSql, uninstallAllSql, uninstallSql } from '../../src/changes/journal-sql.js';
import { type FreshDatabase, freshDatabase } from '../harness/fresh-database.js';
import { faultsOf, flowOf, journalOf, watch } from './captured.js';

const ITEMS = 'create table items (id int primary key, status text);';
const PARTED = `create table items (id int primary key, status text) partition by range (id);
  create table items_1 partition of items for values from (0) to (100);`;
const TRIGGERS = ['insert', 'update', 'delete', 'truncate'].map((s) => `flowgauge_items_${s}`);
const maxRows = 1_000_000;

let db: FreshDatabase;
let sql: postgres.Sql;
beforeEach(async () => {
  db = await freshDatabase();
  sql = db.sql;
  return () => db.drop();
});

/** Every catalog row that names something, so that whatever we leave behind shows. */
async function catalog(): Promise<string[]> {
  const rows = await sql<{ line: string }[]>`
    select 'class ' || c.oid::regclass || ' ' || c.relkind::text || ' ' || coalesce(c.relacl::text, '') as line from pg_class c
      where c.relnamespace <> 'pg_toast'::regnamespace
    union all select 'trigger ' || tgname from pg_trigger
    union all select 'function ' || oid::regprocedure from pg_proc
    union all select 'schema ' || nspname || coalesce(nspacl::text, '') from pg_namespace
    union all select 'type ' || oid::regtype from pg_type
    union all select 'constraint ' || conname from pg_constraint
    union all select 'setting ' || setconfig::text from pg_db_role_setting`;
  return rows.map((r) => r.line).sort();
}

describe('uninstall', () => {
  it.each([
    ['all at once', () => uninstall(sql)],
    ['flow by flow', () => uninstall(sql, { name: 'items' }).then(() => uninstall(sql, { name: 'other' }))],
    [
      'by its printed SQL',
      () => sql.unsafe([...uninstallSql({ name: 'items' }), ...uninstallAllSql()].join(';\n')),
    ],
  ])('leaves no trace, %s, however often it is repeated', async (_how, remove) => {
    await sql.unsafe(`${PARTED} create table other (id int primary key, status text);`);
    const before = await catalog();
    await install(sql, flowOf(), { maxRows });
    await install(sql, flowOf({ name: 'other', table: { schema: 'public', name: 'other' } }), { maxRows });
    await sql.unsafe(`alter table items detach partition items_1;
      insert into items_1 values (1, 'a');`);
    expect(await catalog()).not.toEqual(before);
    await remove();
    await remove();
    expect(await catalog()).toEqual(before);
  });

  it('of one flow keeps the others', async () => {
    await watch(sql, `${ITEMS} create table other (id int primary key, status text);`);
    const other = flowOf({ name: 'other', table: { schema: 'public', name: 'other' } });
    await install(sql, other, { maxRows });
    await uninstall(sql, { name: 'items' });
    expect((await installationStatus(sql, other)).state).toBe('current');
    expect((await installationStatus(sql, flowOf())).state).toBe('missing');
  });
});

describe('installation', () => {
  it('is missing, then current; repeating it changes nothing and loses nothing', async () => {
    await sql.unsafe(ITEMS);
    expect(await installationStatus(sql, flowOf())).toMatchObject({ state: 'missing', captures: 'none' });
    await install(sql, flowOf(), { maxRows });
    await sql`insert into items values (1, 'a')`;
    const installed = await catalog();
    await install(sql, flowOf(), { maxRows });
    expect(await catalog()).toEqual(installed);
    expect(await journalOf(sql, flowOf())).toEqual(['1: ->a']);
    expect(await installationStatus(sql, flowOf())).toEqual({
      state: 'current',
      captures: 'all',
      programs: 'current',
      uncaptured: [],
      strays: [],
    });
  });

  it('works as printed, in one go and statement by statement, twice', async () => {
    await sql.unsafe(PARTED);
    const statements = installSql(flowOf(), { maxRows });
    for (const statement of statements) await sql.unsafe(statement).then(() => sql.unsafe(statement));
    await sql.unsafe(statements.join(';\n'));
    expect((await installationStatus(sql, flowOf())).state).toBe('current');
  });

  it('of another definition is outdated; installing updates the programs and keeps the journal', async () => {
    await watch(sql, `${ITEMS} alter table items add moved timestamptz, add phase text;`);
    await sql`insert into items values (1, 'a', now(), 'x')`;
    const changed = flowOf({ status: 'phase', movedAt: 'moved' });
    expect(await installationStatus(sql, changed)).toMatchObject({ state: 'outdated', captures: 'all' });
    await install(sql, changed, { maxRows });
    expect((await installationStatus(sql, changed)).state).toBe('current');
    await sql`update items set phase = 'y'`;
    expect(await journalOf(sql, changed)).toEqual(['1: ->a', '1: x>y']);
  });

  it('says which partition is not captured, and covers it when repeated', async () => {
    await watch(sql, PARTED);
    await sql.unsafe(`create table items_2 partition of items for values from (100) to (200);
      create table late (id int primary key, status text); insert into late values (201, 'a');
      alter table items attach partition late for values from (200) to (300);`);
    const status = await installationStatus(sql, flowOf());
    expect(status).toMatchObject({ state: 'outdated', captures: 'some' });
    expect(status.uncaptured).toEqual([
      { schema: 'public', name: 'items_2', missing: TRIGGERS, disabled: [] },
      { schema: 'public', name: 'late', missing: TRIGGERS, disabled: [] },
    ]);
    await install(sql, flowOf(), { maxRows });
    await sql`update late set status = 'b'`;
    expect(await journalOf(sql, flowOf())).toEqual(['201: a>b']);
  });

  it('finds a detached partition that still feeds the journal, and cuts it off when repeated', async () => {
    await watch(sql, PARTED);
    await sql`alter table items detach partition items_1`;
    const status = await installationStatus(sql, flowOf());
    expect(status).toMatchObject({ state: 'outdated', strays: [{ schema: 'public', name: 'items_1' }] });
    await install(sql, flowOf(), { maxRows });
    await sql`insert into items_1 values (1, 'a')`;
    expect(await journalOf(sql, flowOf())).toEqual([]);
    expect((await installationStatus(sql, flowOf())).state).toBe('current');
  });

  it('says which trigger is disabled, and enables it when repeated', async () => {
    await watch(sql, ITEMS);
    await sql`alter table items disable trigger flowgauge_items_update`;
    expect(await installationStatus(sql, flowOf())).toEqual({
      state: 'disabled',
      captures: 'none',
      programs: 'current',
      uncaptured: [{ schema: 'public', name: 'items', missing: [], disabled: ['flowgauge_items_update'] }],
      strays: [],
    });
    await install(sql, flowOf(), { maxRows });
    expect((await installationStatus(sql, flowOf())).state).toBe('current');
  });

  it.each(['table flowgauge_capture.items_journal', 'sequence flowgauge_capture.items_faults'])(
    'without its %s captures nothing, and is made whole when repeated',
    async (part) => {
      await watch(sql, ITEMS);
      await sql.unsafe(`drop ${part} cascade`);
      expect(await installationStatus(sql, flowOf())).toMatchObject({ state: 'outdated', captures: 'none' });
      await install(sql, flowOf(), { maxRows });
      await sql`insert into items values (1, 'a')`;
      expect(await journalOf(sql, flowOf())).toEqual(['1: ->a']);
      expect(await faultsOf(sql, flowOf())).toBe(0);
    },
  );

  it('gives a reader of few rights what reading needs', async () => {
    const role = `reader_${(sql.options.database as string).slice(-8)}`;
    await sql.unsafe(`${ITEMS} create role "${role}" login`);
    await install(sql, flowOf(), { maxRows, readerRole: role });
    await sql`insert into items values (1, 'a')`;
    const url = new URL(db.url);
    url.username = role;
    const reader = postgres(url.href, { max: 1 });
    await reader`select * from flowgauge_capture.items_journal`;
    await reader`delete from flowgauge_capture.items_journal`;
    await reader`update flowgauge_capture.installation set drained_id = 1 where flow = 'items'`;
    await reader`select setval('flowgauge_capture.items_journal_id', 7)`;
    await expect(reader`select nextval('flowgauge_capture.items_faults')`).rejects.toThrow(
      'permission denied',
    );
    await expect(reader`update flowgauge_capture.installation set max_rows = 1`).rejects.toThrow(
      'permission denied',
    );
    // With the right to use the schema only the functions' own rights keep it from forging changes.
    await sql.unsafe(`grant create on schema public to "${role}"`);
    await reader`create table mine (id int primary key, status text)`;
    const forge = `create trigger forge after insert on mine referencing new table as flowgauge_new
      for each statement execute function flowgauge_capture.flowgauge_items_insert()`;
    await expect(reader.unsafe(forge)).rejects.toThrow('permission denied for function');
    await expect(
      reader`select flowgauge_capture.stop_when_full('items', 'items'::regclass, 9)`,
    ).rejects.toThrow('permission denied for function');
    await reader.end();
    await sql.unsafe(`drop owned by "${role}"; drop role "${role}"`);
  });
});

describe('a table in use', () => {
  it('is not held up: a writer beside a blocked installation waits less than 600 ms, and the blocker is named', async () => {
    await sql.unsafe(`${ITEMS} insert into items values (1, 'a'), (2, 'a')`);
    const long = postgres(db.url, { max: 1, connection: { application_name: 'night report' } });
    await long`begin`.then(() => long`update items set status = 'b' where id = 1`);
    const [held] = await long`select pg_backend_pid() as pid`;
    const writer = postgres(db.url, { max: 1 });
    const blocked = install(sql, flowOf(), { maxRows, attempts: 4 }).catch((error: unknown) => error);
    let busy = true;
    const done = blocked.then((error) => {
      busy = false;
      return error;
    });
    // lock_timeout is the server's own clock: a statement that waited longer behind the installation fails.
    await writer`set lock_timeout = '600ms'`;
    let writes = 0;
    while (busy) {
      await writer`update items set status = status || 'x' where id = 2`;
      writes += 1;
    }
    const error = await done;
    expect(writes).toBeGreaterThan(0);
    expect(error).toBeInstanceOf(InstallBlockedError);
    expect((error as InstallBlockedError).code).toBe('INSTALL_BLOCKED');
    expect((error as InstallBlockedError).message).toContain(`process ${held!.pid} (night report)`);
    await long`commit`;
    await install(sql, flowOf(), { maxRows });
    await writer`update items set status = 'c' where id = 1`;
    expect(await journalOf(sql, flowOf())).toEqual(['1: b>c']);
    await Promise.all([long.end(), writer.end()]);
  });

  it('is captured as soon as the transaction in the way has ended', async () => {
    await sql.unsafe(`${ITEMS} insert into items values (1, 'a')`);
    const long = postgres(db.url, { max: 1 });
    await long`begin`.then(() => long`update items set status = 'b'`);
    const installed = install(sql, flowOf(), { maxRows, attempts: 100, random: () => 0 });
    await new Promise((resolve) => setTimeout(resolve, 700));
    await long`commit`.then(() => long.end());
    await installed;
    expect((await installationStatus(sql, flowOf())).state).toBe('current');
  });

  it('is not installed by a role without the right, with the server own words', async () => {
    const role = `guest_${(sql.options.database as string).slice(-8)}`;
    await sql.unsafe(`${ITEMS} create role "${role}" login`);
    const url = new URL(db.url);
    url.username = role;
    const guest = postgres(url.href, { max: 1 });
    await expect(install(guest, flowOf(), { maxRows })).rejects.toThrow('permission denied for database');
    await guest.end();
    await sql.unsafe(`drop owned by "${role}"; drop role "${role}"`);
  });
});
