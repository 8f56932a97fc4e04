/** Owns the words of a flow: what is watched, what a move is, and how a column's text becomes a status. */

/** Label value of "not in the table": an insert moves from it, a delete moves to it. */
export const NONE = 'none';
/** Label value that every status outside the declared set is folded into. */
export const OTHER = 'other';

/** How changes of a flow are captured. `journal` is exact, `poll` sees states at poll time, `snapshot` only counts. */
export const CAPTURE_MODES = ['journal', 'poll', 'snapshot'] as const;
export type CaptureMode = (typeof CAPTURE_MODES)[number];

export const LIMIT_SEVERITIES = ['warning', 'critical'] as const;
export type LimitSeverity = (typeof LIMIT_SEVERITIES)[number];

/** One watched table, after validation. Names are raw (unquoted) identifiers that exist in the source's catalog. */
export interface Flow {
  readonly name: string;
  readonly table: { readonly schema: string; readonly name: string };
  /** Columns that identify an item; several are allowed. */
  readonly key: readonly string[];
  readonly status: string;
  readonly createdAt: string | undefined;
  readonly updatedAt: string | undefined;
  /** Column with the moment of the last move; without it the source's clock at the change is used. */
  readonly movedAt: string | undefined;
  /** `count`: writing the same status with a new `movedAt` is a move from the status to itself. */
  readonly repeats: 'ignore' | 'count';
  /** Declared statuses in the order of the life cycle, without NONE and OTHER. */
  readonly statuses: readonly string[];
  /** Expected moves as `from>to`; undefined means that every move is expected. Inserts and deletes are always expected. */
  readonly moves: ReadonlySet<string> | undefined;
  /** Longest expected time in a status, in milliseconds. */
  readonly limits: ReadonlyMap<string, Partial<Record<LimitSeverity, number>>>;
  readonly reason: { readonly column: string; readonly values: readonly string[] } | undefined;
}

/**
 * One observed change of one item. `from` is null for an insert, undefined when the observer saw only the
 * result (polling); `to` is null for a delete. `atUs` is the moment in microseconds since the epoch.
 */
export interface Change {
  readonly key: string;
  readonly from: string | null | undefined;
  readonly to: string | null;
  readonly reason: string | undefined;
  readonly atUs: number;
}

/** The status label of a raw column value: declared statuses as they are, everything else as OTHER. */
export function statusLabel(flow: Pick<Flow, 'statuses'>, raw: string): string {
  return flow.statuses.includes(raw) ? raw : OTHER;
}

/** All values the `status` label of a flow can take, overflow included. */
export function statusLabels(flow: Pick<Flow, 'statuses'>): readonly string[] {
  return [...flow.statuses, OTHER];
}

/** The limit that an item of this status reaches first, in milliseconds. */
export function tightestLimitMs(flow: Pick<Flow, 'limits'>, status: string): number | undefined {
  const limit = flow.limits.get(status);
  return limit?.warning ?? limit?.critical;
}
