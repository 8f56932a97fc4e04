/** Proves that the store's schema comes into being exactly once, whoever starts, however often it is killed. */
import { is } from 'drizzle-orm/entity';
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type Database, openDatabase } from '../../src/storage/database.js';
import { MIGRATIONS, type Migration, migrate } from '../../src/storage/migrations.js';
import * as schema from '../../src/storage/schema.js';
import { type PostgresServer, startPostgres } from '../harness/postgres.js';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server?.stop());

async function freshStore(role?: string): Promise<Database & { url: string }> {
  const url = new URL(await server.newDatabase());
  if (role) url.username = role;
  return open(url.href);
}

function open(url: string): Database & { url: string } {
  const db = openDatabase({ url, role: 'store', max: 2, applicationName: 'flowgauge-test' });
  onTestFinished(() => db.close(1000));
  return Object.assign(db, { url });
}

const DEADLINE = { deadlineMs: 20_000 };
const LATEST = MIGRATIONS.length;
const tables = (db: Database) =>
  db.run('tables', 5000, async (sql) => {
    const rows =
      await sql`select relname from pg_class where relnamespace = to_regnamespace('flowgauge') and relkind = 'r' order by 1`;
    return rows.map((row) => row.relname as string);
  });
const OURS = [
  'admin_audit',
  'admin_keys',
  'alert_events',
  'alert_groups',
  'chat_actions',
  'chat_silences',
  'chat_updates',
  'flow_days',
  'flow_dwell',
  'flow_items',
  'flow_population',
  'flow_reasons',
  'flow_state',
  'flow_totals',
  'lease',
  'maintenance_wishes',
  'meta',
  'notification_channels',
  'notification_chats',
  'notification_deliveries',
  'notification_messages',
  'notification_threads',
  'notification_watchdog',
];

test('an empty database gets every table; the second start changes nothing', async () => {
  const db = await freshStore();
  expect(await migrate(db, DEADLINE)).toEqual({
    from: 0,
    to: LATEST,
    applied: MIGRATIONS.map((m) => m.name),
  });
  expect(await tables(db)).toEqual(OURS);
  expect(await migrate(db, DEADLINE)).toEqual({ from: LATEST, to: LATEST, applied: [] });
});

test('the query builder’s tables have the columns, types and keys of the real ones', async () => {
  const db = await freshStore();
  await migrate(db, DEADLINE);
  for (const table of Object.values(schema).filter((t) => is(t, PgTable))) {
    const config = getTableConfig(table as typeof schema.meta);
    const described = config.columns.map((c) => [c.name, c.getSQLType(), c.notNull]).sort();
    const real = await db.run(
      'columns',
      5000,
      (sql) => sql`
      select attname, format_type(atttypid, atttypmod) as type, attnotnull from pg_attribute
       where attrelid = ${`flowgauge.${config.name}`}::regclass and attnum > 0 and not attisdropped`,
    );
    expect([config.name, described]).toEqual([
      config.name,
      real.map((c) => [c.attname, c.type, c.attnotnull]).sort(),
    ]);
    const key = await db.run(
      'key',
      5000,
      (sql) => sql`
      select attname from pg_index join pg_attribute on attrelid = indrelid and attnum = any(indkey)
       where indrelid = ${`flowgauge.${config.name}`}::regclass and indisprimary order by 1`,
    );
    const keyOf = config.primaryKeys[0]?.columns ?? config.columns.filter((c) => c.primary);
    expect([config.name, keyOf.map((c) => c.name).sort()]).toEqual([config.name, key.map((c) => c.attname)]);
  }
});

test('two programs starting on one store do not collide', async () => {
  const db = await freshStore();
  const starters = [db, open(db.url), open(db.url), open(db.url)];
  const reports = await Promise.all(starters.map((starter) => migrate(starter, DEADLINE)));
  // Each step once; which of the starters took which is chance.
  expect(reports.flatMap((r) => r.applied).sort()).toEqual(MIGRATIONS.map((m) => m.name).sort());
  expect(reports.map((r) => r.to)).toEqual([LATEST, LATEST, LATEST, LATEST]);
});

