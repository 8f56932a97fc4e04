/** Owns one watched flow while we lead: read a page, fold it, store it, let the source forget it; audit and repair. */
import { type CaptureMode, type Flow, NONE, statusLabel } from '../flows/flow.js';
import { fold, type Item } from '../flows/tracker.js';
import { storeBaseline } from '../storage/baseline-store.js';
import type { Database } from '../storage/database.js';
import { commitFold, type FlowState, loadItems, loadPopulation, loadState } from '../storage/flow-store.js';
import type { Backlog, Census, ChangeSource, Page } from './change-source.js';
import { SourceWentBackError } from './journal.js';

/** Moments at which crash tests end the process; each name is one place where half of the work is done. */
export const FAILPOINTS = [
  'after_read',
  'before_fold_commit',
  'after_fold_commit',
  'after_discard',
  'before_baseline_commit',
  'after_baseline_commit',
  'before_audit',
  'after_audit',
] as const;
export type Failpoint = (typeof FAILPOINTS)[number];

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

export interface WatcherOptions {
  readonly flow: Flow;
  readonly mode: Exclude<CaptureMode, 'snapshot'>;
  readonly source: ChangeSource;
  readonly store: Database;
  /** Upper bounds of the dwell-time buckets, seconds. */
  readonly boundsSeconds: readonly number[];
  /** Changes per page, 1 to 50,000. */
  readonly pageSize: number;
  readonly failpoint: (name: Failpoint) => void;
  readonly report: (event: WatcherEvent) => void;
}

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

/** One flow's reader. Calls must not overlap; every error leaves the stored state whole and makes the next call reload it. */
export class FlowWatcher {
  private state: FlowState | undefined;
  private swept = false;
  private driftedBefore = false;
  private auditWanted: GapReason | undefined;

  constructor(private readonly options: WatcherOptions) {}

  /** True when an event (a truncation, a broken chain) asks for an audit before its time. */
  get wantsAudit(): boolean {
    return this.auditWanted !== undefined;
  }

  /** Folds at most one page. */
  async step(signal: AbortSignal): Promise<StepResult> {
    return this.guarded(async () => {
      const state = await this.current(signal);
      const page = await this.options.source.read(state.cursor, this.options.pageSize, signal);
      this.options.failpoint('after_read');
      if (page.receipts.length === 0 && page.changes.length === 0) {
        this.state = { ...state, cursor: page.next };
        return page.more ? 'more' : 'idle';
      }
      await this.store(state, page);
      await this.options.source.discard(page);
      this.options.failpoint('after_discard');
      return page.more ? 'more' : 'worked';
    });
  }

  /** What still waits at the source; starts a repair when captures failed since we last looked. */
  async lookBehind(signal: AbortSignal): Promise<Backlog> {
    return this.guarded(async () => {
      const state = await this.current(signal);
      const backlog = await this.options.source.backlog();
      if (backlog.faults > state.faultsSeen)
        await this.repair(state, 'capture_fault', backlog.faults, signal);
      return backlog;
    });
  }

  /** Compares the table with what we account for, in one snapshot of the source, and repairs a difference. */
  async audit(signal: AbortSignal): Promise<AuditResult> {
    return this.guarded(async () => {
      const state = await this.current(signal);
      this.options.failpoint('before_audit');
      const population = await loadPopulation(this.options.store, this.options.flow.name);
      const census = await this.options.source.census(state.cursor);
      const drift = driftOf(this.options.flow, population, census);
      const reason = this.auditWanted ?? 'drift';
      this.auditWanted = undefined;
      const drifted = [...drift.values()].some((d) => d !== 0);
      // Polling has no common snapshot with its own reading: only a difference that stays is one.
      const repaired = drifted && (this.options.mode === 'journal' || this.driftedBefore);
      this.driftedBefore = drifted && !repaired;
      if (repaired) await this.repair(state, reason, state.faultsSeen, signal);
      this.options.failpoint('after_audit');
      return {
        drift,
        oldestUpdateUs: labelled(this.options.flow, census.oldestUpdateUs, Math.min),
        repaired,
      };
    });
  }

