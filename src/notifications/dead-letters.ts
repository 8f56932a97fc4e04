/** Owns the dead letters: what could not be delivered, why, and its second chance. */
import type postgres from 'postgres';
import { arrayText } from '../storage/array-text.js';
import type { Database } from '../storage/database.js';

const DEADLINE_MS = 5_000;

/** One message that was given up. */
export interface DeadLetter {
  readonly id: number;
  readonly channel: string;
  readonly chat: string;
  readonly group_key: string;
  readonly reason: string;
  readonly detail: string | null;
  /** The whole text, without markup. */
  readonly text: string;
  readonly attempts: number;
  readonly request_id: string | null;
  readonly queued_at: string;
  readonly died_at: string;
  readonly alerts: readonly {
    readonly alertname: string;
    readonly fingerprint: string;
    readonly status: string;
  }[];
}

/** The latest dead letters, the newest first. */
export async function listDeadLetters(db: Database, limit: number): Promise<readonly DeadLetter[]> {
  return db.run('list dead letters', DEADLINE_MS, async (sql) => {
    const rows = await sql<(Omit<DeadLetter, 'id'> & { id: string })[]>`
      select m.id::text, m.channel, m.chat, m.group_key, coalesce(m.reason, 'unknown') as reason, m.detail,
             coalesce(m.body, '') as text, m.attempts, m.request_id,
             to_char(m.queued_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as queued_at,
             to_char(m.finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as died_at,
             coalesce((select json_agg(json_build_object('alertname', e.alertname, 'fingerprint', e.fingerprint,
                                                         'status', e.status) order by e.id)
                         from flowgauge.notification_deliveries d join flowgauge.alert_events e on e.id = d.event_id
                        where d.message_id = m.id), '[]') as alerts
        from flowgauge.notification_messages m
       where m.state = 'dead' order by m.finished_at desc, m.id desc limit ${limit}::int`;
    return rows.map((row) => ({ ...row, id: Number(row.id) }));
  });
}

/** Which dead letters; every condition that is given must hold. Moments are of the death. */
export interface RedriveQuery {
  readonly ids: readonly string[] | undefined;
  readonly reason: string | undefined;
  readonly sinceMs: number | undefined;
  readonly untilMs: number | undefined;
}

/**
 * Queues dead letters again, each with a new time to live, and answers how many; a second call finds none of them
 * dead. The text is written anew, with the group as it is now.
 */
export async function redrive(db: Database, query: RedriveQuery, ttlMs: number): Promise<number> {
  return db.transaction('redrive dead letters', DEADLINE_MS, {}, async (sql) => {
    const rows = await sql<{ id: string }[]>`
      select m.id::text from flowgauge.notification_messages m
       where state = 'dead'
         and (${query.ids === undefined ? null : arrayText(query.ids)}::text is null
              or id = any(${query.ids === undefined ? null : arrayText(query.ids)}::text::bigint[]))
         and (${query.reason ?? null}::text is null or reason = ${query.reason ?? null}::text)
         and finished_at >= to_timestamp(coalesce(${query.sinceMs ?? null}::float8, 0) / 1000.0)
         and finished_at <= coalesce(to_timestamp(${query.untilMs ?? null}::float8 / 1000.0), 'infinity')
       order by m.id for update skip locked`;
    for (const { id } of rows) await revive(sql, id, ttlMs);
    return rows.length;
  });
}

async function revive(sql: postgres.Sql, id: string, ttlMs: number): Promise<void> {
  const [open] = await sql<{ id: string }[]>`
    select o.id::text from flowgauge.notification_messages o
      join flowgauge.notification_messages m on m.id = ${id}::text::bigint
     where o.channel = m.channel and o.chat = m.chat and o.thread = m.thread and o.kind = m.kind
       and o.group_key = m.group_key and o.state = 'queued' and o.parts is null for update of o`;
  // A change of the group is queued already: it tells these events too.
  const carrier = open?.id ?? id;
  await sql`
    update flowgauge.notification_deliveries
       set state = 'queued', reason = null, finished_at = null, message_id = ${carrier}::text::bigint
     where message_id = ${id}::text::bigint and state = 'dead'`;
  if (open !== undefined) {
    await sql`delete from flowgauge.notification_messages where id = ${id}::text::bigint`;
    return;
  }
  await sql`
    update flowgauge.notification_messages
       set state = 'queued', attempts = 0, parts_done = 0, reason = null, detail = null, finished_at = null,
           body = case when kind = 'notice' then body end, redriven = redriven + 1, due_at = clock_timestamp(),
           expires_at = clock_timestamp() + make_interval(secs => ${ttlMs / 1000}::float8)
     where id = ${id}::text::bigint`;
}
