/** Owns reading the journal: windows below the snapshot bar, in id order, exactly once. */
import type postgres from 'postgres';
import type { Cursor } from '../flows/cursor.js';
import type { Flow } from '../flows/flow.js';
import type { OrderedChange } from '../flows/tracker.js';
import type { Database } from '../storage/database.js';
import type { BaselineSink, ChangeSource, Page } from './change-source.js';
import { makeDurable, momentOf, requirePrimary } from './durable-snapshot.js';
import { openBacklog } from './journal-backlog.js';
import { journalNames, quoteIdent } from './journal-sql.js';
import { ONE_SNAPSHOT, readCensusOfTable, streamTable } from './table-scan.js';

const READ_DEADLINE_MS = 10_000;
const DISCARD_DEADLINE_MS = 15_000;
const CENSUS_DEADLINE_MS = 60_000;
const UNREAD_BATCH_ROWS = 10_000;

/**
 * Sort by `j.id`, never by `id`: that would be the text in this list, and 10 would come before 9.
 * An infinite `at` (the application's own column may hold one) is taken as now: no sum survives it.
 */
const JOURNAL_COLUMNS = `id::text, tx::text, key, from_status, to_status, reason,
  (extract(epoch from case when isfinite(at) then at else clock_timestamp() end) * 1000000)::bigint::text as at_us`;

/** As subqueries, so that the texts are parsed once and not for every row. */
const SEEN = '(select $1::text::pg_snapshot)';
const UPTO = '(select coalesce($2::text, $1::text)::pg_snapshot)';

/** Rows that the cursor (see {@link positionOf}) does not cover. */
const BEYOND_CURSOR = `not pg_visible_in_snapshot(tx, ${SEEN})
  and not ($2::text is not null and id <= $3::text::bigint and pg_visible_in_snapshot(tx, ${UPTO}))`;

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
  const backlog = openBacklog(flow);
  return {
    read: (cursor, limit) =>
      db.run('journal read', READ_DEADLINE_MS, async (sql) => {
        // A window that was opened by an earlier read is old by now: what came since waits behind it.
        if (cursor.upto !== undefined) {
          await requirePrimary(sql, db.label);
          return { ...(await read(sql, journal, cursor, limit)), more: true };
        }
        return readNew(sql, db.label, journal, cursor, limit);
      }),
    discard: (page) =>
      db.run('journal discard', DISCARD_DEADLINE_MS, (sql) =>
        discard(sql, flow, names.schema, journal, page),
      ),
    sweep: (cursor) => db.run('journal sweep', CENSUS_DEADLINE_MS, (sql) => sweep(sql, journal, cursor)),
    backlog: () =>
      db.run('journal backlog', READ_DEADLINE_MS, async (sql) => {
        await requirePrimary(sql, db.label);
        return backlog(sql);
      }),
    baseline: async (cursor, sink, signal) => {
      const at = await streamTable(
        db,
        flow,
        async (sql) => {
          await requirePrimary(sql, db.label);
          if (cursor !== undefined) await readUnread(sql, journal, cursor, sink);
        },
        sink.rows,
        signal,
      );
      await db.run('journal flush', DISCARD_DEADLINE_MS, makeDurable);
      return at;
    },
    census: (cursor) =>
      db.transaction('audit', CENSUS_DEADLINE_MS, ONE_SNAPSHOT, async (sql) => {
        await requirePrimary(sql, db.label);
        return {
          ...(await readCensusOfTable(sql, flow)),
          pending: await pendingByStatus(sql, journal, cursor),
          unread: [],
        };
      }),
  };
}

/**
 * One page of the changes that became visible between two snapshots, in the order of `id`. For one item that is the
 * order of commits: the row's lock is held until its writer ends, and the next writer draws its id after that. What is
 * visible to a snapshot is closed under that order, which a bar on transaction ids is not: the second move of an item
 * may have the older transaction.
 */
async function read(sql: postgres.Sql, journal: string, opened: Cursor, limit: number): Promise<Page> {
  const rows = await sql.unsafe<JournalRow[]>(
    `select ${JOURNAL_COLUMNS} from ${journal} j
      where id > $3::text::bigint and not pg_visible_in_snapshot(tx, ${SEEN})
        and pg_visible_in_snapshot(tx, ${UPTO})
      order by j.id limit ${Math.trunc(limit)}`,
    positionOf(opened),
  );
  const full = rows.length === limit;
  const next: Cursor = full
    ? { ...opened, id: BigInt(rows[rows.length - 1]!.id) }
    : { seen: opened.upto!, upto: undefined, id: 0n, pollAtUs: undefined };
  return { ...changesOf(rows), receipts: rows.map((r) => r.id), next, more: full };
}

/** The first page of what became visible since the last snapshot. */
async function readNew(
  sql: postgres.Sql,
  where: string,
  journal: string,
  cursor: Cursor,
  limit: number,
): Promise<Page> {
  const now = await momentOf(sql, where);
  if (endOf(now.snapshot) < endOf(cursor.seen)) throw new SourceWentBackError(cursor.seen, now.snapshot);
  const page = await read(sql, journal, { ...cursor, upto: now.snapshot, id: 0n }, limit);
  // The old snapshot stays as good as a new one while the journal shows nothing between them, and needs no flush.
  if (page.receipts.length === 0) return { ...page, next: cursor };
  if (!now.durable) await makeDurable(sql);
  return page;
}

/** The first transaction id that a snapshot does not know. */
function endOf(snapshot: string): bigint {
  return BigInt(snapshot.split(':')[1]!);
}

/** Everything beyond the cursor that the caller's snapshot sees, in commit order of each item. */
async function readUnread(
  sql: postgres.Sql,
  journal: string,
  cursor: Cursor,
  sink: Pick<BaselineSink, 'unread'>,
): Promise<void> {
  const pages = sql
    .unsafe<JournalRow[]>(
      `select ${JOURNAL_COLUMNS} from ${journal} j where ${BEYOND_CURSOR} order by j.id`,
      positionOf(cursor),
    )
    .cursor(UNREAD_BATCH_ROWS);
  for await (const rows of pages) await sink.unread(changesOf(rows).changes);
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
  // A join, not `id = any(…)`: on a small journal that filter parses the whole list again for every row.
  await sql.unsafe(
    `delete from ${journal} j using unnest($1::text::bigint[]) as page(id) where j.id = page.id`,
    [`{${page.receipts.join(',')}}`] as never[],
  );
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
