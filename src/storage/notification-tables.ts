/** Owns the statements that make the tables of alerts and of messages to people. */

// Rows that change at each send: room on the page for in-place updates, and a vacuum that comes soon.
const BUSY =
  'with (fillfactor = 70, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0.02)';

/** The first shape of these tables; never edited after a release, a correction is a further step. */
export const NOTIFICATION_TABLES: readonly string[] = [
  // One row per group of Alertmanager; locked while one of its notifications is taken in.
  `create table flowgauge.alert_groups (
     group_key text primary key, receiver text not null, incident bigint not null default 1,
     firing text[] not null default '{}', truncated bigint not null default 0, group_labels jsonb not null,
     external_url text not null, updated_at timestamptz not null default clock_timestamp()) ${BUSY}`,
  `create table flowgauge.alert_events (
     id bigint generated always as identity primary key, group_key text not null, incident bigint not null,
     fingerprint text not null, status text not null check (status in ('firing', 'resolved')),
     starts_at timestamptz not null, ends_at timestamptz, alertname text not null, severity text not null,
     receiver text not null, labels jsonb not null, annotations jsonb not null, generator_url text not null,
     request_id text, received_at timestamptz not null default clock_timestamp(),
     repeats bigint not null default 0, acknowledged_at timestamptz, acknowledged_by text,
     unique (group_key, fingerprint, status, starts_at)) with (fillfactor = 90)`,
  'create index alert_events_by_incident on flowgauge.alert_events (group_key, incident)',
  'create index alert_events_by_time on flowgauge.alert_events (received_at)',
  `create table flowgauge.notification_channels (
     channel text primary key, next_at timestamptz not null default '-infinity',
     paused_until timestamptz not null default '-infinity', reason text) ${BUSY}`,
  // `claim` rises with each claim and is the fence of everything that its holder writes.
  `create table flowgauge.notification_chats (
     channel text not null, chat text not null, address text not null,
     next_at timestamptz not null default '-infinity', pacing jsonb not null default '{}',
     claim bigint not null default 0, holder text, lease_until timestamptz,
     primary key (channel, chat)) ${BUSY}`,
  `create table flowgauge.notification_messages (
     id bigint generated always as identity primary key, channel text not null, chat text not null,
     thread bigint not null default 0, kind text not null check (kind in ('group', 'watchdog', 'notice')),
     group_key text not null, incident bigint not null default 0, rank smallint not null,
     state text not null default 'queued' check (state in ('queued', 'sending', 'sent', 'dead')),
     due_at timestamptz not null default clock_timestamp(), queued_at timestamptz not null default clock_timestamp(),
     expires_at timestamptz not null, finished_at timestamptz, attempts integer not null default 0,
     redriven integer not null default 0, parts jsonb, parts_done integer not null default 0,
     body text, reason text, detail text, request_id text) ${BUSY}`,
  // One open row per group and chat: later changes of the group join it instead of queueing behind it.
  `create unique index notification_messages_open on flowgauge.notification_messages
     (channel, chat, thread, kind, group_key) where state = 'queued' and parts is null`,
  `create index notification_messages_due on flowgauge.notification_messages (channel, chat, rank, due_at)
     where state in ('queued', 'sending')`,
  `create index notification_messages_done on flowgauge.notification_messages (state, finished_at)
     where state in ('sent', 'dead')`,
  // The account: what became of each event in each chat.
  `create table flowgauge.notification_deliveries (
     event_id bigint not null references flowgauge.alert_events (id) on delete cascade, channel text not null,
     chat text not null, thread bigint not null default 0, message_id bigint not null,
     state text not null default 'queued' check (state in ('queued', 'sent', 'dead')), reason text,
     finished_at timestamptz, primary key (event_id, channel, chat, thread)) ${BUSY}`,
  'create index notification_deliveries_by_message on flowgauge.notification_deliveries (message_id)',
  // Where the message of a group lies in a chat, so that it is edited in place.
  `create table flowgauge.notification_threads (
     channel text not null, chat text not null, thread bigint not null default 0, group_key text not null,
     incident bigint not null, address text not null, message_ids jsonb not null, updated_at timestamptz not null,
     primary key (channel, chat, thread, group_key)) ${BUSY}`,
  `create table flowgauge.notification_watchdog (
     name text primary key, last_at timestamptz, told_at timestamptz, confirmed_at timestamptz) ${BUSY}`,
];
