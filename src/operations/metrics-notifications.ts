/** Owns the questions about how messages to people ended lately: delivered or given up, and those that were given up. */
import type { Database } from '../storage/database.js';

const DEADLINE_MS = 4_000;

/** Messages of one channel that ended within a span. */
export interface ChannelEnds {
  readonly channel: string;
  readonly successful: number;
  readonly failed: number;
}

/** The ends of these channels within the last seconds, or within the store's day in UTC; one without messages has zeros. */
export async function readEnds(
  db: Database,
  channels: readonly string[],
  span: number | 'today',
): Promise<readonly ChannelEnds[]> {
  return db.run('count ended messages', DEADLINE_MS, async (sql) => {
    const since =
      span === 'today'
        ? sql`date_trunc('day', clock_timestamp() at time zone 'UTC') at time zone 'UTC'`
        : sql`clock_timestamp() - make_interval(secs => ${span}::float8)`;
    const rows = await sql<{ channel: string; sent: string; dead: string }[]>`
      select channel, (count(*) filter (where state = 'sent'))::text as sent,
             (count(*) filter (where state = 'dead'))::text as dead
        from flowgauge.notification_messages
       where state in ('sent', 'dead') and finished_at >= ${since}
       group by channel`;
    return channels.map((channel) => {
      const row = rows.find((one) => one.channel === channel);
      return { channel, successful: Number(row?.sent ?? 0), failed: Number(row?.dead ?? 0) };
    });
  });
}

/** One message that was given up. */
export interface FailedMessage {
  readonly id: number;
  /** `group` of alerts, `watchdog`, or `notice` of our own. */
  readonly notification_type: string;
  readonly channel: string;
  /** Number of the chat, name of the hook, or address. */
  readonly chat: string;
  /** When it was given up. */
  readonly sent_at: string;
  readonly attempts: number;
  readonly error_message: string;
}

/** Messages that were given up, the newest first, and how many there are in all. */
export interface FailedMessages {
  readonly total: number;
  readonly failures: readonly FailedMessage[];
}

/** The messages given up within the last `seconds`, at most `limit` of them; those queued again since are none. */
export async function readFailures(db: Database, seconds: number, limit: number): Promise<FailedMessages> {
  return db.run('list failed messages', DEADLINE_MS, async (sql) => {
    const rows = await sql<(Omit<FailedMessage, 'id'> & { id: string; total: string })[]>`
      select id::text, kind as notification_type, channel, chat, attempts,
             to_char(finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as sent_at,
             coalesce(reason, 'unknown') || coalesce(': ' || detail, '') as error_message,
             (count(*) over ())::text as total
        from flowgauge.notification_messages m
       where state = 'dead' and finished_at >= clock_timestamp() - make_interval(secs => ${seconds}::float8)
       order by finished_at desc, m.id desc limit ${limit}::int`;
    const failures = rows.map(({ total: _total, ...row }) => ({ ...row, id: Number(row.id) }));
    return { total: Number(rows[0]?.total ?? 0), failures };
  });
}
