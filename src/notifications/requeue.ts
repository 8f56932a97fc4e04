/** Owns the way back into the queue: messages that were in somebody's hands wait again, in a few statements for any number. */
import type postgres from 'postgres';
import { arrayText } from '../storage/array-text.js';

/** Puts back what a predecessor left in sending; true when there was something. */
export async function requeueLeft(sql: postgres.Sql, channel: string, chat: string): Promise<boolean> {
  const left = await sql<{ id: string }[]>`
    select m.id::text from flowgauge.notification_messages m
     where channel = ${channel} and chat = ${chat} and state = 'sending' order by m.id for update`;
  if (left.length === 0) return false;
  await requeue(
    sql,
    left.map(({ id }) => id),
    0,
  );
  return true;
}

/**
 * Back into the queue, due in `delayMs`. Where a later change of the group waits already, the two become one. Not one
 * by one: a digest holds a hundred messages, and a distant store would need longer for them than a call may take.
 */
export async function requeue(sql: postgres.Sql, ids: readonly string[], delayMs: number): Promise<void> {
  const due = sql`clock_timestamp() + make_interval(secs => ${delayMs / 1000}::float8)`;
  const joined = await sql<{ id: string; heir: string }[]>`
    select m.id::text, o.id::text as heir from flowgauge.notification_messages o
      join flowgauge.notification_messages m
        on o.channel = m.channel and o.chat = m.chat and o.thread = m.thread and o.kind = m.kind
       and o.group_key = m.group_key and o.state = 'queued' and o.parts is null and o.id <> m.id
     where m.id = any(${arrayText(ids)}::text::bigint[]) and m.parts is null order by o.id for update of o`;
  if (joined.length > 0) await join(sql, joined, due);
  const gone = new Set(joined.map(({ id }) => id));
  const rest = ids.filter((id) => !gone.has(id));
  if (rest.length === 0) return;
  await sql`
    update flowgauge.notification_messages set state = 'queued', due_at = ${due}
     where id = any(${arrayText(rest)}::text::bigint[])`;
}

/** Each message becomes a part of its heir, which keeps the earlier beginning, the urgency and the number of tries. */
async function join(
  sql: postgres.Sql,
  pairs: readonly { readonly id: string; readonly heir: string }[],
  due: postgres.Fragment,
): Promise<void> {
  const ids = arrayText(pairs.map(({ id }) => id));
  const heirs = arrayText(pairs.map(({ heir }) => heir));
  const pair = sql`unnest(${ids}::text::bigint[], ${heirs}::text::bigint[]) as pair (id, heir)`;
  await sql`
    update flowgauge.notification_deliveries d set message_id = pair.heir from ${pair} where d.message_id = pair.id`;
  await sql`
    update flowgauge.notification_messages o
       set attempts = greatest(o.attempts, m.attempts), queued_at = least(o.queued_at, m.queued_at),
           rank = least(o.rank, m.rank), due_at = greatest(o.due_at, ${due})
      from ${pair} join flowgauge.notification_messages m on m.id = pair.id
     where o.id = pair.heir`;
  await sql`delete from flowgauge.notification_messages where id = any(${ids}::text::bigint[])`;
}
