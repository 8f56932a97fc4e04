/** Owns the totals per day: added in the transaction of a fold, read for a span of days, forgotten when they are old. */
import type postgres from 'postgres';
import { pairOf } from '../flows/tracker.js';
import { arrayText } from './array-text.js';
import type { Database } from './database.js';

/** Days that are kept, today included. */
export const KEPT_DAYS = 400;
const READ_DEADLINE_MS = 5_000;
const DELETE_ROWS = 5_000;

/** Moves of one pair of statuses on one day. */
export interface DayMoves {
  /** In UTC, as `YYYY-MM-DD`. */
  readonly day: string;
  readonly from: string;
  readonly to: string;
  readonly count: number;
}

/** What is stored about the last days of a flow. */
export interface StoredDays {
  /** The store's day in UTC, as `YYYY-MM-DD`. */
  readonly today: string;
  readonly countedSinceMs: number;
  /** When changes were last missed; undefined when never. */
  readonly lastGapMs: number | undefined;
  readonly rows: readonly DayMoves[];
}

/**
 * Adds moves by day (days since the epoch, then the pair), inside the caller's transaction. An application's clock that
 * is ahead must not fill days that have not come: its moves are of today. What is too old to be kept is not written.
 */
export async function storeDays(
  tx: postgres.Sql,
  flow: string,
  movesByDay: ReadonlyMap<number, ReadonlyMap<string, number>>,
): Promise<void> {
  const rows = [...movesByDay].flatMap(([day, pairs]) =>
    [...pairs].map(([key, count]) => ({ day, pair: pairOf(key), count })),
  );
  if (rows.length === 0) return;
  await tx`
    insert into flowgauge.flow_days (flow, day, from_status, to_status, moves)
    select ${flow}, date '1970-01-01' + least(m.day, t.today)::int, m.from_status, m.to_status, sum(m.moves)
      from unnest(${arrayText(rows.map((r) => r.day))}::text::bigint[], ${arrayText(rows.map((r) => r.pair[0]))}::text::text[],
                  ${arrayText(rows.map((r) => r.pair[1]))}::text::text[], ${arrayText(rows.map((r) => r.count))}::text::bigint[])
             as m(day, from_status, to_status, moves)
     cross join (select (now() at time zone 'UTC')::date - date '1970-01-01' as today) t
     where m.day > t.today - ${KEPT_DAYS}::int
     group by 2, 3, 4
        on conflict (flow, day, from_status, to_status) do update set moves = flow_days.moves + excluded.moves`;
}

/** The last `days` days of a flow, today included; undefined while its moves are not counted. */
export async function loadDays(db: Database, flow: string, days: number): Promise<StoredDays | undefined> {
  return db.run('load days', READ_DEADLINE_MS, async (sql) => {
    const [state] = await sql<{ today: string; since_ms: number; gap_ms: number | null }[]>`
      select (now() at time zone 'UTC')::date::text as today,
             (extract(epoch from counted_since) * 1000)::float8 as since_ms,
             (extract(epoch from last_gap_at) * 1000)::float8 as gap_ms
        from flowgauge.flow_state
       where flow = ${flow} and counted_since is not null and mode <> 'snapshot'`;
    if (state === undefined) return undefined;
    // Up to the day that was read above: midnight may pass between the two questions.
    const rows = await sql<{ day: string; from_status: string; to_status: string; moves: string }[]>`
      select day::text, from_status, to_status, moves::text from flowgauge.flow_days
       where flow = ${flow} and day > ${state.today}::text::date - ${days}::int and day <= ${state.today}::text::date
       order by day, from_status, to_status`;
    return {
      today: state.today,
      countedSinceMs: state.since_ms,
      lastGapMs: state.gap_ms ?? undefined,
      rows: rows.map((row) => ({
        day: row.day,
        from: row.from_status,
        to: row.to_status,
        count: Number(row.moves),
      })),
    };
  });
}

/** Deletes a bounded part of the days that are too old, of flows that are not configured any more too. */
export async function forgetDays(db: Database): Promise<void> {
  await db.run('forget old days', READ_DEADLINE_MS, async (sql) => {
    await sql`
      delete from flowgauge.flow_days where ctid = any(array(
        select ctid from flowgauge.flow_days
         where day <= (now() at time zone 'UTC')::date - ${KEPT_DAYS}::int limit ${DELETE_ROWS}::int))`;
  });
}
