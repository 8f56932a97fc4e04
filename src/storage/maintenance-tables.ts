/** Owns the statements that make the tables of planned work: the silences that are wanted, and who called an alert resolved. */

/** The first shape of these tables; never edited after a release, a correction is a further step. */
export const MAINTENANCE_TABLES: readonly string[] = [
  // What is wanted; Alertmanager is brought to it, and brought back to it after it has lost its own memory.
  `create table flowgauge.maintenance_wishes (
     id bigint generated always as identity primary key, tag text not null unique,
     kind text not null check (kind in ('maintenance', 'window', 'resolve')), name text not null,
     matchers jsonb not null, matchers_key text not null, owner text not null, reason text not null,
     channel text, chat text, thread bigint not null default 0, starts_at timestamptz not null,
     until timestamptz not null check (isfinite(until)), silence_id text, held_until timestamptz,
     announced_at timestamptz, absent_since timestamptz, cancelled_by text, ended_at timestamptz, end_reason text)`,
  // Asking twice for the same quiet changes the wish that is there.
  `create unique index maintenance_wishes_open on flowgauge.maintenance_wishes (kind, matchers_key)
     where kind <> 'window' and ended_at is null and cancelled_by is null`,
  'create index maintenance_wishes_by_end on flowgauge.maintenance_wishes (ended_at)',
  `insert into flowgauge.maintenance_wishes
          (tag, kind, name, matchers, matchers_key, owner, reason, channel, chat, thread, starts_at, until,
           silence_id, announced_at)
   select tag, 'maintenance', 'manual', matchers, tag, owner, '', 'telegram', chat, thread, starts_at, until,
          silence_id, starts_at
     from flowgauge.chat_silences where kind = 'maintenance' and ended_at is null`,
  `update flowgauge.chat_silences set ended_at = clock_timestamp(), end_reason = 'kept as planned work'
    where kind = 'maintenance' and ended_at is null`,
  // Null: Alertmanager said so.
  'alter table flowgauge.alert_events add column resolved_by text',
];
