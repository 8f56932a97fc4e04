/** Owns what is kept per flow: totals, dwell times, living items and the cursor, changed together or not at all. */
import { eq } from 'drizzle-orm/sql';
import type postgres from 'postgres';
import type { Cursor } from '../flows/cursor.js';
import type { CaptureMode } from '../flows/flow.js';
import { type FoldDelta, type Item, pairOf } from '../flows/tracker.js';
import { arrayText } from './array-text.js';
import type { Database } from './database.js';
import { storeDays } from './flow-days.js';
import { flowPopulation, flowState } from './schema.js';

const READ_DEADLINE_MS = 10_000;
const COMMIT_DEADLINE_MS = 20_000;
/** A snapshot in which no transaction has ended. */
const NOTHING_SEEN = '3:3:';

/** Where a flow stands. `version` rises with each change and is the fence: a writer must name the one it read. */
export interface FlowState {
  readonly mode: CaptureMode;
  readonly version: bigint;
  readonly cursor: Cursor;
  readonly faultsSeen: number;
}

/** Facts of a fold that are not part of the pure delta. */
export interface FoldFacts {
  readonly next: Cursor;
  readonly gaps: number;
  readonly gapReason: string | undefined;
  readonly faultsSeen: number;
}

/** Another process changed the flow since we read it; reload the state and decide again. Nothing was written. */
export class StaleStateError extends Error {
  readonly code = 'STALE_STATE';
  constructor(flow: string, version: bigint) {
    super(
      `The stored state of flow ${flow} is no longer version ${version}: another exporter writes to this store. Nothing was written; the state is read again.`,
    );
    this.name = 'StaleStateError';
  }
}

/** The state of a flow, or undefined before its first baseline. */
export async function loadState(db: Database, flow: string): Promise<FlowState | undefined> {
  return db.run('load state', READ_DEADLINE_MS, async (_sql, orm) => {
    const [row] = await orm.select().from(flowState).where(eq(flowState.flow, flow));
    if (row === undefined || row.mode === null || row.baselineAt === null) return undefined;
    return {
      mode: row.mode as CaptureMode,
      version: row.version,
      faultsSeen: Number(row.faultsSeen),
      cursor: {
        seen: row.cursorSeen ?? NOTHING_SEEN,
        upto: row.cursorUpto ?? undefined,
        id: row.cursorId ?? 0n,
        pollAtUs: row.pollAtUs === null ? undefined : Number(row.pollAtUs),
      },
    };
  });
}

/** The stored state of those of `keys` that live. */
export async function loadItems(
  db: Database,
  flow: string,
  keys: readonly string[],
): Promise<Map<string, Item>> {
  return db.run('load items', READ_DEADLINE_MS, (sql) => selectItems(sql, flow, keys));
}

/**
 * {@link loadItems} inside the caller's transaction. One index lookup per key, whatever the planner knows: with
 * `key = any(…)` a table without statistics was read as a whole, and the list parsed again for every row of it.
 */
export async function selectItems(
  sql: postgres.Sql,
  flow: string,
  keys: readonly string[],
): Promise<Map<string, Item>> {
  const rows = await sql<{ key: string; status: string; entered_us: string; known: boolean }[]>`
    select k.key, i.status, i.entered_us::text, i.known
      from unnest(${arrayText([...keys].sort())}::text::text[]) as k(key)
     cross join lateral (select status, entered_us, known from flowgauge.flow_items
                          where flow = ${flow} and key = k.key limit 1) i`;
  return new Map(
    rows.map((r) => [r.key, { status: r.status, enteredUs: Number(r.entered_us), known: r.known }]),
  );
}

/**
 * Stores one fold: cursor, items, totals, dwell times and population in one transaction. Throws
 * {@link StaleStateError} when the flow is no longer at `version`; the new version is `version + 1`.
 */
export async function commitFold(
  db: Database,
  flow: string,
  version: bigint,
  delta: FoldDelta,
  facts: FoldFacts,
  boundsSeconds: readonly number[],
  beforeCommit: () => void,
): Promise<void> {
  await db.transaction('store fold', COMMIT_DEADLINE_MS, {}, async (sql) => {
    await advance(sql, flow, version, facts);
    await storeDelta(sql, flow, delta, boundsSeconds);
    beforeCommit();
  });
}

/** Adds a fold to what is stored, inside the caller's transaction. */
export async function storeDelta(
  tx: postgres.Sql,
  flow: string,
  delta: FoldDelta,
  boundsSeconds: readonly number[],
): Promise<void> {
  await Promise.all([
    tx`update flowgauge.flow_state
          set unexpected = unexpected + ${delta.unexpected}, unknown = unknown + ${delta.unknown},
              folded = folded + ${delta.folded}
        where flow = ${flow}`,
    storeItems(tx, flow, delta),
    storeMoves(tx, flow, delta),
    storeDays(tx, flow, delta.movesByDay),
    storeReasons(tx, flow, delta),
    storeDwell(tx, flow, delta, boundsSeconds),
    storePopulation(tx, flow, delta.population),
  ]);
}

/** Writes the cursor if, and only if, the flow is still at `version`. */
async function advance(tx: postgres.Sql, flow: string, version: bigint, facts: FoldFacts): Promise<void> {
  const { next } = facts;
  const done = await tx`
    update flowgauge.flow_state set
           version = version + 1, cursor_seen = ${next.seen}, cursor_upto = ${next.upto ?? null},
           cursor_id = ${next.id.toString()}::text::bigint, poll_at_us = ${next.pollAtUs ?? null}::float8::bigint,
           gaps = gaps + ${facts.gaps}, faults_seen = ${facts.faultsSeen},
           last_gap_at = case when ${facts.gaps}::int > 0 then now() else last_gap_at end,
           last_gap_reason = coalesce(${facts.gapReason ?? null}::text, last_gap_reason), updated_at = now()
     where flow = ${flow} and version = ${version.toString()}::text::bigint`;
  if (done.count !== 1) throw new StaleStateError(flow, version);
}

