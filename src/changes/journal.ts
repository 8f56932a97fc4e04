/** Owns reading the journal: windows below the snapshot bar, in id order, exactly once. */
import type postgres from 'postgres';
import type { Cursor } from '../flows/cursor.js';
import type { Flow } from '../flows/flow.js';
import type { OrderedChange } from '../flows/tracker.js';
import type { Database } from '../storage/database.js';
import type { Backlog, ChangeSource, Page } from './change-source.js';
import { journalNames, quoteIdent, rearmSql } from './journal-sql.js';
import { ONE_SNAPSHOT, readCensusOfTable, streamTable } from './table-scan.js';

const READ_DEADLINE_MS = 10_000;
const DISCARD_DEADLINE_MS = 15_000;
const CENSUS_DEADLINE_MS = 60_000;
/** Counting stops here: past it the exact length of the queue no longer matters to anyone. */
const BACKLOG_COUNT_CAP = 100_000;

/**
 * Sort by `j.id`, never by `id`: that would be the text in this list, and 10 would come before 9.
 * An infinite `at` (the application's own column may hold one) is taken as now: no sum survives it.
 */
const JOURNAL_COLUMNS = `id::text, tx::text, key, from_status, to_status, reason,
  (extract(epoch from case when isfinite(at) then at else clock_timestamp() end) * 1000000)::bigint::text as at_us`;

/** Rows that the cursor (see {@link positionOf}) does not cover. */
const BEYOND_CURSOR = `not pg_visible_in_snapshot(tx, $1::text::pg_snapshot)
  and not ($2::text is not null and id <= $3::text::bigint and pg_visible_in_snapshot(tx, coalesce($2::text, $1::text)::pg_snapshot))`;

interface JournalRow {
  id: string;
  tx: string;
  key: string;
  from_status: string | null;
  to_status: string | null;
  reason: string | null;
  at_us: string;
}

/** Opens the journal of a flow whose triggers are installed in the source. */
export function openJournal(db: Database, flow: Flow): ChangeSource {
  const names = journalNames(flow);
  const journal = `${quoteIdent(names.schema)}.${quoteIdent(names.journal)}`;
  const faults = `${quoteIdent(names.schema)}.${quoteIdent(names.faults)}`;
  return {
    read: (cursor, limit) =>
      db.run('journal read', READ_DEADLINE_MS, (sql) => read(sql, journal, cursor, limit)),
    discard: (page) =>
      db.run('journal discard', DISCARD_DEADLINE_MS, (sql) =>
        discard(sql, flow, names.schema, journal, page),
      ),
    sweep: (cursor) => db.run('journal sweep', CENSUS_DEADLINE_MS, (sql) => sweep(sql, journal, cursor)),
    backlog: () => db.run('journal backlog', READ_DEADLINE_MS, (sql) => backlog(sql, flow, journal, faults)),
    baseline: (cursor, sink, signal) =>
      streamTable(
        db,
        flow,
        async (sql) => {
          if (cursor !== undefined) await sink.unread(await readUnread(sql, journal, cursor));
        },
        sink.rows,
        signal,
      ),
    census: (cursor) =>
      db.transaction('audit', CENSUS_DEADLINE_MS, ONE_SNAPSHOT, async (sql) => ({
        ...(await readCensusOfTable(sql, flow)),
        pending: await pendingByStatus(sql, journal, cursor),
      })),
  };
}

/**
 * One page of the changes that became visible between two snapshots, in the order of `id`. For one item that is the
 * order of commits: the row's lock is held until its writer ends, and the next writer draws its id after that. What is
 * visible to a snapshot is closed under that order, which a bar on transaction ids is not: the second move of an item
 * may have the older transaction.
 */
async function read(sql: postgres.Sql, journal: string, cursor: Cursor, limit: number): Promise<Page> {
  const opened = cursor.upto === undefined ? await openWindow(sql, cursor) : cursor;
  if (opened.upto === cursor.seen)
    return { changes: [], next: cursor, more: false, truncated: 0, receipts: [] };
  const rows = await sql.unsafe<JournalRow[]>(
    `select ${JOURNAL_COLUMNS} from ${journal} j
      where id > $3::text::bigint and not pg_visible_in_snapshot(tx, $1::text::pg_snapshot)
        and pg_visible_in_snapshot(tx, $2::text::pg_snapshot)
      order by j.id limit ${Math.trunc(limit)}`,
    positionOf(opened),
  );
  const full = rows.length === limit;
  const next: Cursor = full
    ? { ...opened, id: BigInt(rows[rows.length - 1]!.id) }
    : { seen: opened.upto!, upto: undefined, id: 0n, pollAtUs: undefined };
  return { ...changesOf(rows), receipts: rows.map((r) => r.id), next, more: full };
}

