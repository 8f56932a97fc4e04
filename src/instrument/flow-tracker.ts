/** Owns the flows whose moves the program itself tells: counted exactly in this process, timed for the items it knows. */
import { type Flow, NONE, OTHER, statusLabel, statusLabels } from '../flows/flow.js';
import { declareLimits, declareMoves } from '../flows/publish.js';
import { isExpected } from '../flows/tracker.js';
import type { Metrics } from '../metrics/registry.js';
import { claimName } from '../metrics/watched-names.js';
import { flowOf, type TrackedFlowOptions } from './flow-options.js';
import { LivingItems } from './living-items.js';

/** An item that was there before the program started. */
export interface LivingItem {
  readonly id: string | number;
  readonly status: string;
  /** When it entered the status. Without it, its first stay is not timed. */
  readonly enteredAt?: Date | undefined;
}

/** Takes the moves of one flow. Nothing here throws or waits. */
export interface FlowTracker {
  /**
   * An item went from one status to another; null means that it was not there before, or is gone. Call it when the
   * move is sure: after the commit of its transaction. The same status twice is no move.
   */
  moved(id: string | number, from: string | null, to: string | null): void;
  /**
   * Says what lives already. Only then are there `flow_items` and ages, for without it they would be too low; they
   * end again when more items live than are remembered. A list that cannot be read to its end, or holds what is no
   * item, changes nothing.
   */
  seed(items: Iterable<LivingItem>): void;
  /** Items that are remembered. */
  readonly size: number;
  /** Ends it: the series that say what is now go, the counters stay, and what is told later is dropped. */
  stop(): void;
}

/** Mode of the flow in `flow_capture_info`. */
const TOLD = 'told';

/**
 * Tracks a flow in the memory of this process. Every legal move is there at zero at once; counters begin again with
 * the process, as those of any program do. For counts that survive a crash, write the moves into a table (see
 * `flowItemTable`) and let the exporter watch it. Throws InstrumentOptionError for a wrong option, WatchError when the
 * flow is tracked already.
 */
export function trackFlow(metrics: Metrics, name: string, options: TrackedFlowOptions): FlowTracker {
  const { flow, maxItems, nowMs, wallMs } = flowOf(name, options);
  const items = new LivingItems(maxItems);
  const tracker = new MemoryTracker(metrics, flow, items, nowMs, wallMs);
  const watch = () => {
    tracker.declare();
    const forget = metrics.onScrape(() => tracker.refresh());
    return () => {
      forget();
      tracker.end();
    };
  };
  const release = claimName(metrics, { kind: 'flow', name, owner: tracker, watch });
  return {
    moved(id, from, to) {
      try {
        tracker.moved(id, from, to);
      } catch {
        // Only a clock that was handed in can throw: the move is counted by then, and its stay has no time.
      }
    },
    seed(living) {
      try {
        tracker.seed(living);
      } catch {
        // A list that cannot be read, or a clock: nothing has changed, for half a picture would pass for a whole one.
      }
    },
    get size() {
      return items.size;
    },
    stop: release,
  };
}

class MemoryTracker {
  /** True while every living item is known, so that counts and ages of the living are honest. */
  private isWhole = false;
  private hasEnded = false;

  constructor(
    private readonly metrics: Metrics,
    private readonly flow: Flow,
    private readonly items: LivingItems,
    private readonly nowMs: () => number,
    private readonly wallMs: () => number,
  ) {}

  declare(): void {
    const { metrics, flow } = this;
    declareLimits(metrics, flow);
    declareMoves(metrics, flow);
    metrics.flowCaptureInfo.set({ flow: flow.name, mode: TOLD }, 1);
    metrics.flowForgottenItems.inc({ flow: flow.name }, 0);
  }

