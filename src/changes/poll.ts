/** Owns the polling mode: rows whose changed-at column moved, so only the state at poll time is seen. */
import type postgres from 'postgres';
import type { Cursor } from '../flows/cursor.js';
import type { Flow } from '../flows/flow.js';
import type { OrderedChange } from '../flows/tracker.js';
import type { Database } from '../storage/database.js';
import type { ChangeSource, Page } from './change-source.js';
import { quoteIdent } from './journal-sql.js';
import {
  keyText,
  microseconds,
  ONE_SNAPSHOT,
  printAsJournal,
  readCensusOfTable,
  statusText,
  streamTable,
  tableName,
} from './table-scan.js';

const READ_DEADLINE_MS = 15_000;
const CENSUS_DEADLINE_MS = 60_000;
/** Rows that commit later than they are stamped are found as long as they are late by less than this. */
export const LATE_COMMIT_WINDOW_US = 10_000_000;
const NOTHING_WAITS = { oldestAgeSeconds: 0, entries: 0, faults: 0 };

interface PolledRow {
  key: string;
  status: string;
  reason: string | null;
  updated_us: string;
}

/** Opens a flow with an `updatedAt` column for polling. SELECT on the table is all it needs. */
export function openPoll(db: Database, flow: Flow & { updatedAt: string }): ChangeSource {
  return {
    read: (cursor, limit) => db.run('poll', READ_DEADLINE_MS, (sql) => readPage(sql, flow, cursor, limit)),
    discard: async () => undefined,
    sweep: async () => undefined,
    backlog: async () => NOTHING_WAITS,
    baseline: (_read, sink, signal) => streamTable(db, flow, async () => undefined, sink.rows, signal),
    census: () =>
      db.transaction('audit', CENSUS_DEADLINE_MS, ONE_SNAPSHOT, async (sql) => ({
        ...(await readCensusOfTable(sql, flow)),
        pending: new Map<string, number>(),
      })),
  };
}

/**
 * Rows stamped after the mark less the late-commit window, oldest first. Reading a row again is harmless: the fold
 * drops a change that ends where the item already is. Rows of one stamp are never cut apart by the limit.
 */
async function readPage(
  sql: postgres.Sql,
  flow: Flow & { updatedAt: string },
  cursor: Cursor,
  limit: number,
): Promise<Page> {
  const markUs = cursor.pollAtUs ?? 0;
  const sinceUs = cursor.id > 0n ? Number(cursor.id) : Math.max(0, markUs - LATE_COMMIT_WINDOW_US);
  const updated = quoteIdent(flow.updatedAt);
  const reason = flow.reason === undefined ? 'null' : `${quoteIdent(flow.reason.column)}::text`;
  await printAsJournal(sql);
  const rows = await sql.unsafe<PolledRow[]>(
    `select ${keyText(flow)} as key, ${statusText(flow)} as status, ${reason} as reason,
            (${microseconds(updated)})::text as updated_us
       from ${tableName(flow)}
      where ${updated} > to_timestamp($1::text::float8 / 1000000) and isfinite(${updated})
      order by ${updated} fetch first ${Math.trunc(limit)} rows with ties`,
    [sinceUs.toString()] as never[],
  );
  const changes: OrderedChange[] = rows.map((r) => ({
    key: r.key,
    from: undefined,
    to: r.status,
    reason: r.reason ?? undefined,
    atUs: Number(r.updated_us),
  }));
  const highestUs = rows.length === 0 ? 0 : Number(rows[rows.length - 1]!.updated_us);
  const full = rows.length >= limit;
  // Inside a pass `id` says where to go on; a finished pass starts the next one at its mark less the window.
  const next = { ...cursor, id: full ? BigInt(highestUs) : 0n, pollAtUs: Math.max(highestUs, markUs) };
  return { changes, next, more: full, truncated: 0, receipts: [] };
}
