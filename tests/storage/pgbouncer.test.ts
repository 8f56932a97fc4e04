/** Proves that counting is exact by way of a real PgBouncer, that nothing of ours stays in it, and what is said where it cannot be. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type DatabaseEvent, openDatabase } from '../../src/storage/database.js';
import { eventually, runCli, samplesOf, startExporterProcess, writeConfig } from '../harness/exporter.js';
import { freshDatabase } from '../harness/fresh-database.js';
import { type PgBouncer, startPgBouncer } from '../harness/pgbouncer.js';
import { failure, one } from './fixture.js';

type Mode = Parameters<typeof startPgBouncer>[1];

/** What our sessions change and no other client of the pooler may find changed. */
const SETTINGS = [
  'bytea_output',
  'datestyle',
  'default_transaction_read_only',
  'extra_float_digits',
  'idle_in_transaction_session_timeout',
  'intervalstyle',
  'lock_timeout',
  'statement_timeout',
  'synchronous_commit',
  'timezone',
];
/** Both names are what a careless operator lets the pooler swallow after its first refusal. */
const SWALLOWED = {
  ignore_startup_parameters: 'extra_float_digits,lock_timeout,idle_in_transaction_session_timeout',
};

async function pooled(mode: Mode, settings: Readonly<Record<string, string>> = {}) {
  const database = await freshDatabase();
  const pooler = await startPgBouncer(database.url, mode, settings);
  onTestFinished(async () => {
    await pooler.stop();
    await database.drop();
  });
  return { database, pooler, url: pooler.through(database.url) };
}

/** A database as the exporter opens it, and what it told. */
function opened(url: string) {
  const events: DatabaseEvent['kind'][] = [];
  const onEvent = (event: DatabaseEvent) => events.push(event.kind);
  const db = openDatabase({ url, role: 'store', max: 3, applicationName: 'test', onEvent });
  onTestFinished(() => db.close(500));
  return { db, events };
}

/** An application behind the same pooler. */
function application(url: string): postgres.Sql {
  const app = postgres(url, { max: 4, prepare: false, fetch_types: false, onnotice: () => {} });
  onTestFinished(() => app.end({ timeout: 1 }));
  return app;
}

/** The settings that each server connection of the pooler gives to whom it serves, without repetitions. */
async function settingsSeen(sql: postgres.Sql): Promise<string[]> {
  const seen = new Map<number, string>();
  for (let n = 0; n < 30; n += 1) {
    const [row] = await sql<{ pid: number; settings: string }[]>`
      select pg_backend_pid() as pid, string_agg(name || '=' || setting, ' ' order by name) as settings
        from pg_settings where lower(name) = any(string_to_array(${SETTINGS.join()}, ','))`;
    seen.set(row!.pid, row!.settings);
  }
  return [...new Set(seen.values())];
}

