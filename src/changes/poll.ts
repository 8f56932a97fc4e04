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
const UNREAD_PAGE_ROWS = 10_000;
/** An audit compares at most this many rows one by one. */
const UNREAD_CAP_ROWS = 100_000;
/** Rows that commit later than they are stamped are found as long as they are late by less than this. */
export const LATE_COMMIT_WINDOW_US = 10_000_000;
const NOTHING_WAITS = { oldestAgeSeconds: 0, entries: 0, faults: 0 };

type PolledFlow = Flow & { updatedAt: string };

interface PolledRow {
  key: string;
  status: string;
  reason: string | null;
  moved_us: string | null;
  updated_us: string;
  now_us: string;
}

/** Opens a flow with an `updatedAt` column for polling. SELECT on the table is all it needs. */
export function openPoll(db: Database, flow: PolledFlow): ChangeSource {
  return {
    // A transaction, because the settings under which keys are printed end with it.
    read: (cursor, limit) =>
      db.transaction('poll', READ_DEADLINE_MS, { access: 'read only' }, (sql) =>
        readPage(sql, flow, cursor, limit),
      ),
    discard: async () => undefined,
    sweep: async () => undefined,
    backlog: async () => NOTHING_WAITS,
    baseline: (read, sink, signal) =>
      streamTable(
        db,
        flow,
        async (sql) => {
          if (read === undefined) return;
          for await (const page of unreadPages(sql, flow, read)) await sink.unread(page.changes);
        },
        sink.rows,
        signal,
      ),
    census: (cursor) =>
      db.transaction('audit', CENSUS_DEADLINE_MS, ONE_SNAPSHOT, async (sql) => ({
        ...(await readCensusOfTable(sql, flow)),
        pending: new Map<string, number>(),
        unread: await readUnread(sql, flow, cursor),
      })),
  };
}

/**
 * Rows stamped after the mark less the late-commit window, oldest first. Reading a row again is harmless: the fold
 * drops a change that ends where the item already is. Rows of one stamp are never cut apart by the limit.
 */
async function readPage(sql: postgres.Sql, flow: PolledFlow, cursor: Cursor, limit: number): Promise<Page> {
  const markUs = cursor.pollAtUs ?? 0;
  const sinceUs = cursor.id > 0n ? Number(cursor.id) : Math.max(0, markUs - LATE_COMMIT_WINDOW_US);
  const updated = quoteIdent(flow.updatedAt);
  const reason = flow.reason === undefined ? 'null' : `${quoteIdent(flow.reason.column)}::text`;
  const moved = flow.movedAt === undefined ? 'null' : microseconds(quoteIdent(flow.movedAt));
  await printAsJournal(sql);
  const rows = await sql.unsafe<PolledRow[]>(
    `select ${keyText(flow)} as key, ${statusText(flow)} as status, ${reason} as reason,
            (${moved})::text as moved_us, (${microseconds(updated)})::text as updated_us,
            (extract(epoch from clock_timestamp()) * 1000000)::bigint::text as now_us
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
    atUs: Number(r.moved_us ?? r.updated_us),
  }));
  const last = rows[rows.length - 1];
  const highestUs = last === undefined ? 0 : Number(last.updated_us);
  const full = rows.length >= limit;
  // A stamp in the future must not become the mark: every later change would lie before it and never be read.
  const stampedUs = last === undefined ? 0 : Math.min(highestUs, Number(last.now_us));
  // Inside a pass `id` says where to go on; a finished pass starts the next one at its mark less the window.
  const next = { ...cursor, id: full ? BigInt(highestUs) : 0n, pollAtUs: Math.max(stampedUs, markUs) };
  return { changes, next, more: full, truncated: 0, receipts: [] };
}

/** Every page beyond the cursor, in the caller's snapshot. */
async function* unreadPages(sql: postgres.Sql, flow: PolledFlow, cursor: Cursor): AsyncGenerator<Page> {
  let page: Page;
  let at = cursor;
  do {
    page = await readPage(sql, flow, at, UNREAD_PAGE_ROWS);
    at = page.next;
    yield page;
  } while (page.more);
}

async function readUnread(
  sql: postgres.Sql,
  flow: PolledFlow,
  cursor: Cursor,
): Promise<OrderedChange[] | undefined> {
  const changes: OrderedChange[] = [];
  for await (const page of unreadPages(sql, flow, cursor)) {
    if (changes.length + page.changes.length > UNREAD_CAP_ROWS) return undefined;
    changes.push(...page.changes);
  }
  return changes;
}
