/** Owns the statements that make the totals per day, and the moment since when they are counted. */

/** The first shape of these tables; never edited after a release, a correction is a further step. */
export const DAY_TABLES: readonly string[] = [
  // As with the other totals: today's rows change several times a second, and must find room on their page.
  `create table flowgauge.flow_days (
     flow text not null, day date not null, from_status text not null, to_status text not null,
     moves bigint not null check (moves >= 0), primary key (flow, day, from_status, to_status))
     with (fillfactor = 50, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0,
       autovacuum_analyze_threshold = 5000, autovacuum_vacuum_cost_delay = 0)`,
  'alter table flowgauge.flow_state add column counted_since timestamptz',
  // A flow that was counted before this step has totals, but none of them by day.
  'update flowgauge.flow_state set counted_since = now() where baseline_at is not null',
];
