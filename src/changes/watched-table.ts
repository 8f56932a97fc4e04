/** Owns what a flow is before the catalog was asked. */
import type { CaptureMode, Flow } from '../flows/flow.js';

/** A flow as configured: what is undefined is looked up in the catalog. */
export interface WatchedTable extends Omit<Flow, 'statuses' | 'reason'> {
  readonly statuses: readonly string[] | undefined;
  readonly reason: { readonly column: string; readonly values: readonly string[] | undefined } | undefined;
  readonly capture: 'auto' | CaptureMode;
}
