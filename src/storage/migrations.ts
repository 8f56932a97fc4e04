/** Owns how the store's tables come into being and change: numbered steps, forward only, each whole or not at all. */
import type postgres from 'postgres';
import { AUDIT_TABLES } from './audit-tables.js';
import { CHAT_TABLES } from './chat-tables.js';
import type { Database } from './database.js';
import { errorCode } from './database-errors.js';
import { DAY_TABLES } from './day-tables.js';
import { MAINTENANCE_TABLES } from './maintenance-tables.js';
import { NOTIFICATION_TABLES } from './notification-tables.js';
import { OCCURRENCE_TABLES } from './occurrence-tables.js';

/** One step. Never edited after a release; a correction is a further step. */
export interface Migration {
  readonly name: string;
  readonly statements: readonly string[];
}

// Small tables that are updated several times a second: room on the page for in-place (HOT) updates, and a vacuum
// that does not wait for a share of the table, because 200 dead rows are already many times its living ones.
const HOT = `with (fillfactor = 50, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0,
  autovacuum_analyze_threshold = 5000, autovacuum_vacuum_cost_delay = 0)`;

/** All steps; the schema version is their number. */
export const MIGRATIONS: readonly Migration[] = [
  {
    name: 'flows and lease',
    statements: [
      `create table flowgauge.flow_state (
         flow text primary key, mode text, version bigint not null default 0,
         cursor_seen text, cursor_upto text, cursor_id bigint, poll_at_us bigint, baseline_at timestamptz,
         gaps bigint not null default 0, last_gap_at timestamptz, last_gap_reason text,
         faults_seen bigint not null default 0, unexpected bigint not null default 0,
         unknown bigint not null default 0, folded bigint not null default 0,
         updated_at timestamptz not null default now()) ${HOT}`,
      `create table flowgauge.flow_items (
         flow text not null, key text not null, status text not null, entered_us bigint not null,
         known boolean not null, primary key (flow, key))
         with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05)`,
      `create index flow_items_by_status on flowgauge.flow_items (flow, status, entered_us)`,
      `create table flowgauge.flow_totals (
         flow text not null, from_status text not null, to_status text not null,
         moves bigint not null check (moves >= 0), last_us bigint not null,
         primary key (flow, from_status, to_status)) ${HOT}`,
      `create table flowgauge.flow_reasons (
         flow text not null, to_status text not null, reason text not null,
         moves bigint not null check (moves >= 0), primary key (flow, to_status, reason)) ${HOT}`,
      `create table flowgauge.flow_dwell (
         flow text not null, status text not null, to_status text not null,
         bounds double precision[] not null, buckets bigint[] not null, sum_us numeric not null,
         check (cardinality(buckets) = cardinality(bounds) + 1),
         primary key (flow, status, to_status)) ${HOT}`,
      `create table flowgauge.flow_population (
         flow text not null, status text not null, items bigint not null, primary key (flow, status)) ${HOT}`,
      `create table flowgauge.lease (
         name text primary key, holder text not null, epoch bigint not null, expires_at timestamptz not null) ${HOT}`,
    ],
  },
  { name: 'alerts and notifications', statements: NOTIFICATION_TABLES },
  { name: 'actions in the chat', statements: CHAT_TABLES },
  { name: 'record of administration', statements: AUDIT_TABLES },
  { name: 'totals per day', statements: DAY_TABLES },
  { name: 'planned work', statements: MAINTENANCE_TABLES },
  { name: 'alerts that come back', statements: OCCURRENCE_TABLES },
];

/** The store belongs to a newer release, or the schema `flowgauge` is not ours. Nothing was changed. */
export class StoreSchemaError extends Error {
  readonly code: 'STORE_SCHEMA_TOO_NEW' | 'STORE_SCHEMA_FOREIGN' | 'STORE_SCHEMA_FORBIDDEN';
  constructor(code: StoreSchemaError['code'], message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
    this.name = 'StoreSchemaError';
  }
}

/** What {@link migrate} did. */
export interface MigrationReport {
  readonly from: number;
  readonly to: number;
  readonly applied: readonly string[];
}

/** Options of {@link migrate}. */
export interface MigrateOptions {
  /** Deadline of each step, in ms. */
  readonly deadlineMs: number;
  readonly migrations?: readonly Migration[];
  /** Called after each statement, before the step is committed: the place where crash tests die. */
  readonly afterStatement?: (step: string, statement: number) => void | Promise<void>;
}

/** Any two numbers that no other program uses; starters of one store queue behind this lock. */
const LOCK = [1_718_382_455, 1] as const;

/**
 * Brings the store to this release's schema. Each step is one transaction with its version row, behind a lock: two
 * starters do not collide, and after a kill in the middle the next start finishes. Throws {@link StoreSchemaError}.
 */