// One store per statement of every step: on a busy machine that takes longer than a test usually may.
const EVERY_STATEMENT = { timeout: 240_000 };
test(
  'killed after each statement, no half schema is ever seen and the next start finishes',
  EVERY_STATEMENT,
  async () => {
    const statements = MIGRATIONS.flatMap((m, step) =>
      [...m.statements, 'version row'].map((_, i) => [step, `${m.name} ${i + 1}`] as const),
    );
    expect(statements.length).toBeGreaterThan(8);
    const whole: (readonly string[])[] = [];
    for (let steps = 0; steps <= LATEST; steps += 1) {
      const db = await freshStore();
      if (steps > 0) await migrate(db, { ...DEADLINE, migrations: MIGRATIONS.slice(0, steps) });
      whole.push(await tables(db));
      await db.close(1000);
    }
    expect(whole.at(-1)).toEqual(OURS);
    for (const [step, victim] of statements) {
      const db = await freshStore();
      const refused = migrate(db, {
        ...DEADLINE,
        afterStatement: async (step, statement) => {
          if (`${step} ${statement}` !== victim) return;
          await server.sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${new URL(db.url).pathname.slice(1)}`;
        },
      });
      await expect(refused, victim).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
      expect(await tables(db), victim).toEqual(whole[step]);
      expect((await migrate(db, DEADLINE)).to).toBe(LATEST);
      expect(await tables(db)).toEqual(OURS);
      // Kept open, the stores of all statements would take every connection of the server.
      await db.close(1000);
    }
  },
);

test('a step that fails leaves the steps before it in force', async () => {
  const db = await freshStore();
  const broken: Migration[] = [
    ...MIGRATIONS,
    { name: 'broken', statements: ['create table flowgauge.extra ()', 'select 1/0'] },
  ];
  await expect(migrate(db, { ...DEADLINE, migrations: broken })).rejects.toMatchObject({ code: '22012' });
  expect(await tables(db)).toEqual(OURS);
  const mended: Migration[] = [
    ...MIGRATIONS,
    { name: 'mended', statements: ['create table flowgauge.extra ()'] },
  ];
  expect(await migrate(db, { ...DEADLINE, migrations: mended })).toEqual({
    from: LATEST,
    to: LATEST + 1,
    applied: ['mended'],
  });
});

test('a store of a newer release is refused and untouched', async () => {
  const db = await freshStore();
  const newer = [...MIGRATIONS, { name: 'newer', statements: ['create table flowgauge.newer ()'] }];
  await migrate(db, { ...DEADLINE, migrations: newer });
  await expect(migrate(db, DEADLINE)).rejects.toThrow(
    `The store has schema version ${LATEST + 1}, this release knows up to ${LATEST}. Nothing was changed.`,
  );
  expect(await tables(db)).toEqual([...OURS, 'newer'].sort());
});

test('a schema flowgauge of somebody else is refused', async () => {
  const db = await freshStore();
  await db.run('theirs', 5000, (sql) =>
    sql.unsafe('create schema flowgauge; create table flowgauge.meta (x int, key text, value text)'),
  );
  await expect(migrate(db, DEADLINE)).rejects.toMatchObject({ code: 'STORE_SCHEMA_FOREIGN' });
});

test('without the right to create, the remedy is named; with a prepared schema that right is not needed', async () => {
  await server.sql`create role modest login`;
  const db = await freshStore('modest');
  await expect(migrate(db, DEADLINE)).rejects.toThrow('CREATE SCHEMA flowgauge AUTHORIZATION');
  const admin = open(db.url.replace('modest', 'postgres'));
  await admin.run('prepare', 5000, (sql) => sql`create schema flowgauge authorization modest`);
  expect((await migrate(db, DEADLINE)).to).toBe(LATEST);
});
