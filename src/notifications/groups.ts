/** Owns what the store knows of a group when a message about it is written: its alerts, and where its message lies. */
import type postgres from 'postgres';
import type { Alert, AlertBatch, AlertStatus } from '../alerts/alert.js';
import { arrayText } from '../storage/array-text.js';
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

interface GroupRow {
  readonly message_id: string;
  readonly group_key: string;
  readonly incident: string;
  readonly receiver: string;
  readonly group_labels: Readonly<Record<string, string>>;
  readonly external_url: string;
  readonly truncated: string;
  readonly reference: string;
  readonly kind: Holding['kind'] | null;
  readonly owner: string;
  readonly until_ms: number;
}

interface EventRow {
  readonly message_id: string;
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
 * The groups of these messages by the message's id: every occurrence that has ended, that still fires, or that the
 * message was queued for. One that Alertmanager no longer names (it was silenced) is left out once it was told. Two
 * questions for any number of messages: their answers must arrive within the time of one claim.
 */
export async function loadGroups(
  sql: postgres.Sql,
  messageIds: readonly string[],
): Promise<ReadonlyMap<string, GroupContent>> {
  const ids = arrayText(messageIds);
  const groups = await sql<GroupRow[]>`
    select m.id::text as message_id, m.group_key, m.incident::text, g.receiver, g.group_labels, g.external_url,
           g.truncated::text, g.reference::text, s.kind, s.owner, (extract(epoch from s.until) * 1000)::float8 as until_ms
      from flowgauge.notification_messages m
      join flowgauge.alert_groups g on g.group_key = m.group_key
      left join flowgauge.chat_silences s on s.group_key = g.group_key and s.ended_at is null
     where m.id = any(${ids}::text::bigint[])`;
  const events = await sql<EventRow[]>`
    select * from (
      select known.*, row_number() over (
               partition by message_id order by (status = 'firing') desc, starts_ms) as place from (
        select distinct on (m.id, e.fingerprint, e.starts_at) m.id::text as message_id, e.fingerprint, e.status,
               (extract(epoch from e.starts_at) * 1000)::float8 as starts_ms,
               (extract(epoch from e.ends_at) * 1000)::float8 as ends_ms, e.labels, e.annotations, e.generator_url,
               d.event_id is not null as fresh
          from flowgauge.notification_messages m
          join flowgauge.alert_groups g on g.group_key = m.group_key
          join flowgauge.alert_events e on e.group_key = m.group_key and e.incident = m.incident
          left join lateral (
            select d.event_id from flowgauge.notification_deliveries d
             where d.event_id = e.id and d.message_id = m.id limit 1) d on true
         where m.id = any(${ids}::text::bigint[])
           and (e.status = 'resolved' or e.fingerprint = any(g.firing) or d.event_id is not null)
         order by m.id, e.fingerprint, e.starts_at, (e.status = 'resolved') desc) known) placed
     where place <= ${MAX_SHOWN}::int order by message_id, place`;
  const shown = new Map<string, EventRow[]>(groups.map((row) => [row.message_id, []]));
  for (const event of events) shown.get(event.message_id)?.push(event);
  return new Map(groups.map((row) => [row.message_id, contentOf(row, shown.get(row.message_id)!)]));
}

function contentOf(row: GroupRow, events: readonly EventRow[]): GroupContent {
  const shown = latestOccurrences(events);
  const firing = shown.filter(({ status }) => status === 'firing');
  return {
    groupKey: row.group_key,
    incident: Number(row.incident),
    receiver: row.receiver,
    status: firing.length > 0 ? 'firing' : 'resolved',
    groupLabels: row.group_labels,
    externalUrl: row.external_url,
    truncatedAlerts: Number(row.truncated),
    alerts: shown.map(alertOf),
    joined: firing.filter(({ fresh }) => fresh).map(alertOf),
    reference: row.reference,
    holding: row.kind === null ? undefined : { kind: row.kind, owner: row.owner, untilMs: row.until_ms },
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

/** Where the messages of these messages' groups lie in their chats, by the message's id; left out where none was sent. */
export async function loadThreads(
  sql: postgres.Sql,
  messageIds: readonly string[],
): Promise<ReadonlyMap<string, Thread>> {
  const rows = await sql<
    { id: string; incident: string; address: string; message_ids: readonly string[] }[]
  >`select m.id::text, t.incident::text, t.address, t.message_ids
      from flowgauge.notification_messages m
      join flowgauge.notification_threads t
        on t.channel = m.channel and t.chat = m.chat and t.thread = m.thread and t.group_key = m.group_key
     where m.id = any(${arrayText(messageIds)}::text::bigint[])`;
  return new Map(
    rows.map(({ id, incident, address, message_ids }) => [
      id,
      { incident: Number(incident), address, messageIds: message_ids },
    ]),
  );
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
