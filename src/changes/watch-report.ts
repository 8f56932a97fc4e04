/** Owns the words in which the reader of a flow says what happened: results of its steps, gaps and their reasons. */

/** Why counts had to be repaired from the table, or changes are known to be missing. */
export const GAP_REASONS = [
  'capture_fault',
  'truncated',
  'drift',
  'broken_chain',
  'source_went_back',
  'mode_changed',
] as const;
export type GapReason = (typeof GAP_REASONS)[number];

/** What the watcher tells; `serve` turns it into log lines. */
export type WatcherEvent =
  | { readonly kind: 'baseline'; readonly flow: string; readonly items: number }
  | {
      readonly kind: 'gap';
      readonly flow: string;
      readonly reason: GapReason;
      readonly added: number;
      readonly removed: number;
      readonly moved: number;
    }
  | { readonly kind: 'unexpected'; readonly flow: string; readonly moves: number; readonly unknown: number };

/** `more`: changes are known to wait. `worked`: some were folded and none is known to wait. `idle`: there were none. */
export type StepResult = 'more' | 'worked' | 'idle';

/** Result of an audit: rows in the table minus items we account for, per status label. */
export interface AuditResult {
  readonly drift: ReadonlyMap<string, number>;
  readonly oldestUpdateUs: ReadonlyMap<string, number>;
  readonly repaired: boolean;
}
