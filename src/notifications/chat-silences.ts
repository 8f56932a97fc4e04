/** Owns the silences that a chat asked for, as the store has them: what is wanted, what is made, and how it ended. */
import type postgres from 'postgres';
import type { Matcher } from '../alerts/silence.js';
import type { Database } from '../storage/database.js';

const DEADLINE_MS = 5_000;

/** Why a silence was asked for: somebody works on it, or somebody wants quiet. */
export type SilenceKind = 'take' | 'silence';

/** A silence that is wanted and has not ended. Moments are milliseconds since the epoch. */
export interface ChatSilence {
  readonly id: string;
  readonly tag: string;
  readonly kind: SilenceKind;
  readonly groupKey: string | undefined;
  readonly incident: number | undefined;
  readonly matchers: readonly Matcher[];
  readonly owner: string;
  /** Where it was asked for: the chat as configured. */
  readonly chat: string;
  readonly thread: number;
  readonly severity: string;
  readonly title: string;
  readonly startsAtMs: number;
  readonly untilMs: number;
  /** Alertmanager's id; undefined while it does not know of it. */
  readonly silenceId: string | undefined;
  /** Since when none of its alerts is active; undefined while one is. */
  readonly absentSinceMs: number | undefined;
  /** The database's clock at the reading. */
  readonly nowMs: number;
}

/** A silence that is asked for now. */
export type NewSilence = Pick<
  ChatSilence,
  'tag' | 'kind' | 'groupKey' | 'incident' | 'matchers' | 'owner' | 'chat' | 'thread' | 'severity' | 'title'
> & { readonly durationMs: number };

/** A group of alerts behind a button. */
export interface ChatGroup {
  readonly groupKey: string;
  readonly incident: number;
  readonly groupLabels: Readonly<Record<string, string>>;
  readonly severity: string;
  /** Whether one of its alerts fires, as far as we know. */
  readonly isFiring: boolean;
}

/** The group that a button names; undefined when it is forgotten, or when a newer incident has taken its place. */
export async function groupOf(
  db: Database,
  reference: string,
  incident: string,
): Promise<ChatGroup | undefined> {
  return db.run('read group', DEADLINE_MS, async (sql) => {
    const [row] = await sql<
      { group_key: string; labels: Record<string, string>; severity: string | null; firing: boolean }[]
    >`
      select g.group_key, g.group_labels as labels, cardinality(g.firing) > 0 as firing,
             (select e.severity from flowgauge.alert_events e
               where e.group_key = g.group_key and e.incident = g.incident
               order by array_position(array['critical', 'error', 'warning', 'info'], e.severity) limit 1) as severity
        from flowgauge.alert_groups g
       where g.reference = ${reference}::text::bigint and g.incident = ${incident}::text::bigint`;
    if (row === undefined) return undefined;
    return {
      groupKey: row.group_key,
      incident: Number(incident),
      groupLabels: row.labels,
      severity: row.severity ?? 'warning',
      isFiring: row.firing,
    };
  });
}

/** An alert event that somebody has taken notice of just now, and how long that took since it came in. */
export interface Acknowledged {
  readonly severity: string;
  readonly seconds: number;
}

/**
 * Stores what is wanted, in place of an earlier wish for the same group, and notes who acknowledged its events. Safe
 * to repeat with the same tag.
 */
export async function wantSilence(
  db: Database,
  wish: NewSilence,
): Promise<{ readonly silence: ChatSilence; readonly acknowledged: readonly Acknowledged[] }> {
  return db.transaction('want silence', DEADLINE_MS, {}, async (sql) => {
    const until = sql`clock_timestamp() + make_interval(secs => ${wish.durationMs / 1000}::float8)`;
    const [known] = await sql<{ id: string }[]>`
      select id::text from flowgauge.chat_silences where tag = ${wish.tag}
      union all
      select id::text from flowgauge.chat_silences where ended_at is null and group_key = ${wish.groupKey ?? null}::text
      limit 1`;
    const [row] =
      known === undefined
        ? await sql<{ id: string }[]>`
            insert into flowgauge.chat_silences (tag, kind, group_key, incident, matchers, owner, chat, thread,
                   severity, title, starts_at, until)
            values (${wish.tag}, ${wish.kind}, ${wish.groupKey ?? null}::text, ${wish.incident ?? null}::int,
                    ${JSON.stringify(wish.matchers)}::text::jsonb, ${wish.owner}, ${wish.chat}, ${wish.thread}::bigint,
                    ${wish.severity}, ${wish.title}, clock_timestamp(), ${until})
            returning id::text`
        : await sql<{ id: string }[]>`
            update flowgauge.chat_silences
               set kind = ${wish.kind}, owner = ${wish.owner}, until = ${until}, absent_since = null, silence_id = null,
                   chat = ${wish.chat}, thread = ${wish.thread}::bigint
             where id = ${known.id}::text::bigint returning id::text`;
    const acknowledged =
      wish.groupKey === undefined
        ? []
        : await acknowledge(sql, wish.groupKey, wish.incident ?? 0, wish.owner);
    const [silence] = await read(sql, sql`id = ${row!.id}::text::bigint`);
    return { silence: silence!, acknowledged };
  });
}