async function storeItems(tx: postgres.Sql, flow: string, delta: FoldDelta): Promise<void> {
  const keys: string[] = [];
  const statuses: string[] = [];
  const entered: number[] = [];
  const known: boolean[] = [];
  const gone: string[] = [];
  // In the order of the index: a third less work for the server than in the order of arrival.
  for (const [key, item] of [...delta.items].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (item === null) {
      gone.push(key);
      continue;
    }
    keys.push(key);
    statuses.push(item.status);
    entered.push(item.enteredUs);
    known.push(item.known);
  }
  if (keys.length > 0) {
    await tx`
      insert into flowgauge.flow_items (flow, key, status, entered_us, known)
      select ${flow}, * from unnest(${arrayText(keys)}::text::text[], ${arrayText(statuses)}::text::text[],
                                  ${arrayText(entered)}::text::bigint[], ${arrayText(known)}::text::boolean[])
          on conflict (flow, key) do update
         set status = excluded.status, entered_us = excluded.entered_us, known = excluded.known`;
  }
  if (gone.length > 0) {
    await tx`
      delete from flowgauge.flow_items i using unnest(${arrayText(gone)}::text::text[]) as k(key)
       where i.flow = ${flow} and i.key = k.key`;
  }
}

async function storeMoves(tx: postgres.Sql, flow: string, delta: FoldDelta): Promise<void> {
  if (delta.moves.size === 0) return;
  const rows = [...delta.moves].map(([key, m]) => ({ pair: pairOf(key), ...m }));
  await tx`
    insert into flowgauge.flow_totals (flow, from_status, to_status, moves, last_us)
    select ${flow}, * from unnest(${arrayText(rows.map((r) => r.pair[0]))}::text::text[], ${arrayText(rows.map((r) => r.pair[1]))}::text::text[],
                                  ${arrayText(rows.map((r) => r.count))}::text::bigint[],
                                  ${arrayText(rows.map((r) => r.lastUs))}::text::bigint[])
        on conflict (flow, from_status, to_status) do update
       set moves = flow_totals.moves + excluded.moves, last_us = greatest(flow_totals.last_us, excluded.last_us)`;
}

async function storeReasons(tx: postgres.Sql, flow: string, delta: FoldDelta): Promise<void> {
  if (delta.reasons.size === 0) return;
  const rows = [...delta.reasons].map(([key, count]) => ({ pair: pairOf(key), count }));
  await tx`
    insert into flowgauge.flow_reasons (flow, to_status, reason, moves)
    select ${flow}, * from unnest(${arrayText(rows.map((r) => r.pair[0]))}::text::text[], ${arrayText(rows.map((r) => r.pair[1]))}::text::text[],
                                  ${arrayText(rows.map((r) => r.count))}::text::bigint[])
        on conflict (flow, to_status, reason) do update set moves = flow_reasons.moves + excluded.moves`;
}

async function storeDwell(
  tx: postgres.Sql,
  flow: string,
  delta: FoldDelta,
  boundsSeconds: readonly number[],
): Promise<void> {
  for (const [key, dwell] of delta.dwell) {
    const [status, to] = pairOf(key);
    // Other bounds than the stored ones start the histogram anew: old counts cannot be told apart by the new bounds.
    await tx`
      insert into flowgauge.flow_dwell (flow, status, to_status, bounds, buckets, sum_us)
      values (${flow}, ${status}, ${to}, ${arrayText(boundsSeconds)}::text::float8[], ${arrayText(dwell.buckets)}::text::bigint[],
              ${String(dwell.sumUs)}::text::numeric)
          on conflict (flow, status, to_status) do update
         set buckets = case when flow_dwell.bounds = excluded.bounds
                            then (select array_agg(a + b order by i) from unnest(flow_dwell.buckets, excluded.buckets)
                                    with ordinality as t(a, b, i))
                            else excluded.buckets end,
             sum_us = case when flow_dwell.bounds = excluded.bounds then flow_dwell.sum_us + excluded.sum_us
                           else excluded.sum_us end,
             bounds = excluded.bounds`;
  }
}

async function storePopulation(
  tx: postgres.Sql,
  flow: string,
  population: ReadonlyMap<string, number>,
): Promise<void> {
  const rows = [...population].filter(([, by]) => by !== 0);
  if (rows.length === 0) return;
  await tx`
    insert into flowgauge.flow_population (flow, status, items)
    select ${flow}, * from unnest(${arrayText(rows.map(([s]) => s))}::text::text[], ${arrayText(rows.map(([, by]) => by))}::text::bigint[])
        on conflict (flow, status) do update set items = flow_population.items + excluded.items`;
}

/** Notes that nobody reads the changes of this flow any more: whoever reads them again begins with a baseline and a gap. */
export async function stopReading(db: Database, flow: string): Promise<void> {
  await db.run(
    'stop reading',
    READ_DEADLINE_MS,
    (sql) => sql`
      update flowgauge.flow_state set mode = 'snapshot', version = version + 1, updated_at = now()
       where flow = ${flow} and mode <> 'snapshot'`,
  );
}

/** Living items per status. */
export async function loadPopulation(db: Database, flow: string): Promise<Map<string, number>> {
  return db.run('load population', READ_DEADLINE_MS, async (_sql, orm) => {
    const rows = await orm.select().from(flowPopulation).where(eq(flowPopulation.flow, flow));
    return new Map(rows.map((row) => [row.status, Number(row.items)]));
  });
}
