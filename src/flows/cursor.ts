/** Owns the position of a reader in the changes of a flow. */

/**
 * Where a reader stands. Everything that the snapshot `seen` could see is folded. While `upto` is there, the changes
 * that became visible between the two snapshots are being read in the order of `id`, and are folded up to `id`.
 * Snapshots are PostgreSQL's `pg_snapshot` as text. `pollAtUs` is the mark of the polling mode.
 */
export interface Cursor {
  readonly seen: string;
  readonly upto: string | undefined;
  readonly id: bigint;
  readonly pollAtUs: number | undefined;
}
