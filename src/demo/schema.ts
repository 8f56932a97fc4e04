/** Owns the tables that the demo writes to, and the mark by which it knows its own. */
import type postgres from 'postgres';
import { openDatabase } from '../storage/database.js';

/** The comment on every table that the demo made; it writes to no other. */
export const DEMO_MARK = 'Made by flowgauge demo; safe to drop.';

/** The table exists and was not made by the demo, which prunes rows and therefore refuses to touch it. */
export class ForeignTableError extends Error {
  readonly code = 'DEMO_TABLE_FOREIGN';
}

export const TOKENS_TABLE = 'public.tokens';
export const MARKETS_TABLE = 'public.demo_markets';
const DEADLINE_MS = 10_000;

/** The kind of table that a token scanner has. */
const TOKENS_COLUMNS = `
  id bigserial PRIMARY KEY,
  mint_address text NOT NULL UNIQUE,
  name text,
  symbol text,
  status varchar(20) NOT NULL DEFAULT 'monitoring'
    CONSTRAINT ck_tokens_status CHECK (status IN ('monitoring', 'active', 'archived')),
  liquidity_usd numeric(20,2),
  archive_reason text,
  created_at timestamptz NOT NULL DEFAULT now(),
  last_updated_at timestamptz`;

/** Which market the rows of `tokens` come from, so that a restarted demo goes on with the same one. */
const MARKETS_COLUMNS = `
  edition bigserial PRIMARY KEY,
  seed text NOT NULL,
  speed double precision NOT NULL,
  opened_at timestamptz NOT NULL`;

/** The table that a replayed event log is written to: the latest event of each item. */
export const REPLAY_COLUMNS = `
  item text PRIMARY KEY,
  status text NOT NULL,
  moved_at timestamptz NOT NULL,
  created_at timestamptz,
  event_no bigint`;

/** How far each replay came; written in the same transaction as the events themselves. */
export const REPLAY_POSITION_COLUMNS = `
  replay text PRIMARY KEY,
  log_digest text NOT NULL,
  events bigint NOT NULL`;

/**
 * Creates a table with the demo's mark unless it is there already; belongs inside a transaction. `table` is
 * `name` or `schema.name`. @throws ForeignTableError when a table of this name without the mark exists.
 */
export async function ensureDemoTable(tx: postgres.Sql, table: string, columns: string): Promise<void> {
  // Two demos that start at once would both see no table, and the second CREATE would fail.
  await tx`SELECT pg_advisory_xact_lock(hashtext('flowgauge demo'))`;
  const [found] = await tx<{ mark: string | null; present: boolean }[]>`
    SELECT obj_description(to_regclass(${quoted(table)}), 'pg_class') AS mark,
           to_regclass(${quoted(table)}) IS NOT NULL AS present`;
  if (found?.present && found.mark === DEMO_MARK) return;
  if (found?.present) {
    throw new ForeignTableError(
      `table ${table} exists and was not made by the demo; give the demo a database of its own, or drop the table`,
    );
  }
  await tx`CREATE TABLE ${tx(table)} (${tx.unsafe(columns)})`;
  await tx`COMMENT ON TABLE ${tx(table)} IS ${tx.unsafe(`'${DEMO_MARK}'`)}`;
}

/** The tables of the demo's application; belongs inside a transaction. @throws ForeignTableError */
export async function ensureTokenTables(tx: postgres.Sql): Promise<void> {
  await ensureDemoTable(tx, TOKENS_TABLE, TOKENS_COLUMNS);
  await ensureDemoTable(tx, MARKETS_TABLE, MARKETS_COLUMNS);
}

/** Creates the empty `public.tokens`, so that a watcher can be set on it before the first token arrives. */
export async function createTokensTable(url: string): Promise<void> {
  const database = openDatabase({ url, role: 'source', max: 1, applicationName: 'flowgauge-demo' });
  try {
    await database.transaction('create the demo tables', DEADLINE_MS, {}, ensureTokenTables);
  } finally {
    await database.close(1_000);
  }
}

/** The name as the driver will quote it, for a look-up that must find the same table. */
function quoted(table: string): string {
  return table
    .split('.')
    .map((part) => `"${part.replaceAll('"', '""')}"`)
    .join('.');
}
