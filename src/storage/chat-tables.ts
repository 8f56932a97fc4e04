/** Owns the statements that make the tables of what people do in a chat: updates read, actions, silences. */

/** The first shape of these tables; never edited after a release, a correction is a further step. */
export const CHAT_TABLES: readonly string[] = [
  // A short number for a group: a button can carry 64 bytes, and labels have no place in it.
  'alter table flowgauge.alert_groups add column reference bigint generated always as identity',
  'create unique index alert_groups_by_reference on flowgauge.alert_groups (reference)',
  `create table flowgauge.chat_updates (
     bot text primary key, next_update bigint not null, stored_at timestamptz not null default clock_timestamp())
     with (fillfactor = 50)`,
  // The audit: a row before anything is done, so that an action without a trace cannot happen. Never twice per update.
  `create table flowgauge.chat_actions (
     id bigint generated always as identity primary key, bot text not null, update_id bigint not null,
     at timestamptz not null default clock_timestamp(), chat text not null, user_id text not null,
     user_name text not null, action text not null, subject text not null,
     outcome text not null default 'begun' check (outcome in ('begun', 'done', 'pending', 'refused', 'failed')),
     detail text, finished_at timestamptz, unique (bot, update_id))`,
  'create index chat_actions_by_time on flowgauge.chat_actions (at)',
  // What is wanted; Alertmanager is brought to it, and brought back to it after it has lost its own memory.
  `create table flowgauge.chat_silences (
     id bigint generated always as identity primary key, tag text not null unique,
     kind text not null check (kind in ('take', 'silence', 'maintenance')), group_key text, incident bigint,
     matchers jsonb not null, owner text not null, chat text not null, thread bigint not null default 0,
     severity text not null, title text not null, starts_at timestamptz not null, until timestamptz not null,
     silence_id text, absent_since timestamptz, ended_at timestamptz, end_reason text)`,
  // One owner per group: whoever presses later changes the silence that is there.
  `create unique index chat_silences_open on flowgauge.chat_silences (group_key)
     where ended_at is null and group_key is not null`,
  'create index chat_silences_by_end on flowgauge.chat_silences (ended_at)',
];
