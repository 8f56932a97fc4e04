/** Owns the taking in of alerts: events, their account and the messages about them are stored together or not at all. */
import type postgres from 'postgres';
import {
  type Alert,
  type AlertBatch,
  type AlertStatus,
  alertName,
  severities,
  severityOf,
} from '../alerts/alert.js';
import { arrayText } from '../storage/array-text.js';
import type { Database } from '../storage/database.js';
import { type PlacedAlert, placeAlerts } from './occurrences.js';
import type { Target } from './target.js';

/** The handler has five seconds, Alertmanager ten. */
const INTAKE_DEADLINE_MS = 4_000;
/** A mailbox or a room would get one more message each minute. */
const NEVER_EDITED: ReadonlySet<string> = new Set(['email', 'slack']);

/** What the intake needs to know beside the batch. */
export interface IntakeOptions {
  readonly targets: readonly Target[];
  /** How long a message may be tried before it is a dead letter, in milliseconds. */
  readonly ttlMs: number;
  /** Name of the alert that always fires, as a sign of life. */
  readonly watchdog: string;
  readonly requestId: string | undefined;
  /** `performance.now()` when the batch arrived. */
  readonly arrivedMs: number;
}

/** What was stored. */
export interface IntakeReport {
  /** Events that were new. */
  readonly stored: readonly {
    readonly alertname: string;
    readonly status: AlertStatus;
    readonly severity: string;
    /** From start to end, for one that has ended. */
    readonly lastedSeconds: number | undefined;
  }[];
  /** Events that were known already: Alertmanager repeated them, or a replica of it sent them too. */
  readonly repeats: number;
  /** Whether the sign of life was among the alerts. */
  readonly alive: boolean;
}

interface StoredEvent {
  readonly id: string;
  readonly alertname: string;
  readonly status: AlertStatus;
  readonly fresh: boolean;
  readonly severity: string;
  readonly lasted: number | null;
}

/**
 * Stores a batch in one transaction. An event is known by group, fingerprint, status and start, whoever sends it and
 * however often; one that fires again after its end is a new occurrence, also with the start that it had. Rejects with
 * the database's errors; then nothing is stored, or all of it and a repeat is harmless.
 */
export async function takeIn(db: Database, batch: AlertBatch, options: IntakeOptions): Promise<IntakeReport> {
  return db.transaction('store alerts', INTAKE_DEADLINE_MS, {}, async (sql) => {
    const group = await lockGroup(sql, batch);
    // Whoever reads the firing alerts beforehand may be overtaken: an end is ours to tell while it fires by this row.
    const isToldOf = (alert: Alert) => batch.own === undefined || group.firing.includes(alert.fingerprint);
    const alerts = batch.alerts.filter(isToldOf);
    const placed = await placeAlerts(sql, batch.groupKey, alerts, group.firing, options.arrivedMs);
    const isNew = group.begins && beginsIncident(placed);
    const incident = isNew ? group.incident + 1 : group.incident;
    const events = await storeEvents(sql, batch, placed, incident, options.requestId);
    const fresh = events.filter((event) => event.fresh);
    const begins = isNew && fresh.some(({ status }) => status === 'firing');
    await updateGroup(sql, batch, placed, begins ? incident : group.incident, group.firing);
    const alive = batch.alerts.some((a) => alertName(a) === options.watchdog && a.status === 'firing');
    if (alive) await noteWatchdog(sql, options.watchdog);
    const plain = fresh.filter((event) => event.alertname !== options.watchdog);
    const signs = fresh.filter((event) => event.alertname === options.watchdog);
    for (const target of options.targets) {
      await ensureChat(sql, target);
      if (plain.length > 0)
        await queue(sql, target, 'group', batch, begins ? incident : group.incident, plain, options);
      // Each sign of life is shown where a message can be edited, a repeated one too: it says when the last one came.
      if ((alive && !NEVER_EDITED.has(target.channel)) || signs.length > 0)
        await queue(sql, target, 'watchdog', batch, 0, signs, options);
    }
    const stored = fresh.map(({ alertname, status, severity, lasted }) => {
      return { alertname, status, severity, lastedSeconds: lasted ?? undefined };
    });
    return { stored, repeats: events.length - fresh.length, alive };
  });
}

