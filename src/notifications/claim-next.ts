/** Owns the choice of the next message: the most urgent one of a chat that is free, or in a storm a digest of many. */
import type postgres from 'postgres';
import { arrayText } from '../storage/array-text.js';
import type { Database } from '../storage/database.js';
import type { Claim, ClaimedMessage, MessageKind, Part } from './claim.js';
import { loadGroups, loadThreads } from './groups.js';
import { restChat, UNKNOWN_REST_MS } from './outbox.js';
import { requeueLeft } from './requeue.js';

const CLAIM_DEADLINE_MS = 5_000;
/** Requests of one channel that start within a second stay below Telegram's 30. */
const CHANNEL_SPACING_MS = 40;
/** Waiting groups that one digest takes at most. */
const DIGEST_GROUPS = 100;

/** How claims are made. */
export interface ClaimOptions {
  readonly channel: string;
  /** Who asks. It must have nothing in hand: what it holds by the store is left over from a claim that went wrong. */
  readonly holder: string;
  /** How long nobody else may send to the chat, in milliseconds. Above twice the channel's deadline. */
  readonly leaseMs: number;
  /** More waiting groups than this in one chat become a digest. */
  readonly stormAbove: number;
}

/** Claims the most urgent due message of a chat that is free; undefined when there is none. */
export async function claimNext(db: Database, options: ClaimOptions): Promise<Claim | undefined> {
  const askedMs = performance.now();
  return db.transaction('claim message', CLAIM_DEADLINE_MS, {}, async (sql) => {
    const { channel, holder, leaseMs, stormAbove } = options;
    const [chat] = await sql<{ chat: string; address: string }[]>`
      select c.chat, c.address from flowgauge.notification_chats c
       cross join lateral (
         select m.rank from flowgauge.notification_messages m
          where m.channel = c.channel and m.chat = c.chat and m.state in ('queued', 'sending')
            and m.due_at <= clock_timestamp() order by m.rank, m.due_at limit 1) first
       where c.channel = ${channel} and c.next_at <= clock_timestamp()
         and (c.lease_until is null or c.lease_until <= clock_timestamp() or c.holder = ${holder})
         and exists (select from flowgauge.notification_channels o
                      where o.channel = c.channel and o.paused_until <= clock_timestamp())
       order by first.rank, c.next_at limit 1 for update of c skip locked`;
    if (chat === undefined) return undefined;
    if (await requeueLeft(sql, channel, chat.chat)) {
      // What was being sent may have arrived a moment ago: its pace still counts.
      await restChat(sql, channel, chat.chat, UNKNOWN_REST_MS);
      return undefined;
    }
    const rows = await pick(sql, channel, chat.chat, stormAbove);
    if (rows.length === 0) return undefined;
    const [taken] = await sql<{ token: string }[]>`
      update flowgauge.notification_chats
         set claim = claim + 1, holder = ${holder},
             lease_until = clock_timestamp() + make_interval(secs => ${leaseMs / 1000}::float8)
       where channel = ${channel} and chat = ${chat.chat} returning claim as token`;
    await sql`
      update flowgauge.notification_messages set state = 'sending', attempts = attempts + 1
       where id = any(${arrayText(rows.map((row) => row.id))}::text::bigint[])`;
    const messages = await claimed(sql, rows);
    // The last statement: whoever claims next waits behind this row until we commit.
    const [pace] = await sql<{ delay_ms: number }[]>`
      update flowgauge.notification_channels
         set next_at = greatest(next_at, clock_timestamp()) + make_interval(secs => ${CHANNEL_SPACING_MS / 1000}::float8)
       where channel = ${channel}
       returning (extract(epoch from next_at - clock_timestamp()) * 1000 - ${CHANNEL_SPACING_MS}::float8)::float8 as delay_ms`;
    return {
      channel,
      chat: chat.chat,
      address: chat.address,
      topic: Number(rows[0]!.thread),
      token: taken!.token,
      leaseEndsMs: askedMs + leaseMs,
      delayMs: Math.max(0, pace?.delay_ms ?? 0),
      messages,
    };
  });
}

interface Row {
  readonly id: string;
  readonly kind: MessageKind;
  readonly thread: string;
  readonly group_key: string;
  readonly rank: number;
  readonly attempts: number;
  readonly expired: boolean;
  readonly parts: readonly Part[] | null;
  readonly parts_done: number;
  readonly body: string | null;
  readonly request_id: string | null;
  readonly age_ms: number;
}

async function pick(
  sql: postgres.Sql,
  channel: string,
  chat: string,
  stormAbove: number,
): Promise<readonly Row[]> {
  const rows = await sql<Row[]>`
    select id::text, kind, thread::text, group_key, rank, attempts,
           expires_at <= clock_timestamp() as expired, parts, parts_done, body, request_id,
           (extract(epoch from clock_timestamp() - queued_at) * 1000)::float8 as age_ms
      from flowgauge.notification_messages m
     where channel = ${channel} and chat = ${chat} and state = 'queued' and due_at <= clock_timestamp()
     -- m.id, because a bare id is the text that is selected, and as texts 1000 comes before 999.
     order by (parts_done > 0) desc, rank, m.id limit ${DIGEST_GROUPS}::int for update`;
  const [first] = rows;
  if (first === undefined || first.kind !== 'group' || first.parts !== null || first.expired)
    return rows.slice(0, 1);
  const together = rows.filter(
    (row) => row.kind === 'group' && row.parts === null && !row.expired && row.thread === first.thread,
  );
  return together.length > stormAbove ? together : [first];
}

async function claimed(sql: postgres.Sql, rows: readonly Row[]): Promise<readonly ClaimedMessage[]> {
  const groupIds = rows.filter(({ kind }) => kind === 'group').map(({ id }) => id);
  const groups = groupIds.length === 0 ? undefined : await loadGroups(sql, groupIds);
  const threads = await loadThreads(
    sql,
    rows.map(({ id }) => id),
  );
  return rows.map((row) => ({
    id: row.id,
    kind: row.kind,
    groupKey: row.group_key,
    rank: row.rank,
    attempts: row.attempts + 1,
    expired: row.expired,
    parts: row.parts ?? undefined,
    partsDone: row.parts_done,
    body: row.body ?? undefined,
    requestId: row.request_id ?? undefined,
    ageMs: Math.max(0, row.age_ms),
    group: groups?.get(row.id),
    thread: threads.get(row.id),
  }));
}
