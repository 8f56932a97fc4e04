/** Owns the statements that let an alert occur again with the start that it had before. */

/** The first shape of these columns; never edited after a release, a correction is a further step. */
export const OCCURRENCE_TABLES: readonly string[] = [
  // The start that Alertmanager said, where the event's own is another: it ended, and came back with its old start.
  'alter table flowgauge.alert_events add column sent_starts_at timestamptz',
];