export async function migrate(db: Database, options: MigrateOptions): Promise<MigrationReport> {
  const migrations = options.migrations ?? MIGRATIONS;
  const applied: string[] = [];
  for (;;) {
    const version = await nextStep(db, migrations, options, applied);
    if (version === migrations.length) return { from: version - applied.length, to: version, applied };
  }
}

/** The version of the store's schema, 0 when there is none yet. */
export async function schemaVersion(sql: postgres.ISql): Promise<number> {
  const [found] = await sql`select to_regclass('flowgauge.meta') is not null as ours,
      to_regnamespace('flowgauge') is not null as taken,
      exists (select from pg_class where relnamespace = to_regnamespace('flowgauge')) as filled`;
  if (!found?.ours) {
    if (!found?.filled) return 0;
    throw foreign('it holds tables, but not ours');
  }
  const [row] = await sql`select value from flowgauge.meta where key = 'schema_version'`;
  const version = Number(row?.value);
  if (!Number.isInteger(version)) throw foreign('its table `meta` has no schema_version');
  return version;
}

/** Whether {@link migrate} could begin: tries the first step and takes it back. Throws {@link StoreSchemaError}. */
export async function tryMigration(db: Database, deadlineMs: number): Promise<void> {
  const done = new Error('taken back');
  await db
    .transaction('try to migrate', deadlineMs, {}, async (sql) => {
      const version = await schemaVersion(sql);
      if (version > MIGRATIONS.length) throw tooNew(version, MIGRATIONS.length);
      if (version === 0) await createMeta(sql);
      // Not for what it says: only the owner of the tables may bring them to a later version.
      else await sql`lock table flowgauge.meta in share update exclusive mode nowait`;
      throw done;
    })
    .catch((error: unknown) => {
      if (error === done || errorCode(error) === '55P03') return;
      throw errorCode(error) === '42501' ? forbidden(error) : error;
    });
}

async function nextStep(
  db: Database,
  migrations: readonly Migration[],
  options: MigrateOptions,
  applied: string[],
): Promise<number> {
  const done = await db
    .transaction('migrate', options.deadlineMs, {}, async (sql) => {
      // The other starter may need all its deadline.
      await sql.unsafe(`set local lock_timeout = ${Math.floor(options.deadlineMs)}`);
      await sql`select pg_advisory_xact_lock(${LOCK[0]}::int, ${LOCK[1]}::int)`;
      const version = await schemaVersion(sql);
      if (version > migrations.length) throw tooNew(version, migrations.length);
      const step = migrations[version];
      if (step === undefined) return { version, applied: undefined };
      if (version === 0) await createMeta(sql);
      await applyStep(sql, step, version + 1, options.afterStatement);
      return { version: version + 1, applied: step.name };
    })
    .catch((error: unknown) => {
      throw errorCode(error) === '42501' ? forbidden(error) : error;
    });
  if (done.applied !== undefined) applied.push(done.applied);
  return done.version;
}

async function createMeta(sql: postgres.Sql): Promise<void> {
  const [found] = await sql`select to_regnamespace('flowgauge') is not null as exists`;
  // IF NOT EXISTS asks for the right to create schemas even where an administrator has made ours beforehand.
  if (!found?.exists) await sql`create schema flowgauge`;
  await sql`create table flowgauge.meta (key text primary key, value text not null)`;
}

async function applyStep(
  sql: postgres.Sql,
  step: Migration,
  version: number,
  afterStatement: MigrateOptions['afterStatement'],
): Promise<void> {
  for (const [index, statement] of step.statements.entries()) {
    await sql.unsafe(statement);
    await afterStatement?.(step.name, index + 1);
  }
  await sql`insert into flowgauge.meta (key, value) values ('schema_version', ${String(version)})
            on conflict (key) do update set value = excluded.value`;
  await afterStatement?.(step.name, step.statements.length + 1);
}

function tooNew(found: number, known: number): StoreSchemaError {
  return new StoreSchemaError(
    'STORE_SCHEMA_TOO_NEW',
    `The store has schema version ${found}, this release knows up to ${known}. Nothing was changed. Run the newer release, or give this one a store of its own (store.url).`,
  );
}

function foreign(what: string): StoreSchemaError {
  return new StoreSchemaError(
    'STORE_SCHEMA_FOREIGN',
    `The schema "flowgauge" of the store is not ours: ${what}. Nothing was changed. Give the program another database (store.url), or remove that schema if nobody needs it.`,
  );
}

function forbidden(cause: unknown): StoreSchemaError {
  return new StoreSchemaError(
    'STORE_SCHEMA_FORBIDDEN',
    'The store’s user may not create our tables. Let an administrator run: CREATE SCHEMA flowgauge AUTHORIZATION <that user>; or name another database in store.url.',
    cause,
  );
}