describe('the exporter behind PgBouncer', () => {
  it.each<[string, Mode, Readonly<Record<string, string>>]>([
    ['in transaction mode', 'transaction', {}],
    ['in transaction mode that swallows the settings of a session', 'transaction', SWALLOWED],
    ['in session mode', 'session', { default_pool_size: '30' }],
  ])('counts exactly %s and leaves no setting behind', async (_, mode, settings) => {
    const { database, url } = await pooled(mode, settings);
    // Other than the defaults, or what of ours stays behind would look like them.
    await database.sql.unsafe(`
      do $$ begin execute format('alter database %I set intervalstyle = iso_8601', current_database());
        execute format('alter database %I set extra_float_digits = 0', current_database());
        execute format('alter database %I set bytea_output = escape', current_database()); end $$`);
    const clean = await settingsSeen(application(database.url));
    await database.sql.unsafe(`
      create table items (id int primary key, status text not null check (status in ('a', 'b', 'c')));
      create table visits (span interval, at timestamptz, size float8, status text not null,
        updated_at timestamptz default clock_timestamp(), primary key (span, at, size));
      insert into items select n, 'a' from generate_series(1, 100) n;
      insert into visits select n * interval '1 day 2 hours', '2020-02-01 12:00+00', 0.1::float4, 'a' from generate_series(1, 20) n`);
    const directory = mkdtempSync(join(tmpdir(), 'flowgauge-pgbouncer-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const config = writeConfig(
      directory,
      `web: { listen_address: "127.0.0.1:0" }
source: { url: "${url}" }
store: { url: "${url}" }
flows:
  items: { table: public.items, key: id, status: status, capture: journal, audit_interval: 5s }
  visits: { table: public.visits, key: [span, at, size], status: status, statuses: [a, b], updated_at: updated_at,
    capture: poll, poll_interval: 1s, audit_interval: 5s }
`,
    );
    const install = runCli(['install', '--apply', `--config.file=${config}`]);
    expect(await install.exit, install.output()).toBe(0);
    const check = runCli(['check', `--config.file=${config}`]);
    expect(await check.exit, check.output()).toBe(0);

    const exporter = await startExporterProcess(config);
    try {
      const value = (metrics: string, metric: string, labels: string) =>
        samplesOf(metrics, metric).get(labels);
      const items = (status: string) => `flow="items",status="${status}"`;
      await eventually(
        exporter.metrics,
        (text) =>
          value(text, 'flow_items', items('a')) === 100 &&
          value(text, 'flow_items', 'flow="visits",status="a"') === 20,
      );
      const app = application(url);
      const all = Array.from({ length: 100 }, (_, n) => n + 1);
      await Promise.all(all.map((id) => app`update items set status = 'b' where id = ${id}`));
      await Promise.all(
        all.map((id) =>
          app.begin(async (tx) => {
            await tx`set local intervalstyle = iso_8601`;
            await tx`set local datestyle = german`;
            await tx`update items set status = 'c' where id = ${id}`;
          }),
        ),
      );
      await app`update visits set status = 'b', updated_at = clock_timestamp()`;
      const move = (flow: string, from: string, to: string) => `flow="${flow}",from="${from}",to="${to}"`;
      const text = await eventually(
        exporter.metrics,
        (now) =>
          value(now, 'flow_transitions_total', move('items', 'b', 'c')) === 100 &&
          value(now, 'flow_transitions_total', move('visits', 'a', 'b')) === 20,
      );
      expect(value(text, 'flow_transitions_total', move('items', 'a', 'b'))).toBe(100);
      expect(value(text, 'flow_items', 'flow="visits",status="b"')).toBe(20);

      const movedAtSeconds = Date.now() / 1000;
      const audited = await eventually(exporter.metrics, (now) =>
        ['items', 'visits'].every(
          (flow) => value(now, 'flow_snapshot_timestamp_seconds', `flow="${flow}"`)! > movedAtSeconds,
        ),
      );
      expect([...samplesOf(audited, 'flow_capture_gaps_total').values()]).toEqual([0, 0]);
      expect([...samplesOf(audited, 'flow_capture_faults_total').values()]).toEqual([0]);
      expect(exporter.output()).not.toContain('"level":"error"');
      expect(exporter.output()).toContain('a pooler stands before the database');
      expect(await settingsSeen(app)).toEqual(clean);
    } finally {
      await exporter.stop();
    }
  });
});

describe('a database behind PgBouncer', () => {
  it('limits what a frozen process holds, in each transaction and beyond none', async () => {
    const { url } = await pooled('transaction', SWALLOWED);
    const { db, events } = opened(url);
    const limits = (sql: postgres.Sql) =>
      sql`select current_setting('lock_timeout') as lock, current_setting('statement_timeout') as statement,
                 current_setting('idle_in_transaction_session_timeout') as idle`.then(([row]) => ({
        ...row,
      }));
    for (let n = 0; n < 6; n += 1) {
      expect(await db.transaction('limits', 1000, {}, limits)).toEqual({
        lock: '5s',
        statement: '900ms',
        idle: '10s',
      });
      expect(await db.run('limits', 1000, limits)).toEqual({ lock: '0', statement: '0', idle: '0' });
    }
    expect(events).toEqual(['disconnected', 'pooler', 'connected', 'up']);
  });

  it('is recognised where the server has by itself the very limits that we ask for', async () => {
    const { database, url } = await pooled('transaction', SWALLOWED);
    await database.sql.unsafe(`
      do $$ begin execute format('alter database %I set lock_timeout = ''5s''', current_database());
        execute format('alter database %I set idle_in_transaction_session_timeout = ''10s''', current_database()); end $$`);
    const { db, events } = opened(url);
    await one(db);
    expect(events).toEqual(['disconnected', 'pooler', 'connected', 'up']);
  });

  it('keeps its other connections when a statement is slow, for nobody told the server a limit', async () => {
    const { url } = await pooled('transaction');
    const { db, events } = opened(url);
    await Promise.all([1, 2, 3].map(() => db.run('warm', 5000, (sql) => sql`select pg_sleep(0.1)`)));
    expect(events.filter((kind) => kind === 'connected')).toHaveLength(3);
    events.length = 0;
    const error = await failure(db.run('slow', 600, (sql) => sql`select pg_sleep(3)`));
    expect(error.code).toBe('DATABASE_TIMEOUT');
    expect(events.filter((kind) => kind === 'disconnected')).toHaveLength(1);
  });

  it.each<[string, Mode, (url: string, pooler: PgBouncer) => string, string]>([
    [
      'statement mode',
      'statement',
      (url) => url,
      'If this stays, the pooler is in statement mode: set pool_mode = transaction or session for this database there.',
    ],
    [
      'a setting in the URL',
      'transaction',
      (url) => `${url}?search_path=public`,
      'A pooler stands in between and refuses a setting of the URL: take it out of the URL.',
    ],
  ])('says what to do about %s', async (_, mode, change, remedy) => {
    const { url, pooler } = await pooled(mode);
    const { db } = opened(change(url, pooler));
    const error = await failure(db.transaction('write', 5000, {}, (sql) => sql`select 1`));
    expect(error.code).toBe('DATABASE_UNAVAILABLE');
    expect(error.message).toContain(remedy);
  });

  it('comes back by itself when the pooler was away', async () => {
    const { database, pooler, url } = await pooled('transaction');
    const { db } = opened(url);
    expect(await one(db)).toEqual([{ x: 1 }]);
    await pooler.stop();
    expect((await failure(one(db))).code).toBe('DATABASE_UNAVAILABLE');
    const again = await startPgBouncer(database.url, 'transaction', {}, pooler.port);
    onTestFinished(() => again.stop());
    expect(
      await eventually(
        () => one(db),
        (rows) => rows[0]?.x === 1,
      ),
    ).toEqual([{ x: 1 }]);
  });
});
