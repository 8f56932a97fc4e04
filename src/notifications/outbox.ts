/** Owns what is written about claimed messages: how a claim ends, and how the chats of those who are gone become free. */
import type postgres from 'postgres';
import { arrayText } from '../storage/array-text.js';
import type { Database } from '../storage/database.js';
import type { Pacing, RestRule } from './chat-pace.js';
import { type Claim, ClaimLostError, type Part } from './claim.js';
import { requeue, requeueLeft } from './requeue.js';

const FREE_DEADLINE_MS = 5_000;
const SETTLE_DEADLINE_MS = 10_000;
/** After a claim whose end nobody knows: long enough for the usual pace, and for most of what a limit asks. */
export const UNKNOWN_REST_MS = 3_000;

/** Frees the chat, whoever held it, and leaves it alone for `restMs`. */
export async function restChat(
  sql: postgres.Sql,
  channel: string,
  chat: string,
  restMs: number,
): Promise<void> {
  await sql`
    update flowgauge.notification_chats
       set claim = claim + 1, holder = null, lease_until = null,
           next_at = greatest(next_at, clock_timestamp() + make_interval(secs => ${restMs / 1000}::float8))
     where channel = ${channel} and chat = ${chat}`;
}

/** Frees the chats of holders that have ended, so that nobody waits for their leases. Answers how many were freed. */
export async function freeGone(db: Database, isGone: (holder: string) => boolean): Promise<number> {
  return db.transaction('free claims', FREE_DEADLINE_MS, {}, async (sql) => {
    const held = await sql<{ channel: string; chat: string; holder: string }[]>`
      select channel, chat, holder from flowgauge.notification_chats
       where holder is not null and lease_until is not null for update skip locked`;
    const gone = held.filter(({ holder }) => isGone(holder));
    for (const { channel, chat } of gone) {
      await requeueLeft(sql, channel, chat);
      await restChat(sql, channel, chat, UNKNOWN_REST_MS);
    }
    return gone.length;
  });
}

/** The claim without the messages from `keep` on, which wait in the queue again. */
export async function giveBack(db: Database, claim: Claim, keep: number): Promise<Claim> {
  const rest = { ...claim, messages: claim.messages.slice(keep) };
  await db.transaction('give back messages', SETTLE_DEADLINE_MS, {}, async (sql) => {
    const held = await sql`
      select from flowgauge.notification_chats
       where channel = ${claim.channel} and chat = ${claim.chat} and claim = ${claim.token}::text::bigint for update`;
    if (held.length === 0) throw new ClaimLostError(claim.chat, claim.token);
    await writeRetry(sql, rest, { delayMs: 0, tried: 'not tried', reason: 'queued' });
  });
  return { ...claim, messages: claim.messages.slice(0, keep) };
}

/** What a finished claim writes. */
export interface Ending {
  /** The chat is left alone for at least this long from now, in milliseconds. */
  readonly chatRestMs: number;
  /** The same for the whole channel. */
  readonly channelRestMs?: number | undefined;
  /** The chat's new address. */
  readonly address?: string | undefined;
  /** The pace that counts this request; undefined when none was made. */
  readonly pace: RestRule | undefined;
}

/** Runs `write` and gives the claim back, in one transaction; rejects with {@link ClaimLostError} when it is not ours any more. */
export async function settle<T>(
  db: Database,
  claim: Claim,
  ending: Ending,
  write: (sql: postgres.Sql) => Promise<T>,
): Promise<T> {
  return db.transaction('settle message', SETTLE_DEADLINE_MS, {}, async (sql) => {
    const [row] = await sql<{ pacing: Pacing; now_ms: number }[]>`
      select pacing, (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms from flowgauge.notification_chats
       where channel = ${claim.channel} and chat = ${claim.chat} and claim = ${claim.token}::text::bigint for update`;
    if (row === undefined) throw new ClaimLostError(claim.chat, claim.token);
    const pace = ending.pace?.(row.pacing, claim.address, row.now_ms) ?? { pacing: row.pacing, restMs: 0 };
    const restMs = Math.max(pace.restMs, ending.chatRestMs);
    await sql`
      update flowgauge.notification_chats
         set holder = null, lease_until = null, pacing = ${JSON.stringify(pace.pacing)}::text::jsonb,
             address = ${ending.address ?? claim.address},
             next_at = clock_timestamp() + make_interval(secs => ${restMs / 1000}::float8)
       where channel = ${claim.channel} and chat = ${claim.chat}`;
    if (ending.channelRestMs !== undefined) {
      await sql`
        update flowgauge.notification_channels
           set paused_until = clock_timestamp() + make_interval(secs => ${ending.channelRestMs / 1000}::float8)
         where channel = ${claim.channel}`;
    }
    return write(sql);
  });
}

/** The messages wait for another try in `delayMs`. An untried one does not count as an attempt. */
export async function writeRetry(
  sql: postgres.Sql,
  claim: Claim,
  options: { readonly delayMs: number; readonly tried: 'tried' | 'not tried'; readonly reason: string },
): Promise<void> {
  const ids = arrayText(claim.messages.map((message) => message.id));
  const undone = options.tried === 'tried' ? 0 : 1;
  await sql`
    update flowgauge.notification_messages set attempts = attempts - ${undone}::int, reason = ${options.reason}
     where id = any(${ids}::text::bigint[])`;
  await requeue(
    sql,
    claim.messages.map(({ id }) => id),
    options.delayMs,
  );
}

/** Notes parts that were sent of a message with more to come; the rest is due at once. */
export async function writeProgress(
  sql: postgres.Sql,
  claim: Claim,
  parts: readonly Part[],
  partsDone: number,
): Promise<void> {
  await sql`
    update flowgauge.notification_messages
       set state = 'queued', due_at = clock_timestamp(), attempts = 0, parts_done = ${partsDone}::int,
           parts = ${JSON.stringify(parts)}::text::jsonb
     where id = ${claim.messages[0]!.id}::text::bigint`;
}

/** The messages have ended. Answers, per delivered event, how long it was under way, in seconds. */
export async function writeEnd(
  sql: postgres.Sql,
  claim: Claim,
  end: {
    readonly state: 'sent' | 'dead';
    readonly reason: string | undefined;
    readonly detail: string | undefined;
    readonly text: string;
  },
): Promise<readonly number[]> {
  const ids = arrayText(claim.messages.map((message) => message.id));
  await sql`
    update flowgauge.notification_messages
       set state = ${end.state}, finished_at = clock_timestamp(), reason = ${end.reason ?? null}::text,
           detail = ${end.detail ?? null}::text, body = coalesce(body, ${end.text}), parts = null
     where id = any(${ids}::text::bigint[])`;
  const events = await sql<{ seconds: number }[]>`
    update flowgauge.notification_deliveries d
       set state = ${end.state}, finished_at = clock_timestamp(), reason = ${end.reason ?? null}::text
      from flowgauge.alert_events e
     where e.id = d.event_id and d.message_id = any(${ids}::text::bigint[]) and d.state = 'queued'
     returning extract(epoch from clock_timestamp() - e.received_at)::float8 as seconds`;
  return events.map(({ seconds }) => Math.max(0, seconds));
}