async function acknowledge(
  sql: postgres.Sql,
  groupKey: string,
  incident: number,
  owner: string,
): Promise<readonly Acknowledged[]> {
  return sql<Acknowledged[]>`
    update flowgauge.alert_events set acknowledged_at = clock_timestamp(), acknowledged_by = ${owner}
     where group_key = ${groupKey} and incident = ${incident}::int and status = 'firing' and acknowledged_at is null
     returning severity, greatest(0, extract(epoch from clock_timestamp() - received_at))::float8 as seconds`;
}

/** Every silence that has not ended, the oldest first. */
export async function openSilences(db: Database): Promise<readonly ChatSilence[]> {
  return db.run('read silences', DEADLINE_MS, (sql) => read(sql, sql`ended_at is null`));
}

/** The silence of a group that has not ended. */
export async function openSilenceOf(db: Database, groupKey: string): Promise<ChatSilence | undefined> {
  return db.run('read silence', DEADLINE_MS, async (sql) => {
    const [found] = await read(sql, sql`ended_at is null and group_key = ${groupKey}`);
    return found;
  });
}

/** Notes Alertmanager's id of a silence. */
export async function noteMade(db: Database, id: string, silenceId: string): Promise<void> {
  await db.run('note silence', DEADLINE_MS, async (sql) => {
    await sql`update flowgauge.chat_silences set silence_id = ${silenceId} where id = ${id}::text::bigint`;
  });
}

/** Notes since when none of its alerts is active, or that one is again. */
export async function noteAbsence(db: Database, id: string, state: 'absent' | 'present'): Promise<void> {
  await db.run('note silence', DEADLINE_MS, async (sql) => {
    const since = state === 'absent' ? sql`coalesce(absent_since, clock_timestamp())` : sql`null`;
    await sql`update flowgauge.chat_silences set absent_since = ${since} where id = ${id}::text::bigint`;
  });
}

/** Notes that a silence is over; true for the first who says so. */
export async function noteEnd(db: Database, id: string, reason: string): Promise<boolean> {
  return db.run('end silence', DEADLINE_MS, async (sql) => {
    const rows = await sql`
      update flowgauge.chat_silences set ended_at = clock_timestamp(), end_reason = ${reason}
       where id = ${id}::text::bigint and ended_at is null returning id`;
    return rows.length > 0;
  });
}

/** Queues the group's messages in the chats anew, so that they are edited to show who has it. Rings nowhere. */
export async function refreshMessages(db: Database, groupKey: string, ttlMs: number): Promise<void> {
  await db.run('refresh messages', DEADLINE_MS, async (sql) => {
    await sql`
      insert into flowgauge.notification_messages (channel, chat, thread, kind, group_key, incident, rank, expires_at)
      select t.channel, t.chat, t.thread, 'group', t.group_key, t.incident, 1,
             clock_timestamp() + make_interval(secs => ${ttlMs / 1000}::float8)
        from (select channel, chat, thread, group_key, incident from flowgauge.notification_threads
               union
              -- Somebody pressed before its sending was noted.
              select channel, chat, thread, group_key, incident from flowgauge.notification_messages
               where state = 'sending' and kind = 'group') t
        join flowgauge.alert_groups g on g.group_key = t.group_key and g.incident = t.incident
       where t.group_key = ${groupKey} and t.channel = 'telegram'
          on conflict (channel, chat, thread, kind, group_key) where state = 'queued' and parts is null do nothing`;
  });
}

interface SilenceRow {
  readonly id: string;
  readonly tag: string;
  readonly kind: SilenceKind;
  readonly group_key: string | null;
  readonly incident: string | null;
  readonly matchers: readonly Matcher[];
  readonly owner: string;
  readonly chat: string;
  readonly thread: string;
  readonly severity: string;
  readonly title: string;
  readonly starts_ms: number;
  readonly until_ms: number;
  readonly silence_id: string | null;
  readonly absent_ms: number | null;
  readonly now_ms: number;
}

async function read(
  sql: postgres.Sql,
  which: postgres.PendingQuery<postgres.Row[]>,
): Promise<readonly ChatSilence[]> {
  const rows = await sql<SilenceRow[]>`
    select id::text, tag, kind, group_key, incident::text, matchers, owner, chat, thread::text, severity, title,
           (extract(epoch from starts_at) * 1000)::float8 as starts_ms,
           (extract(epoch from until) * 1000)::float8 as until_ms, silence_id,
           (extract(epoch from absent_since) * 1000)::float8 as absent_ms,
           (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms
      from flowgauge.chat_silences s where ${which} order by s.id limit 500`;
  return rows.map((row) => ({
    id: row.id,
    tag: row.tag,
    kind: row.kind,
    groupKey: row.group_key ?? undefined,
    incident: row.incident === null ? undefined : Number(row.incident),
    matchers: row.matchers,
    owner: row.owner,
    chat: row.chat,
    thread: Number(row.thread),
    severity: row.severity,
    title: row.title,
    startsAtMs: row.starts_ms,
    untilMs: row.until_ms,
    silenceId: row.silence_id ?? undefined,
    absentSinceMs: row.absent_ms ?? undefined,
    nowMs: row.now_ms,
  }));
}
