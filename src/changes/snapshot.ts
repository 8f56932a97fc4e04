/** Owns the snapshot mode: rows per status and their ages, with no right but SELECT and no memory of moves. */
import { type Flow, statusLabel, tightestLimitMs } from '../flows/flow.js';
import type { Database } from '../storage/database.js';
import { quoteIdent, quoteLiteral } from './journal-sql.js';
import { microseconds, statusText, tableName } from './table-scan.js';

const COUNT_DEADLINE_MS = 60_000;

/** What one GROUP BY says of a status label. */
export interface StatusCount {
  readonly items: number;
  /** Oldest known moment of an item there, microseconds: movedAt, else updatedAt, else createdAt. */
  readonly oldestUs: number | undefined;
  readonly oldestUpdateUs: number | undefined;
  /** Items whose moment lies further back than the tightest limit of the status. */
  readonly over: number;
}

/** Counts the table once. The moment of the last *move* is not known unless the flow names a movedAt column. */
export async function countTable(db: Database, flow: Flow): Promise<Map<string, StatusCount>> {
  const column = flow.movedAt ?? flow.updatedAt ?? flow.createdAt;
  const entered = column === undefined ? undefined : quoteIdent(column);
  const rows = await db.run('count', COUNT_DEADLINE_MS, (sql) =>
    sql.unsafe<{ status: string; n: string; oldest: string | null; updated: string | null; over: string }[]>(
      `select ${statusText(flow)} as status, count(*)::text as n,
              ${entered === undefined ? 'null' : `(${microseconds(`min(${entered})`)})::text`} as oldest,
              ${flow.updatedAt === undefined ? 'null' : `(${microseconds(`min(${quoteIdent(flow.updatedAt)})`)})::text`} as updated,
              ${overLimit(flow, entered)}::text as over
         from ${tableName(flow)} group by 1`,
    ),
  );
  const counts = new Map<string, StatusCount>();
  for (const row of rows) {
    const label = statusLabel(flow, row.status);
    const before = counts.get(label);
    counts.set(label, {
      items: (before?.items ?? 0) + Number(row.n),
      oldestUs: earlier(before?.oldestUs, row.oldest),
      oldestUpdateUs: earlier(before?.oldestUpdateUs, row.updated),
      over: (before?.over ?? 0) + Number(row.over),
    });
  }
  return counts;
}

function overLimit(flow: Flow, entered: string | undefined): string {
  if (entered === undefined) return '0';
  const cases = flow.statuses.flatMap((status) => {
    const ms = tightestLimitMs(flow, status);
    return ms === undefined ? [] : [`when ${quoteLiteral(status)} then ${ms / 1000}`];
  });
  if (cases.length === 0) return '0';
  return `count(*) filter (where extract(epoch from now()) - extract(epoch from ${entered}) > case ${statusText(flow)} ${cases.join(' ')} end)`;
}

function earlier(known: number | undefined, raw: string | null): number | undefined {
  if (raw === null) return known;
  return known === undefined ? Number(raw) : Math.min(known, Number(raw));
}