async function openWindow(sql: postgres.Sql, cursor: Cursor): Promise<Cursor> {
  const [now] = await sql<{ snapshot: string; behind: boolean }[]>`
    select pg_current_snapshot()::text as snapshot,
           pg_snapshot_xmax(pg_current_snapshot()) < pg_snapshot_xmax(${cursor.seen}::text::pg_snapshot) as behind`;
  if (now!.behind) throw new SourceWentBackError(cursor.seen, now!.snapshot);
  return { ...cursor, upto: now!.snapshot, id: 0n };
}

/** Everything beyond the cursor that the caller's snapshot sees, in commit order of each item. */
async function readUnread(sql: postgres.Sql, journal: string, cursor: Cursor): Promise<OrderedChange[]> {
  const rows = await sql.unsafe<JournalRow[]>(
    `select ${JOURNAL_COLUMNS} from ${journal} j where ${BEYOND_CURSOR} order by j.id`,
    positionOf(cursor),
  );
  return changesOf(rows).changes;
}

function changesOf(rows: readonly JournalRow[]): { changes: OrderedChange[]; truncated: number } {
  const changes: OrderedChange[] = [];
  let truncated = 0;
  for (const row of rows) {
    if (row.from_status === null && row.to_status === null) {
      truncated += 1;
      continue;
    }
    changes.push({
      key: row.key,
      from: row.from_status,
      to: row.to_status,
      reason: row.reason ?? undefined,
      atUs: Number(row.at_us),
      tx: row.tx,
    });
  }
  return { changes, truncated };
}

async function discard(
  sql: postgres.Sql,
  flow: Flow,
  schema: string,
  journal: string,
  page: Page,
): Promise<void> {
  if (page.receipts.length === 0) return;
  await sql.unsafe(`delete from ${journal} where id = any($1::text::bigint[])`, [
    `{${page.receipts.join(',')}}`,
  ] as never[]);
  await sql.unsafe(
    `update ${quoteIdent(schema)}.installation set drained_id = greatest(drained_id, $2::text::bigint) where flow = $1`,
    [flow.name, page.receipts[page.receipts.length - 1]] as never[],
  );
}

async function sweep(sql: postgres.Sql, journal: string, cursor: Cursor): Promise<void> {
  await sql.unsafe(`delete from ${journal} where not (${BEYOND_CURSOR})`, positionOf(cursor));
}

/** The cursor as the parameters `seen, upto, id`; text, because the driver knows neither type. */
function positionOf(cursor: Cursor): never[] {
  return [cursor.seen, cursor.upto ?? null, cursor.id.toString()] as never[];
}

async function backlog(sql: postgres.Sql, flow: Flow, journal: string, faults: string): Promise<Backlog> {
  const [row] = await sql.unsafe<{ age: number | null; entries: number; faults: string }[]>(
    `select (select extract(epoch from clock_timestamp() - at)::float8 from ${journal} order by id limit 1) as age,
            (select count(*)::int from (select 1 from ${journal} limit ${BACKLOG_COUNT_CAP}) q) as entries,
            (select case when is_called then last_value else 0 end::text from ${faults}) as faults`,
  );
  // A journal that stopped at its bound goes on once everything in it is counted.
  if (row!.entries === 0) await sql.unsafe(rearmSql(flow));
  return {
    oldestAgeSeconds: Math.max(0, row!.age ?? 0),
    entries: row!.entries,
    faults: Number(row!.faults),
  };
}

/** Net items per raw status of what the journal holds beyond the cursor, in the caller's snapshot. */
async function pendingByStatus(
  sql: postgres.Sql,
  journal: string,
  cursor: Cursor,
): Promise<ReadonlyMap<string, number>> {
  const rows = await sql.unsafe<{ status: string; net: number }[]>(
    `select status, sum(n)::int as net from (
       select to_status as status, 1 as n, tx, id from ${journal} where to_status is not null
       union all
       select from_status, -1, tx, id from ${journal} where from_status is not null) moves
      where ${BEYOND_CURSOR} group by status`,
    positionOf(cursor),
  );
  return new Map(rows.map((r) => [r.status, r.net]));
}

/** The source's transaction counter is behind the cursor: another server, or one restored from a backup. */
export class SourceWentBackError extends Error {
  readonly code = 'SOURCE_WENT_BACK';
  constructor(seen: string, now: string) {
    super(
      `The source's transactions (${now}) end before those that are folded already (${seen}): it is another server or was restored from a backup. A new baseline is taken and the gap is reported.`,
    );
    this.name = 'SourceWentBackError';
  }
}
