/** Owns one watched flow while we lead: read a page, fold it, store it, let the source forget it; audit and repair. */
import { type CaptureMode, type Flow, statusLabel } from '../flows/flow.js';
import { type FoldDelta, fold, type OrderedChange } from '../flows/tracker.js';
import {
  type BaselineDifference,
  type BaselineIntake,
  type BaselineItem,
  storeBaseline,
} from '../storage/baseline-store.js';
import type { Database } from '../storage/database.js';
import { commitFold, type FlowState, loadItems, loadPopulation, loadState } from '../storage/flow-store.js';
import type { Backlog, BaselineRow, Census, ChangeSource, Page } from './change-source.js';
import { byLabel, driftOf } from './drift.js';
import { SourceWentBackError } from './journal.js';
import type { Turns } from './turns.js';
import type { AuditResult, GapReason, StepResult, WatcherEvent } from './watch-report.js';

/** A page may grow to this many rows to hold a statement together with the moves that triggers nested in it. */
const LARGEST_PAGE = 100_000;

/** How long steps may be silent that take longer than one call: each is a little more than what their calls may take. */
const STORE_MS = 45_000;
const CENSUS_MS = 75_000;
/** Between two batches of a table's rows. */
const BATCH_MS = 150_000;
/** Comparing a whole table with what is stored is one statement. */
const BASELINE_MS = 35 * 60_000;

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

export interface WatcherOptions {
  readonly flow: Flow;
  readonly mode: Exclude<CaptureMode, 'snapshot'>;
  readonly source: ChangeSource;
  readonly store: Database;
  /** Upper bounds of the dwell-time buckets, seconds. */
  readonly boundsSeconds: readonly number[];
  /** Changes per page, 1 to 50,000. */
  readonly pageSize: number;
  /** Shared with the other flows of the process. */
  readonly scans: Turns;
  readonly failpoint: (name: Failpoint) => void;
  readonly report: (event: WatcherEvent) => void;
}

/** One flow's reader. Calls must not overlap; every error leaves the stored state whole and makes the next call reload it. */
export class FlowWatcher {
  private state: FlowState | undefined;
  private swept = false;
  private driftedBefore = false;
  private auditWanted: GapReason | undefined;
  /** The gap behind `auditWanted` is stored already: a repair must not count it again. */
  private gapStored = false;
  /**
   * Called before each step, which may be silent for `withinMs`, or for the usual time of one call. Throws when the work
   * was aborted: a reader that was given up must not write beside its successor.
   */
  goOn: (withinMs?: number) => void = () => {};

  constructor(private readonly options: WatcherOptions) {}

  /** True when an event (a truncation, a broken chain, a fault) asks for an audit before its time. */
  get wantsAudit(): boolean {
    return this.auditWanted !== undefined;
  }

  /** Another process leads from now on: what we know of the stored state grows old. */
  forget(): void {
    this.state = undefined;
    this.swept = false;
    this.driftedBefore = false;
    this.settle();
  }

  /** Folds at most one page. */
  async step(signal: AbortSignal): Promise<StepResult> {
    return this.guarded(signal, async () => {
      const state = await this.current(signal);
      const { page, delta } = await this.readWhole(state, signal);
      this.goOn(STORE_MS);
      this.options.failpoint('after_read');
      if (page.receipts.length === 0 && delta.folded === 0) {
        this.state = { ...state, cursor: page.next };
        return page.more ? 'more' : 'idle';
      }
      await this.store(state, page, delta);
      await this.options.source.discard(page);
      this.options.failpoint('after_discard');
      return page.more ? 'more' : 'worked';
    });
  }

  /** What still waits at the source; asks for an audit when captures failed since the last one. */
  async lookBehind(signal: AbortSignal): Promise<Backlog> {
    return this.guarded(signal, async () => {
      const state = await this.current(signal);
      const backlog = await this.options.source.backlog();
      if (backlog.faults !== state.faultsSeen) this.auditWanted ??= 'capture_fault';
      return backlog;
    });
  }

  /**
   * Compares the table with what we account for, in one snapshot of the source. Repairs a difference, and after a
   * fault also where there is none: what left and came back was missed all the same.
   */
  async audit(signal: AbortSignal): Promise<AuditResult> {
    return this.guarded(signal, async () => {
      const { flow, mode, source, store } = this.options;
      const state = await this.current(signal);
      this.options.failpoint('before_audit');
      // Before the snapshot: a fault that comes later is found by the next audit, never skipped.
      const { faults } = await source.backlog();
      const population = await loadPopulation(store, flow.name);
      this.goOn(CENSUS_MS);
      const census = await source.census(state.cursor);
      const drift = driftOf(flow, population, { ...census, pending: await this.pendingOf(census) });
      // Fewer than before: the journal was made anew, and nobody watched in between.
      const faulted = faults !== state.faultsSeen;
      const drifted = census.unread !== undefined && [...drift.values()].some((d) => d !== 0);
      // Polling sees no deletes and finds late commits later: only a difference that stays is one.
      const repaired = faulted || (drifted && (mode === 'journal' || this.driftedBefore));
      const reason = faulted ? 'capture_fault' : (this.auditWanted ?? 'drift');
      if (repaired) await this.repair(state, reason, faults, signal);
      else if (this.gapStored) this.tellGap(reason, { added: 0, removed: 0, moved: 0 });
      this.settle();
      this.driftedBefore = drifted && !repaired;
      this.options.failpoint('after_audit');
      return { drift, oldestUpdateUs: byLabel(flow, census.oldestUpdateUs, Math.min), repaired };
    });
  }

