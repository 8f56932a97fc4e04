/** Owns reading the watched table itself: its rows in one snapshot, and how many stand in each status. */
import type postgres from 'postgres';
import type { Cursor } from '../flows/cursor.js';
import type { Flow } from '../flows/flow.js';
import type { Database } from '../storage/database.js';
import type { BaselineRow } from './change-source.js';
import { PRINT_SETTINGS, quoteIdent } from './journal-sql.js';

/** A transaction that reads one unchanging picture of the table. */
export const ONE_SNAPSHOT = { isolation: 'repeatable read', access: 'read only' } as const;

const SCAN_BATCH_ROWS = 10_000;
/** Longest time that one scan of the table may hold a snapshot. */
const SCAN_DEADLINE_MS = 30 * 60_000;

/** `"schema"."table"` of a flow. */
export function tableName(flow: Flow): string {
  return `${quoteIdent(flow.table.schema)}.${quoteIdent(flow.table.name)}`;
}

/** SQL text of an item's key, the same that the journal writes: the column, or a JSON array of several. */
export function keyText(flow: Flow, alias = ''): string {
  const columns = flow.key.map((c) => `${alias}${quoteIdent(c)}::text`);
  return columns.length === 1 ? columns[0]! : `jsonb_build_array(${columns.join(', ')})::text`;
}

/** SQL text of a status as the journal writes it: a NULL is the word `null`. */
export function statusText(flow: Flow): string {
  return `coalesce(${quoteIdent(flow.status)}::text, 'null')`;
}

/**
 * Makes the transaction print keys and statuses as the trigger's programs do. Keys are compared as text: the same date
 * printed in another style would be another item. Behind a pooler the session belongs to the application as well, so
 * nothing may stay in it.
 */
export async function printAsJournal(tx: postgres.Sql): Promise<void> {
  const settings = Object.entries(PRINT_SETTINGS);
  await tx.unsafe(settings.map(([name, value]) => `set local ${name} = '${value}'`).join('; '));
}

/** Microseconds of a timestamp or date column, one without a time zone taken as UTC; NULL for NULL and for the infinities, which no label or sum survives. */
export function microseconds(column: string): string {
  return `case when isfinite(${column}) then (extract(epoch from ${column}) * 1000000)::bigint end`;
}

/**
 * Calls `first`, then streams every row to `take`, inside one repeatable-read snapshot, and returns the cursor at that snapshot: what
 * the snapshot saw is part of the baseline, what it did not see is read from the journal.
 */
export async function streamTable(
  db: Database,
  flow: Flow,
  first: (sql: postgres.Sql) => Promise<void>,
  take: (rows: readonly BaselineRow[]) => Promise<void>,
  signal: AbortSignal,
): Promise<Cursor> {
  const entered = flow.movedAt ?? flow.updatedAt ?? flow.createdAt;
  const enteredSql = entered === undefined ? 'null' : microseconds(quoteIdent(entered));
  return db.transaction('baseline', SCAN_DEADLINE_MS, ONE_SNAPSHOT, async (tx) => {
    const [at] = await tx<{ snapshot: string; now_us: string; poll_us: string | null }[]>`
        select pg_current_snapshot()::text as snapshot,
               (extract(epoch from clock_timestamp()) * 1000000)::bigint::text as now_us`;
    await tx.unsafe("set local idle_in_transaction_session_timeout = '2min'");
    await printAsJournal(tx);
    await first(tx);
    let highestUpdateUs: number | undefined;
    const updatedSql = flow.updatedAt === undefined ? 'null' : microseconds(quoteIdent(flow.updatedAt));
    const rows = tx
      .unsafe<{ key: string; status: string; entered_us: string | null; updated_us: string | null }[]>(
        `select ${keyText(flow)} as key, ${statusText(flow)} as status,
                  (${enteredSql})::text as entered_us, (${updatedSql})::text as updated_us
             from ${tableName(flow)}`,
      )
      .cursor(SCAN_BATCH_ROWS);
    for await (const batch of rows) {
      signal.throwIfAborted();
      for (const row of batch) {
        const us = row.updated_us === null ? undefined : Number(row.updated_us);
        if (us !== undefined && (highestUpdateUs === undefined || us > highestUpdateUs)) highestUpdateUs = us;
      }
      await take(
        batch.map((row) => ({
          key: row.key,
          status: row.status,
          enteredUs: Number(row.entered_us ?? at!.now_us),
          known: flow.movedAt !== undefined && row.entered_us !== null,
        })),
      );
    }
    // A stamp in the future must not become the mark of a poll: it would hide every change before it.
    const pollAtUs = Math.min(highestUpdateUs ?? 0, Number(at!.now_us));
    return { seen: at!.snapshot, upto: undefined, id: 0n, pollAtUs };
  });
}

/** Rows and oldest update per raw status, in the caller's snapshot. */
export async function readCensusOfTable(
  sql: postgres.Sql,
  flow: Flow,
): Promise<{ table: Map<string, number>; oldestUpdateUs: Map<string, number> }> {
  const oldest = flow.updatedAt === undefined ? 'null' : microseconds(`min(${quoteIdent(flow.updatedAt)})`);
  const rows = await sql.unsafe<{ status: string; n: string; oldest_us: string | null }[]>(
    `select ${statusText(flow)} as status, count(*)::text as n, (${oldest})::text as oldest_us
       from ${tableName(flow)} group by 1`,
  );
  const oldestUpdateUs = new Map<string, number>();
  for (const r of rows) if (r.oldest_us !== null) oldestUpdateUs.set(r.status, Number(r.oldest_us));
  return { table: new Map(rows.map((r) => [r.status, Number(r.n)])), oldestUpdateUs };
}