/** What ends, and what was said late, belongs to the incident that the store knows it by. */
function beginsIncident(placed: readonly PlacedAlert[]): boolean {
  if (placed.some(({ isLate }) => isLate)) return false;
  return placed.some(({ alert }) => alert.status === 'firing') || !placed.some(({ isKnown }) => isKnown);
}

interface LockedGroup {
  readonly incident: number;
  readonly firing: readonly string[];
  /** Whether firing alerts of this batch are a new incident, with a message of its own. */
  readonly begins: boolean;
}

async function lockGroup(sql: postgres.Sql, batch: AlertBatch): Promise<LockedGroup> {
  const [row] = await sql<{ incident: string; firing: string[]; unsent: boolean }[]>`
    insert into flowgauge.alert_groups as g (group_key, receiver, group_labels, external_url)
    values (${batch.groupKey}, ${batch.receiver}, ${json(batch.groupLabels)}::text::jsonb, ${batch.externalUrl})
        on conflict (group_key) do update
       set receiver = excluded.receiver, group_labels = excluded.group_labels,
           external_url = excluded.external_url, updated_at = clock_timestamp()
    returning incident, to_json(firing) as firing,
              exists (select from flowgauge.notification_messages m
                       where m.group_key = g.group_key and m.kind = 'group' and m.state in ('queued', 'sending')) as unsent`;
  const { incident, firing, unsent } = row!;
  // While messages wait, a new firing belongs to the incident they tell of: nothing of it may be left out.
  return { incident: Number(incident), firing, begins: firing.length === 0 && !unsent };
}

async function storeEvents(
  sql: postgres.Sql,
  batch: AlertBatch,
  placed: readonly PlacedAlert[],
  incident: number,
  requestId: string | undefined,
): Promise<readonly StoredEvent[]> {
  // One statement may not meet the same row twice.
  const once = new Map(
    placed.map((one) => [JSON.stringify([one.alert.fingerprint, one.alert.status, one.startsAtMs]), one]),
  );
  const rows = [...once.values()].map((one) => eventRow(one));
  if (rows.length === 0) return [];
  return sql<StoredEvent[]>`
    insert into flowgauge.alert_events as e
           (group_key, incident, fingerprint, status, starts_at, ends_at, alertname, severity, receiver, labels,
            annotations, generator_url, request_id, sent_starts_at, resolved_by)
    select ${batch.groupKey}, ${incident}::int, fingerprint, status, to_timestamp(starts_ms / 1000.0),
           to_timestamp(ends_ms / 1000.0), alertname, severity, ${batch.receiver}, labels, annotations,
           generator_url, ${requestId ?? null}::text, to_timestamp(sent_ms / 1000.0),
           ${batch.own?.resolvedBy ?? null}::text
      from jsonb_to_recordset(${json(rows)}::text::jsonb) as r(fingerprint text, status text, starts_ms float8,
           sent_ms float8, ends_ms float8, alertname text, severity text, labels jsonb, annotations jsonb,
           generator_url text)
        on conflict (group_key, fingerprint, status, starts_at) do update set repeats = e.repeats + 1
    returning id::text, alertname, status, severity, (xmax = 0) as fresh,
              case when status = 'resolved'
                   then greatest(0, extract(epoch from ends_at - starts_at))::float8 end as lasted`;
}

function eventRow({ alert, startsAtMs, sentMs }: PlacedAlert): Record<string, unknown> {
  return {
    fingerprint: alert.fingerprint,
    status: alert.status,
    starts_ms: startsAtMs,
    sent_ms: sentMs === startsAtMs ? null : sentMs,
    ends_ms: alert.endsAtMs ?? null,
    alertname: alertName(alert),
    severity: severityOf(alert),
    labels: alert.labels,
    annotations: alert.annotations,
    generator_url: alert.generatorUrl,
  };
}