  moved(id: string | number, rawFrom: string | null, rawTo: string | null): void {
    const { metrics, flow, items } = this;
    const from = rawFrom === null ? NONE : statusLabel(flow, rawFrom);
    const to = rawTo === null ? NONE : statusLabel(flow, rawTo);
    if (rawFrom === rawTo || this.hasEnded) return;
    metrics.flowTransitions.inc({ flow: flow.name, from, to });
    metrics.flowLastTransitionTimestamp.set({ flow: flow.name, to }, this.wallMs() / 1000);
    if (!isExpected(flow, from, to)) metrics.flowUnexpectedTransitions.inc({ flow: flow.name });
    const nowMs = this.nowMs();
    const before = items.take(id);
    const known = before?.status ?? (this.isWhole ? NONE : from);
    // Told from another status than we knew: some move before it was never told.
    if (known !== from) metrics.flowCaptureGaps.inc({ flow: flow.name });
    else if (before?.enteredMs !== undefined) {
      const seconds = Math.max(0, nowMs - before.enteredMs) / 1000;
      metrics.flowStatusDuration.observe({ flow: flow.name, status: from, to }, seconds);
    }
    if (to !== NONE) this.keep(id, to, nowMs);
  }

  seed(living: Iterable<LivingItem>): void {
    if (this.hasEnded) return;
    const nowMs = this.nowMs();
    const wallMs = this.wallMs();
    const items = [...living].map((item) => readItem(item, wallMs));
    this.isWhole = true;
    for (const { id, status, ageMs } of items) {
      this.keep(id, statusLabel(this.flow, status), ageMs === undefined ? undefined : nowMs - ageMs);
    }
    this.refresh();
  }

  /** Brings what is now up to date; without a whole picture there is nothing to show. */
  refresh(): void {
    if (!this.isWhole) return;
    const { metrics, flow, items } = this;
    const nowMs = this.nowMs();
    const wallMs = this.wallMs();
    const seen = items.byStatus(
      (status) => flow.limits.get(status)?.warning ?? flow.limits.get(status)?.critical,
      nowMs,
    );
    for (const status of statusLabels(flow)) {
      const labels = { flow: flow.name, status };
      const { count, oldestMs, over } = seen.get(status) ?? { count: 0, oldestMs: undefined, over: 0 };
      metrics.flowItems.set(labels, count);
      if (oldestMs === undefined) metrics.flowOldestItemTimestamp.remove(labels);
      else metrics.flowOldestItemTimestamp.set(labels, (wallMs - (nowMs - oldestMs)) / 1000);
      if (flow.limits.has(status)) metrics.flowStuckItems.set(labels, over);
    }
    metrics.flowUnknownStatusItems.set({ flow: flow.name }, seen.get(OTHER)?.count ?? 0);
  }

  /** Takes the series about the living out of the output. */
  hide(): void {
    const { metrics, flow } = this;
    this.isWhole = false;
    for (const status of statusLabels(flow)) {
      const labels = { flow: flow.name, status };
      for (const gauge of [metrics.flowItems, metrics.flowOldestItemTimestamp, metrics.flowStuckItems]) {
        gauge.remove(labels);
      }
    }
    metrics.flowUnknownStatusItems.remove({ flow: flow.name });
  }

  /** Takes everything out of the output that says what is now, for good. */
  end(): void {
    this.hasEnded = true;
    this.hide();
    this.metrics.flowCaptureInfo.remove({ flow: this.flow.name, mode: TOLD });
  }

  private keep(id: string | number, status: string, enteredMs: number | undefined): void {
    if (this.items.put(id, { status, enteredMs }) === 'fits') return;
    this.metrics.flowForgottenItems.inc({ flow: this.flow.name });
    if (this.isWhole) this.hide();
  }
}

/** An item as it was told; its age is undefined when the moment of its entry is no date. Throws for what is no item. */
function readItem({ id, status, enteredAt }: LivingItem, wallMs: number) {
  if ((typeof id !== 'string' && typeof id !== 'number') || typeof status !== 'string') {
    throw new TypeError('not an item');
  }
  const ageMs = enteredAt instanceof Date ? wallMs - enteredAt.getTime() : Number.NaN;
  return { id, status, ageMs: Number.isFinite(ageMs) ? Math.max(0, ageMs) : undefined };
}
