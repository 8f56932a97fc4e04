/** Owns the memory of alerts: every event with what became of it in each chat, the means, and how long it is kept. */
import type { Database } from '../storage/database.js';

const DEADLINE_MS = 5_000;
/** Rows that one pass of the clean-up deletes at most: never a long lock on a busy table. */
const DELETE_ROWS = 2_000;

/** Which events. */
export interface HistoryQuery {
  readonly alertname: string | undefined;
  readonly status: 'firing' | 'resolved' | undefined;
  readonly sinceMs: number | undefined;
  readonly untilMs: number | undefined;
  readonly limit: number;
  /** What became of each event in each chat costs a question per event. Default: it is told. */
  readonly deliveries?: 'left out';
}

/** Events, the newest first, and the means over all that match. */
export interface HistoryReport {
  readonly events: readonly Record<string, unknown>[];
  readonly total: number;
  /** Null when none was acknowledged. */
  readonly mean_time_to_acknowledge_seconds: number | null;
  /** From start to end of those that have ended; null when none has. */
  readonly mean_time_to_resolve_seconds: number | null;
}

/** Reads the history. */
export async function readHistory(db: Database, query: HistoryQuery): Promise<HistoryReport> {
  return db.run('read alert history', DEADLINE_MS, async (sql) => {
    const matches = sql`
      (${query.alertname ?? null}::text is null or e.alertname = ${query.alertname ?? null}::text)
      and (${query.status ?? null}::text is null or e.status = ${query.status ?? null}::text)
      and e.received_at >= to_timestamp(coalesce(${query.sinceMs ?? null}::float8, 0) / 1000.0)
      and e.received_at <= coalesce(to_timestamp(${query.untilMs ?? null}::float8 / 1000.0), 'infinity')`;
    const [sums] = await sql<{ total: string; acknowledge: number | null; resolve: number | null }[]>`
      select count(*)::text as total,
             avg(extract(epoch from e.acknowledged_at - e.received_at))::float8 as acknowledge,
             avg(extract(epoch from e.ends_at - e.starts_at)) filter (where e.status = 'resolved')::float8 as resolve
        from flowgauge.alert_events e where ${matches}`;
    const events = await sql<{ event: Record<string, unknown> }[]>`
      select json_build_object(
               'id', e.id, 'alertname', e.alertname, 'severity', e.severity, 'status', e.status,
               'fingerprint', e.fingerprint, 'group_key', e.group_key, 'receiver', e.receiver,
               'starts_at', e.starts_at, 'ends_at', e.ends_at, 'received_at', e.received_at, 'repeats', e.repeats,
               'acknowledged_at', e.acknowledged_at, 'acknowledged_by', e.acknowledged_by, 'resolved_by', e.resolved_by,
               'request_id', e.request_id, 'labels', e.labels, 'annotations', e.annotations,
               'deliveries', coalesce((select json_agg(json_build_object('channel', d.channel, 'chat', d.chat,
                    'state', d.state, 'reason', d.reason, 'finished_at', d.finished_at, 'message', d.message_id)
                    order by d.channel, d.chat) from flowgauge.notification_deliveries d
                    where ${query.deliveries !== 'left out'}::boolean and d.event_id = e.id), '[]')
             ) as event
        from flowgauge.alert_events e where ${matches}
       order by e.received_at desc, e.id desc limit ${query.limit}::int`;
    return {
      events: events.map(({ event }) => event),
      total: Number(sums!.total),
      mean_time_to_acknowledge_seconds: sums!.acknowledge,
      mean_time_to_resolve_seconds: sums!.resolve,
    };
  });
}

/** How long what is done is kept, in milliseconds. */
export interface Retention {
  readonly sentMs: number;
  readonly deadMs: number;
  readonly eventsMs: number;
}

/** Deletes a bounded part of what is too old; true when there may be more. What waits is never deleted. */
export async function forgetOld(db: Database, { sentMs, deadMs, eventsMs }: Retention): Promise<boolean> {
  return db.run('forget old alerts', DEADLINE_MS, async (sql) => {
    const counts: number[] = [];
    for (const [state, keepMs] of [
      ['sent', sentMs],
      ['dead', deadMs],
    ] as const) {
      const gone = await sql`
        delete from flowgauge.notification_messages where id in (
          select id from flowgauge.notification_messages
           where state = ${state} and finished_at < clock_timestamp() - make_interval(secs => ${keepMs / 1000}::float8)
           order by finished_at limit ${DELETE_ROWS}::int for update skip locked)`;
      counts.push(gone.count);
    }
    // An event goes when it is old and nothing of it waits or lies among the dead letters.
    const events = await sql`
      delete from flowgauge.alert_events where id in (
        select e.id from flowgauge.alert_events e
         where e.received_at < clock_timestamp() - make_interval(secs => ${eventsMs / 1000}::float8)
           and not exists (select from flowgauge.notification_deliveries d
                             join flowgauge.notification_messages m on m.id = d.message_id
                            where d.event_id = e.id and m.state <> 'sent')
         order by e.received_at limit ${DELETE_ROWS}::int for update skip locked)`;
    counts.push(events.count);
    const groups = await sql`
      delete from flowgauge.alert_groups where group_key in (
        select g.group_key from flowgauge.alert_groups g
         where g.updated_at < clock_timestamp() - make_interval(secs => ${eventsMs / 1000}::float8)
           and not exists (select from flowgauge.alert_events e where e.group_key = g.group_key)
         limit ${DELETE_ROWS}::int for update skip locked)`;
    counts.push(groups.count);
    const threads = await sql`
      delete from flowgauge.notification_threads where (channel, chat, thread, group_key) in (
        select channel, chat, thread, group_key from flowgauge.notification_threads
         where updated_at < clock_timestamp() - make_interval(secs => ${eventsMs / 1000}::float8)
         limit ${DELETE_ROWS}::int for update skip locked)`;
    counts.push(threads.count);
    return counts.some((count) => count >= DELETE_ROWS);
  });
}