  private async guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const state = this.state;
      this.state = undefined;
      if (error instanceof SourceWentBackError && state !== undefined) {
        await this.repair(state, 'source_went_back', 0, new AbortController().signal);
      }
      throw error;
    }
  }

  private async current(signal: AbortSignal): Promise<FlowState> {
    if (this.state !== undefined) return this.state;
    const { flow, mode, source, store } = this.options;
    const stored = await loadState(store, flow.name);
    if (stored === undefined) {
      await this.baseline(undefined, undefined, await this.faultsNow(), signal);
    } else if (stored.mode !== mode) {
      await this.baseline(stored, 'mode_changed', await this.faultsNow(), signal);
    }
    this.state = await loadState(store, flow.name);
    if (this.state === undefined) throw new Error(`Flow ${flow.name} has no state after its baseline.`);
    if (!this.swept) {
      await source.sweep(this.state.cursor);
      this.swept = true;
    }
    return this.state;
  }

  private async faultsNow(): Promise<number> {
    return (await this.options.source.backlog()).faults;
  }

  private async store(state: FlowState, page: Page): Promise<void> {
    const { flow, store, boundsSeconds, failpoint, report } = this.options;
    const keys = [...new Set(page.changes.map((c) => c.key))];
    const items: Map<string, Item> = keys.length === 0 ? new Map() : await loadItems(store, flow.name, keys);
    const delta = fold(flow, items, page.changes, boundsSeconds);
    const isGap = delta.broken > 0 && this.options.mode === 'journal';
    const facts = {
      next: page.next,
      gaps: isGap ? 1 : 0,
      gapReason: isGap ? 'broken_chain' : undefined,
      faultsSeen: state.faultsSeen,
    };
    await commitFold(store, flow.name, state.version, delta, facts, boundsSeconds, () =>
      failpoint('before_fold_commit'),
    );
    failpoint('after_fold_commit');
    this.state = { ...state, version: state.version + 1n, cursor: page.next };
    if (isGap) this.auditWanted = 'broken_chain';
    if (page.truncated > 0) this.auditWanted = 'truncated';
    if (delta.unexpected > 0 || delta.unknown > 0) {
      report({ kind: 'unexpected', flow: flow.name, moves: delta.unexpected, unknown: delta.unknown });
    }
  }

  private async repair(
    state: FlowState,
    reason: GapReason,
    faults: number,
    signal: AbortSignal,
  ): Promise<void> {
    await this.baseline(state, reason, faults, signal);
    this.state = undefined;
  }

  private async baseline(
    known: FlowState | undefined,
    reason: GapReason | undefined,
    faultsSeen: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { flow, mode, source, store, boundsSeconds, failpoint, report } = this.options;
    const cause = { expectedVersion: known?.version, mode, gapReason: reason, faultsSeen };
    // Changes beyond a cursor of another mode, or of another server, are not ours to count.
    const read =
      known !== undefined && reason !== 'mode_changed' && reason !== 'source_went_back'
        ? known.cursor
        : undefined;
    const difference = await storeBaseline(
      store,
      flow,
      cause,
      boundsSeconds,
      (intake) =>
        source.baseline(
          read,
          {
            unread: intake.count,
            rows: (rows) => intake.take(rows.map((r) => ({ ...r, status: statusLabel(flow, r.status) }))),
          },
          signal,
        ),
      () => failpoint('before_baseline_commit'),
    );
    failpoint('after_baseline_commit');
    this.swept = false;
    if (reason === undefined) report({ kind: 'baseline', flow: flow.name, items: difference.added });
    else report({ kind: 'gap', flow: flow.name, reason, ...difference });
  }
}

/** Rows minus (items + what waits), per label. Every declared status is present, zero included. */
export function driftOf(
  flow: Flow,
  population: ReadonlyMap<string, number>,
  census: Pick<Census, 'table' | 'pending'>,
): Map<string, number> {
  const sum = (a: number, b: number) => a + b;
  const rows = labelled(flow, census.table, sum);
  const pending = labelled(flow, census.pending, sum);
  const drift = new Map<string, number>();
  const labels = new Set([...flow.statuses, ...rows.keys(), ...pending.keys(), ...population.keys()]);
  labels.delete(NONE);
  for (const label of labels) {
    drift.set(label, (rows.get(label) ?? 0) - (population.get(label) ?? 0) - (pending.get(label) ?? 0));
  }
  return drift;
}

function labelled(
  flow: Flow,
  raw: ReadonlyMap<string, number>,
  join: (a: number, b: number) => number,
): Map<string, number> {
  const result = new Map<string, number>();
  for (const [status, value] of raw) {
    const label = statusLabel(flow, status);
    const before = result.get(label);
    result.set(label, before === undefined ? value : join(before, value));
  }
  return result;
}
