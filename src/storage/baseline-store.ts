/** Owns replacing what is known of a flow's items by what a snapshot of the table says, totals untouched. */
import type postgres from 'postgres';
import type { Cursor } from '../flows/cursor.js';
import type { CaptureMode, Flow } from '../flows/flow.js';
import { fold, type Item, type OrderedChange } from '../flows/tracker.js';
import { arrayText } from './array-text.js';
import type { Database } from './database.js';
import { StaleStateError, selectItems, storeDelta } from './flow-store.js';

const BASELINE_DEADLINE_MS = 30 * 60_000;

/** A row of the snapshot, its status already a label. */
export interface BaselineItem extends Item {
  readonly key: string;
}

/** What a snapshot delivers, in this order: changes to count first, then the rows that stand from now on. */
export interface BaselineIntake {
  count(changes: readonly OrderedChange[]): Promise<void>;
  take(items: readonly BaselineItem[]): Promise<void>;
}

/** How the snapshot differed from what was stored; all zero on a first baseline of an empty store. */
export interface BaselineDifference {
  readonly added: number;
  readonly removed: number;
  readonly moved: number;
}

/** Why a baseline is taken. Only a first one finds differences that are no gap. */
export interface BaselineCause {
  readonly expectedVersion: bigint | undefined;
  readonly mode: CaptureMode;
  readonly gapReason: string | undefined;
  /** 0 where the gap was counted when it was noticed. */
  readonly gaps: number;
  readonly faultsSeen: number;
}

/**
 * Takes the rows that `stream` delivers, compares them with the stored items and makes them the stored ones, in one
 * transaction with the cursor. Items that stand where they stood keep their entry time.
 */
export async function storeBaseline(
  db: Database,
  flow: Flow,
  cause: BaselineCause,
  boundsSeconds: readonly number[],
  stream: (intake: BaselineIntake) => Promise<Cursor>,
  beforeCommit: () => void,
): Promise<BaselineDifference> {
  return db.transaction('store baseline', BASELINE_DEADLINE_MS, {}, async (tx) => {
    // It waits for the source between two batches; a frozen process must not keep the flow for ever all the same.
    await tx`set local idle_in_transaction_session_timeout = '2min'`;
    await lockVersion(tx, flow.name, cause.expectedVersion);
    await tx`create temporary table incoming (key text primary key, status text, entered_us bigint, known boolean) on commit drop`;
    const cursor = await stream({
      count: (changes) => countChanges(tx, flow, changes, boundsSeconds),
      take: (items) => insertIncoming(tx, items),
    });
    const difference = await replaceItems(tx, flow.name);
    await recountPopulation(tx, flow.name);
    await moveCursor(tx, flow.name, cause, cursor);
    beforeCommit();
    return difference;
  });
}

async function lockVersion(tx: postgres.Sql, flow: string, expected: bigint | undefined): Promise<void> {
  await tx`insert into flowgauge.flow_state (flow, version) values (${flow}, 0) on conflict (flow) do nothing`;
  const [row] = await tx<{ version: string; fresh: boolean }[]>`
    select version::text, baseline_at is null as fresh from flowgauge.flow_state where flow = ${flow} for update`;
  const current = row!.fresh ? undefined : BigInt(row!.version);
  if (current !== expected) throw new StaleStateError(flow, expected ?? 0n);
}

async function countChanges(
  tx: postgres.Sql,
  flow: Flow,
  changes: readonly OrderedChange[],
  boundsSeconds: readonly number[],
): Promise<void> {
  if (changes.length === 0) return;
  const items = await selectItems(tx, flow.name, [...new Set(changes.map((c) => c.key))]);
  await storeDelta(tx, flow.name, fold(flow, items, changes, boundsSeconds), boundsSeconds);
}

async function insertIncoming(tx: postgres.Sql, items: readonly BaselineItem[]): Promise<void> {
  await tx`
    insert into incoming
    select * from unnest(${arrayText(items.map((i) => i.key))}::text::text[], ${arrayText(items.map((i) => i.status))}::text::text[],
                         ${arrayText(items.map((i) => i.enteredUs))}::text::bigint[], ${arrayText(items.map((i) => i.known))}::text::boolean[])`;
}

async function replaceItems(tx: postgres.Sql, flow: string): Promise<BaselineDifference> {
  await tx`analyze incoming`;
  const removed = await tx`
    delete from flowgauge.flow_items i
     where i.flow = ${flow} and not exists (select 1 from incoming n where n.key = i.key)`;
  const moved = await tx`
    update flowgauge.flow_items i set status = n.status, entered_us = n.entered_us, known = n.known
      from incoming n where i.flow = ${flow} and i.key = n.key and i.status <> n.status`;
  const added = await tx`
    insert into flowgauge.flow_items (flow, key, status, entered_us, known)
    select ${flow}, n.key, n.status, n.entered_us, n.known from incoming n
     where not exists (select 1 from flowgauge.flow_items i where i.flow = ${flow} and i.key = n.key)`;
  return { added: added.count, removed: removed.count, moved: moved.count };
}

async function recountPopulation(tx: postgres.Sql, flow: string): Promise<void> {
  await tx`delete from flowgauge.flow_population where flow = ${flow}`;
  await tx`
    insert into flowgauge.flow_population (flow, status, items)
    select flow, status, count(*) from flowgauge.flow_items where flow = ${flow} group by flow, status`;
}

async function moveCursor(
  tx: postgres.Sql,
  flow: string,
  cause: BaselineCause,
  cursor: Cursor,
): Promise<void> {
  // A whole day on which nobody read the changes is not known to be one without a move: the days begin anew after it.
  await tx`
    update flowgauge.flow_state set
           mode = ${cause.mode}, version = version + 1, cursor_seen = ${cursor.seen}, cursor_upto = ${cursor.upto ?? null},
           cursor_id = ${cursor.id.toString()}::text::bigint, poll_at_us = ${cursor.pollAtUs ?? null}::float8::bigint,
           baseline_at = now(), faults_seen = ${cause.faultsSeen}, updated_at = now(),
           counted_since = case when mode = 'snapshot'
                                 and (updated_at at time zone 'UTC')::date < (now() at time zone 'UTC')::date - 1
                                then now() else coalesce(counted_since, now()) end,
           gaps = gaps + ${cause.gaps},
           last_gap_at = case when ${cause.gaps}::int > 0 then now() else last_gap_at end,
           last_gap_reason = coalesce(${cause.gapReason ?? null}::text, last_gap_reason)
     where flow = ${flow}`;
}
