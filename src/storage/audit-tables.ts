/** Owns the statements that make the record of administration: it only grows, until its rows are old. */

/** The first shape of these tables; never edited after a release, a correction is a further step. */
export const AUDIT_TABLES: readonly string[] = [
  `create table flowgauge.admin_audit (
     id bigint generated always as identity primary key, at timestamptz not null default clock_timestamp(),
     caller text not null, remote text not null, method text not null, route text not null,
     phase text not null check (phase in ('denied', 'begun', 'done', 'failed')),
     reason text, request_id text, idempotency_key text, detail jsonb not null default '{}')`,
  'create index admin_audit_by_time on flowgauge.admin_audit (at)',
  // Against a slip and a curious program; the owner of the database can do everything.
  `create function flowgauge.admin_audit_grows() returns trigger language plpgsql as $$
   begin
     if tg_op = 'DELETE' and old.at < clock_timestamp() - interval '30 days' then return old; end if;
     raise exception 'flowgauge.admin_audit only grows' using errcode = '42501';
   end $$`,
  `create trigger admin_audit_grows before update or delete on flowgauge.admin_audit
     for each row execute function flowgauge.admin_audit_grows()`,
  `create table flowgauge.admin_keys (
     caller text not null, key text not null, request text not null, answer jsonb,
     at timestamptz not null default clock_timestamp(), primary key (caller, key))`,
];
