/** Owns what still waits in the journal: how much, for how long, how many captures failed, and setting it going again. */
import type postgres from 'postgres';
import type { Flow } from '../flows/flow.js';
import type { Backlog } from './change-source.js';
import { journalNames, quoteIdent, rearmSql } from './journal-sql.js';
import { WaitingSince } from './waiting-since.js';

/** Counting stops here: past it the exact length of the queue no longer matters to anyone. */
const BACKLOG_COUNT_CAP = 100_000;

interface Row {
  oldest: string | null;
  newest: string | null;
  age: number | null;
  now_ms: number;
  entries: number;
  faults: string;
}

/** A look at the backlog of one flow; one per reader, because it remembers its looks. */
export function openBacklog(flow: Flow): (sql: postgres.Sql) => Promise<Backlog> {
  const names = journalNames(flow);
  const inSchema = (name: string) => `${quoteIdent(names.schema)}.${quoteIdent(name)}`;
  const [journal, ids, faults] = [names.journal, names.ids, names.faults].map(inSchema);
  const waiting = new WaitingSince();
  return async (sql) => {
    // By `j.id`, never by `id`: that would be the text in the list, and 10 would come before 9.
    const [row] = await sql.unsafe<Row[]>(
      `select (select j.id::text from ${journal} j order by j.id limit 1) as oldest,
              (select j.id::text from ${journal} j order by j.id desc limit 1) as newest,
              (select case when isfinite(at) then extract(epoch from clock_timestamp() - at)::float8 end
                 from ${journal} order by id limit 1) as age,
              (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms,
              (select count(*)::int from (select 1 from ${journal} order by id limit ${BACKLOG_COUNT_CAP}) q) as entries,
              (select case when is_called then last_value else 0 end::text from ${faults}) as faults`,
    );
    const { oldest, newest, age, now_ms, entries } = row!;
    const known = { entries, faults: Number(row!.faults) };
    if (oldest === null || newest === null) {
      await sql.unsafe(forgiveSql(ids!), [flow.name] as never[]);
      // A journal that stopped at its bound goes on once everything in it is counted.
      await sql.unsafe(rearmSql(flow));
      return { oldestAgeSeconds: 0, ...known };
    }
    // The moments of a flow with `movedAt` are the application's: a replay of old events would look like old lag.
    const seconds =
      flow.movedAt === undefined ? age : waiting.ageSeconds(BigInt(oldest), BigInt(newest), now_ms);
    return { oldestAgeSeconds: Math.max(0, seconds ?? 0), ...known };
  };
}

/**
 * Ids of rolled-back statements are never read, and would stop the journal at its bound with nothing in it. They are
 * forgiven while the journal is empty and no transaction is open that could still fill it.
 */
function forgiveSql(ids: string): string {
  return `with s as materialized (select last_value, is_called from ${ids})
    update flowgauge_capture.installation i set drained_id = s.last_value from s
   where i.flow = $1 and s.is_called and s.last_value < 9223372036854775807
     and s.last_value - i.drained_id > i.max_rows / 4
     and pg_snapshot_xmin(pg_current_snapshot()) = pg_snapshot_xmax(pg_current_snapshot())`;
}