async function updateGroup(
  sql: postgres.Sql,
  batch: AlertBatch,
  placed: readonly PlacedAlert[],
  incident: number,
  was: readonly string[],
): Promise<void> {
  const truncated = batch.own === undefined ? batch.truncatedAlerts : null;
  await sql`
    update flowgauge.alert_groups
       set incident = ${incident}::int, truncated = coalesce(${truncated}::int, truncated),
           firing = ${arrayText([...new Set(firingAfter(batch, placed, was))])}::text::text[]
     where group_key = ${batch.groupKey}`;
}

function firingAfter(
  batch: AlertBatch,
  placed: readonly PlacedAlert[],
  was: readonly string[],
): readonly string[] {
  const said = (status: AlertStatus, isLate: boolean) =>
    placed
      .filter((one) => one.alert.status === status && one.isLate === isLate)
      .map(({ alert }) => alert.fingerprint);
  if (batch.own !== undefined) {
    const ended = new Set(said('resolved', false));
    return was.filter((fingerprint) => !ended.has(fingerprint));
  }
  const lateEnds = new Set(said('resolved', true));
  const now = [...said('firing', false), ...was.filter((fingerprint) => lateEnds.has(fingerprint))];
  // A cut batch does not say of the alerts it left out that they have ended.
  return batch.truncatedAlerts > 0 && batch.status === 'firing' ? [...was, ...now] : now;
}

async function noteWatchdog(sql: postgres.Sql, name: string): Promise<void> {
  await sql`
    insert into flowgauge.notification_watchdog (name, last_at) values (${name}, clock_timestamp())
        on conflict (name) do update set last_at = excluded.last_at`;
}

/** Makes the rows that sending to this chat is claimed by. */
export async function ensureChat(sql: postgres.Sql, { channel, chat }: Target): Promise<void> {
  await sql`insert into flowgauge.notification_channels (channel) values (${channel}) on conflict do nothing`;
  await sql`insert into flowgauge.notification_chats (channel, chat, address) values (${channel}, ${chat}, ${chat})
                on conflict do nothing`;
}

async function queue(
  sql: postgres.Sql,
  target: Target,
  kind: 'group' | 'watchdog',
  batch: AlertBatch,
  incident: number,
  events: readonly StoredEvent[],
  { ttlMs, requestId }: IntakeOptions,
): Promise<void> {
  const { channel, chat, thread } = target;
  const key = kind === 'watchdog' ? 'watchdog' : batch.groupKey;
  // Signs of life stand behind everything that somebody must act on.
  const rank = kind === 'watchdog' ? severities.length : rankOf(batch.alerts);
  const [row] = await sql<{ id: string }[]>`
    insert into flowgauge.notification_messages as m
           (channel, chat, thread, kind, group_key, incident, rank, expires_at, request_id)
    values (${channel}, ${chat}, ${thread}::bigint, ${kind}, ${key}, ${incident}::int, ${rank}::int,
            clock_timestamp() + make_interval(secs => ${ttlMs / 1000}::float8), ${requestId ?? null}::text)
        on conflict (channel, chat, thread, kind, group_key) where state = 'queued' and parts is null
        do update set rank = least(m.rank, excluded.rank), incident = greatest(m.incident, excluded.incident),
                      expires_at = greatest(m.expires_at, excluded.expires_at)
    returning id::text`;
  if (events.length === 0) return;
  await sql`
    insert into flowgauge.notification_deliveries (event_id, channel, chat, thread, message_id)
    select id, ${channel}, ${chat}, ${thread}::bigint, ${row!.id}::text::bigint
      from unnest(${arrayText(events.map((event) => event.id))}::text::bigint[]) as id
        on conflict do nothing`;
}

function rankOf(alerts: readonly Alert[]): number {
  return Math.min(...alerts.map((alert) => severities.indexOf(severityOf(alert))));
}

function json(value: unknown): string {
  return JSON.stringify(value);
}
