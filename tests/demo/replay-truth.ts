/** Owns what an event log says by itself: its moves and dwell times, by SQL over the file and nothing of ours. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type postgres from 'postgres';
import type { LogColumns } from '../../src/demo/event-log.js';
import type { TieRule } from '../../src/demo/replay.js';

/** One pair of statuses: how many moves, and how long the items had been in `from_status` (0 seconds for none). */
export interface TrueMoves {
  readonly from_status: string;
  readonly to_status: string;
  readonly moves: number;
  /** Decimal text with microseconds. */
  readonly seconds: string;
}

/** Loads the file by PostgreSQL's own CSV reader into `replay_truth (line, item, status, at)`. */
export async function loadTruth(sql: postgres.Sql, file: string, columns: LogColumns): Promise<void> {
  const names = await headerOf(file);
  await sql`DROP TABLE IF EXISTS replay_raw, replay_truth`;
  await sql.unsafe(
    `CREATE TABLE replay_raw (line bigserial, ${names.map((name) => `"${name}" text`).join(', ')})`,
  );
  const copy = await sql`
    COPY replay_raw (${sql(names)}) FROM STDIN (FORMAT csv, HEADER)`.writable();
  await pipeline(createReadStream(file), copy);
  await sql`
    CREATE TABLE replay_truth AS
    SELECT line, ${sql(columns.item)} AS item, ${sql(columns.status)} AS status,
           CASE WHEN ${sql(columns.time)} ~ '(Z|[+-][0-9:]{2,6})$' AND ${sql(columns.time)} ~ 'T'
             THEN ${sql(columns.time)}::timestamptz
             ELSE ${sql(columns.time)}::timestamp AT TIME ZONE 'UTC' END AS at
    FROM replay_raw`;
}

/**
 * SQL over `replay_truth` that answers with one row per pair, in the order of the pairs. Every event after an
 * item's first is a move from the status before; with `ignore` only those that change the status are. Under
 * `spread` an event that repeats its item's status at the same time counts one microsecond later, as the table
 * shows it; `as-written` keeps the file's own times.
 */
export function truthSql(repeats: 'ignore' | 'count', ties: TieRule = 'as-written'): string {
  const at = ties === 'spread' ? "at + repeats_before * interval '1 microsecond'" : 'at';
  return `
    WITH marked AS (
      SELECT *, status = lag(status) OVER same_time AS repeats_at_once FROM replay_truth
      WINDOW same_time AS (PARTITION BY item, at ORDER BY line)
    ), spread AS (
      SELECT *, count(*) FILTER (WHERE repeats_at_once) OVER (PARTITION BY item, at ORDER BY line) AS repeats_before
      FROM marked
    ), ordered AS (
      SELECT item, status, line, ${at} AS moment,
             lag(status) OVER life AS status_before
      FROM spread WINDOW life AS (PARTITION BY item ORDER BY at, line)
    ), counted AS (
      SELECT * FROM ordered
      WHERE ${repeats === 'count' ? 'true' : 'status_before IS DISTINCT FROM status'}
    ), dwelt AS (
      SELECT *, moment - lag(moment) OVER (PARTITION BY item ORDER BY moment, line) AS dwell FROM counted
    )
    SELECT coalesce(status_before, 'none') AS from_status, status AS to_status, count(*)::int AS moves,
           coalesce(sum(extract(epoch FROM dwell)), 0)::numeric(30, 6)::text AS seconds
    FROM dwelt GROUP BY 1, 2 ORDER BY 1, 2`;
}

/** The rows that the replayed table must hold at the end: each item's last event and first time. */
export const FINAL_STATE_SQL = `
  SELECT DISTINCT ON (item) item, status,
         first_value(at) OVER (PARTITION BY item ORDER BY at, line)::text AS created_at,
         date_trunc('second', at)::text AS moved_at
  FROM replay_truth ORDER BY item, at DESC, line DESC`;

async function headerOf(file: string): Promise<string[]> {
  const handle = await open(file);
  try {
    for await (const line of handle.readLines()) return line.replace('\uFEFF', '').split(',');
    throw new Error(`${file} is empty`);
  } finally {
    await handle.close();
  }
}