  private settle(): void {
    this.auditWanted = undefined;
    this.gapStored = false;
  }

  private async guarded<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const state = this.state;
      this.state = undefined;
      // A page that was stored and not discarded would stay in the journal, and look like a backlog for ever.
      this.swept = false;
      if (error instanceof SourceWentBackError && state !== undefined) {
        await this.repair(state, 'source_went_back', await this.faultsNow(), signal);
      }
      throw error;
    }
  }

  private async current(signal: AbortSignal): Promise<FlowState> {
    this.goOn();
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
      this.goOn(CENSUS_MS);
      await source.sweep(this.state.cursor);
      this.swept = true;
    }
    return this.state;
  }

  private async faultsNow(): Promise<number> {
    return (await this.options.source.backlog()).faults;
  }

  /**
   * A page and its fold. A move nested in a statement comes before the move that fired it: when the page ends between
   * the two, the chain looks broken, and a longer page shows that it is not.
   */
  private async readWhole(
    state: FlowState,
    signal: AbortSignal,
  ): Promise<{ readonly page: Page; readonly delta: FoldDelta }> {
    for (let limit = this.options.pageSize; ; limit = Math.min(limit * 4, LARGEST_PAGE)) {
      this.goOn();
      const page = await this.options.source.read(state.cursor, limit, signal);
      this.goOn();
      const delta = await this.foldOnStored(page.changes);
      if (delta.broken === 0 || !page.more || limit >= LARGEST_PAGE) return { page, delta };
    }
  }

  private async foldOnStored(changes: readonly OrderedChange[]): Promise<FoldDelta> {
    const { flow, store, boundsSeconds } = this.options;
    const keys = [...new Set(changes.map((c) => c.key))];
    const items = keys.length === 0 ? new Map() : await loadItems(store, flow.name, keys);
    return fold(flow, items, changes, boundsSeconds);
  }

  /** Net items per status of what waits: as the source says, or as folding it would change them. */
  private async pendingOf(census: Census): Promise<ReadonlyMap<string, number>> {
    if (census.unread === undefined || census.unread.length === 0) return census.pending;
    return (await this.foldOnStored(census.unread)).population;
  }

  private async store(state: FlowState, page: Page, delta: FoldDelta): Promise<void> {
    const { flow, store, mode, boundsSeconds, failpoint, report } = this.options;
    if (page.truncated > 0) this.auditWanted = 'truncated';
    const isBroken = delta.broken > 0 && mode === 'journal';
    // One accident breaks many chains, page after page: it is one gap until an audit has looked.
    const isNewGap = isBroken && !this.gapStored;
    const reason = this.auditWanted ?? 'broken_chain';
    const facts = {
      next: page.next,
      gaps: isNewGap ? 1 : 0,
      gapReason: isNewGap ? reason : undefined,
      faultsSeen: state.faultsSeen,
    };
    await commitFold(store, flow.name, state.version, delta, facts, boundsSeconds, () =>
      failpoint('before_fold_commit'),
    );
    failpoint('after_fold_commit');
    this.state = { ...state, version: state.version + 1n, cursor: page.next };
    if (isBroken) {
      this.auditWanted = reason;
      this.gapStored = true;
    }
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
    const { flow, mode, source, store, scans, boundsSeconds, failpoint, report } = this.options;
    const gaps = reason === undefined || this.gapStored ? 0 : 1;
    const cause = { expectedVersion: known?.version, mode, gapReason: reason, gaps, faultsSeen };
    // Changes beyond a cursor of another mode, or of another server, are not ours to count.
    const read =
      known !== undefined && reason !== 'mode_changed' && reason !== 'source_went_back'
        ? known.cursor
        : undefined;
    const rowsTo =
      (take: (items: readonly BaselineItem[]) => Promise<void>) => (rows: readonly BaselineRow[]) => {
        this.goOn(BATCH_MS);
        return take(rows.map((r) => ({ ...r, status: statusLabel(flow, r.status) })));
      };
    const stream = async (intake: BaselineIntake) => {
      const unread: BaselineIntake['count'] = (changes) => {
        this.goOn(BATCH_MS);
        return intake.count(changes);
      };
      this.goOn(BATCH_MS);
      const sink = { unread, rows: rowsTo(intake.take) };
      const cursor = await source.baseline(read, sink, signal);
      this.goOn(BASELINE_MS);
      return cursor;
    };
    // The scans before ours may take as long as this one.
    this.goOn(BASELINE_MS);
    const difference = await scans.take(signal, () =>
      storeBaseline(store, flow, cause, boundsSeconds, stream, () => failpoint('before_baseline_commit')),
    );
    failpoint('after_baseline_commit');
    this.swept = false;
    if (reason === undefined) report({ kind: 'baseline', flow: flow.name, items: difference.added });
    else this.tellGap(reason, difference);
  }

  private tellGap(reason: GapReason, difference: BaselineDifference): void {
    this.options.report({ kind: 'gap', flow: this.options.flow.name, reason, ...difference });
  }
}
