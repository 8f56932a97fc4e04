/** Owns what the store knows of a group when a message about it is written: its alerts, and where its message lies. */
import type postgres from 'postgres';
import type { Alert, AlertBatch, AlertStatus } from '../alerts/alert.js';
import type { Holding } from './chat-buttons.js';
import type { Target } from './target.js';

/** Alerts of a group that are read for one message, the most urgent first. */
const MAX_SHOWN = 1_000;

/** A group of alerts as one message tells it. */
export interface GroupContent extends AlertBatch {
  readonly incident: number;
  /** Those of the firing alerts that this message is the first to tell. */
  readonly joined: readonly Alert[];
  /** The short number of the group, for buttons. */
  readonly reference: string;
  /** Who has it or keeps it quiet, if somebody does. */
  readonly holding: Holding | undefined;
}

/** Where the message of a group lies in a chat: one id per part. */
export interface Thread {
  readonly incident: number;
  readonly address: string;
  readonly messageIds: readonly string[];
}

interface EventRow {
  readonly fingerprint: string;
  readonly status: AlertStatus;
  readonly starts_ms: number;
  readonly ends_ms: number | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly generator_url: string;
  readonly fresh: boolean;
}

/**
 * The group for the message `messageId`: every occurrence that has ended, that still fires, or that this message was
 * queued for. One that Alertmanager no longer names (it was silenced) is left out once it was told.
 */
export async function loadGroup(
  sql: postgres.Sql,
  groupKey: string,
  incident: number,
  messageId: string,
): Promise<GroupContent | undefined> {
  const [group] = await sql<
    {
      receiver: string;
      group_labels: Record<string, string>;
      external_url: string;
      truncated: string;
      reference: string;
      kind: Holding['kind'] | null;
      owner: string;
      until_ms: number;
    }[]
  >`select g.receiver, g.group_labels, g.external_url, g.truncated::text, g.reference::text, s.kind, s.owner,
           (extract(epoch from s.until) * 1000)::float8 as until_ms
      from flowgauge.alert_groups g
      left join flowgauge.chat_silences s on s.group_key = g.group_key and s.ended_at is null
     where g.group_key = ${groupKey}`;
  if (group === undefined) return undefined;
  const rows = await sql<EventRow[]>`
    select * from (
      select distinct on (e.fingerprint, e.starts_at) e.fingerprint, e.status,
             (extract(epoch from e.starts_at) * 1000)::float8 as starts_ms,
             (extract(epoch from e.ends_at) * 1000)::float8 as ends_ms, e.labels, e.annotations, e.generator_url,
             exists (select from flowgauge.notification_deliveries d
                      where d.event_id = e.id and d.message_id = ${messageId}::text::bigint) as fresh
        from flowgauge.alert_events e
       where e.group_key = ${groupKey} and e.incident = ${incident}::int
         and (e.status = 'resolved'
              or e.fingerprint = any(select unnest(g.firing) from flowgauge.alert_groups g where g.group_key = ${groupKey})
              or exists (select from flowgauge.notification_deliveries d
                          where d.event_id = e.id and d.message_id = ${messageId}::text::bigint))
       order by e.fingerprint, e.starts_at, (e.status = 'resolved') desc) shown
     order by (status = 'firing') desc, starts_ms limit ${MAX_SHOWN}::int`;
  const shown = latestOccurrences(rows);
  const firing = shown.filter(({ status }) => status === 'firing');
  return {
    groupKey,
    incident,
    receiver: group.receiver,
    status: firing.length > 0 ? 'firing' : 'resolved',
    groupLabels: group.group_labels,
    externalUrl: group.external_url,
    truncatedAlerts: Number(group.truncated),
    alerts: shown.map(alertOf),
    joined: firing.filter(({ fresh }) => fresh).map(alertOf),
    reference: group.reference,
    holding:
      group.kind === null ? undefined : { kind: group.kind, owner: group.owner, untilMs: group.until_ms },
  };
}

/** Prometheus may forget since when an alert fires; then an older start of it never ends, and is not shown beside the newer one. */
function latestOccurrences(rows: readonly EventRow[]): readonly EventRow[] {
  const latest = new Map<string, number>();
  for (const { fingerprint, starts_ms } of rows)
    latest.set(fingerprint, Math.max(starts_ms, latest.get(fingerprint) ?? starts_ms));
  return rows.filter((row) => row.status === 'resolved' || row.starts_ms === latest.get(row.fingerprint));
}

function alertOf(row: EventRow): Alert {
  return {
    status: row.status,
    fingerprint: row.fingerprint,
    labels: row.labels,
    annotations: row.annotations,
    startsAtMs: row.starts_ms,
    endsAtMs: row.ends_ms ?? undefined,
    generatorUrl: row.generator_url,
  };
}

/** Where the message of this group lies in this chat, if it was sent. */
export async function loadThread(
  sql: postgres.Sql,
  target: Target,
  groupKey: string,
): Promise<Thread | undefined> {
  const [row] = await sql<{ incident: string; address: string; message_ids: readonly string[] }[]>`
    select incident::text, address, message_ids from flowgauge.notification_threads
     where channel = ${target.channel} and chat = ${target.chat} and thread = ${target.thread}::bigint
       and group_key = ${groupKey}`;
  if (row === undefined) return undefined;
  return { incident: Number(row.incident), address: row.address, messageIds: row.message_ids };
}

/** Notes where part `part` of the group's message lies now. */
export async function storeThread(
  sql: postgres.Sql,
  target: Target,
  groupKey: string,
  incident: number,
  address: string,
  messageIds: readonly string[],
): Promise<void> {
  await sql`
    insert into flowgauge.notification_threads
           (channel, chat, thread, group_key, incident, address, message_ids, updated_at)
    values (${target.channel}, ${target.chat}, ${target.thread}::bigint, ${groupKey}, ${incident}::int, ${address},
            ${JSON.stringify(messageIds)}::text::jsonb, clock_timestamp())
        on conflict (channel, chat, thread, group_key) do update
       set incident = excluded.incident, address = excluded.address, message_ids = excluded.message_ids,
           updated_at = excluded.updated_at`;
}
