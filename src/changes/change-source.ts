/** Owns the port between a watched table and the fold: a cursor, pages of changes, and a baseline. */
import type { Cursor } from '../flows/cursor.js';
import type { OrderedChange } from '../flows/tracker.js';

/** A page of changes in fold order, and where the reader stands once they are stored. */
export interface Page {
  readonly changes: readonly OrderedChange[];
  readonly next: Cursor;
  /** True when more is known to wait: read again at once. */
  readonly more: boolean;
  /** Moments at which the whole table was emptied, seen in this page: time to audit. */
  readonly truncated: number;
  /** What the source may forget once `next` is stored. */
  readonly receipts: readonly string[];
}

/** What the source still holds for us; `oldestAgeSeconds` and `entries` are 0 when nothing waits. */
export interface Backlog {
  readonly oldestAgeSeconds: number;
  readonly entries: number;
  /** Counter of captures that failed inside the application's statements, since installation. */
  readonly faults: number;
}

/** One row of the table at baseline. */
export interface BaselineRow {
  readonly key: string;
  readonly status: string;
  readonly enteredUs: number;
  readonly known: boolean;
}

/**
 * Takes what one snapshot of the source shows: first the changes beyond the cursor that the snapshot already contains,
 * in any number of calls, which must be counted before the rows replace what is known, then the rows.
 */
export interface BaselineSink {
  unread(changes: readonly OrderedChange[]): Promise<void>;
  rows(rows: readonly BaselineRow[]): Promise<void>;
}

/** What one snapshot of the source holds: the rows of the table, and the changes that are not folded yet. */
export interface Census {
  readonly table: ReadonlyMap<string, number>;
  /** Net items per raw status of the changes not folded yet, where the source can tell. */
  readonly pending: ReadonlyMap<string, number>;
  /** Changes not folded yet whose effect only the fold can tell; undefined when they are too many to compare now. */
  readonly unread: readonly OrderedChange[] | undefined;
  /** Oldest `updatedAt` per status, microseconds, where the flow has such a column. */
  readonly oldestUpdateUs: ReadonlyMap<string, number>;
}

/**
 * A watched table. Promises, each with a test of the same words:
 * - read never returns a change twice for cursors that were stored, and never skips one that is committed (polling
 *   returns a row again while others may still commit late: folding it again changes nothing);
 * - changes of one item come in commit order;
 * - discard and sweep remove only what the stored cursor covers;
 * - baseline and the cursor it returns meet without a gap and without an overlap.
 */
export interface ChangeSource {
  read(cursor: Cursor, limit: number, signal: AbortSignal): Promise<Page>;
  discard(page: Page): Promise<void>;
  /** Removes what an earlier process stored but did not live to discard. */
  sweep(cursor: Cursor): Promise<void>;
  backlog(): Promise<Backlog>;
  /** Streams the table in one snapshot to `sink`; resolves with the cursor at that snapshot. */
  baseline(read: Cursor | undefined, sink: BaselineSink, signal: AbortSignal): Promise<Cursor>;
  census(cursor: Cursor): Promise<Census>;
}
