/** Owns turning stored totals, ages and judgements of a flow into series; every declared label set is written each time. */
import type { Counter } from '../metrics/counter.js';
import type { Metrics } from '../metrics/registry.js';
import type { FlowTotals, StatusAge } from '../storage/flow-totals.js';
import {
  CAPTURE_MODES,
  type CaptureMode,
  type Flow,
  LIMIT_SEVERITIES,
  NONE,
  OTHER,
  statusLabels,
} from './flow.js';
import type { StatusNow } from './history.js';
import { VERDICTS, type Verdict } from './verdict.js';

/** One status as a snapshot counted it. */
export interface CountedStatus extends StatusNow {
  readonly oldestUpdateUs: number | undefined;
  readonly over: number;
}

/** Pairs without declared moves are created at zero up to this many statuses: beyond it they appear when they happen. */
const ZERO_PAIRS_STATUSES = 12;

/** Writes what is fixed by the configuration, and zeros for everything that can happen. */
export function declareFlow(metrics: Metrics, flow: Flow, mode: CaptureMode): void {
  const name = flow.name;
  for (const m of CAPTURE_MODES) metrics.flowCaptureInfo.set({ flow: name, mode: m }, m === mode ? 1 : 0);
  declareLimits(metrics, flow);
  if (mode === 'snapshot') return;
  if (mode === 'journal') metrics.flowCaptureFaults.inc({ flow: name }, 0);
  declareMoves(metrics, flow);
  for (const reason of flow.reason === undefined ? [] : [...flow.reason.values, OTHER]) {
    for (const to of flow.statuses) metrics.flowTransitionReasons.inc({ flow: name, to, reason }, 0);
  }
}

/** Writes the declared limits of a flow. */
export function declareLimits(metrics: Metrics, flow: Flow): void {
  for (const [status, limit] of flow.limits) {
    for (const severity of LIMIT_SEVERITIES) {
      const ms = limit[severity];
      if (ms !== undefined) metrics.flowStatusLimit.set({ flow: flow.name, status, severity }, ms / 1000);
    }
  }
}

/** Writes zeros for every move that a flow can make, for unexpected ones and for gaps. */
export function declareMoves(metrics: Metrics, flow: Flow): void {
  const { name } = flow;
  metrics.flowUnexpectedTransitions.inc({ flow: name }, 0);
  metrics.flowCaptureGaps.inc({ flow: name }, 0);
  for (const [from, to] of possibleMoves(flow)) metrics.flowTransitions.inc({ flow: name, from, to }, 0);
}

/** Moves that a flow can make as far as it is declared; inserts and deletes included. */
export function possibleMoves(flow: Flow): (readonly [string, string])[] {
  const ends = flow.statuses.flatMap((s) => [[NONE, s] as const, [s, NONE] as const]);
  if (flow.moves !== undefined) {
    const declared = [...flow.moves].map((m) => m.split('>') as [string, string]);
    return [...ends, ...declared.filter(([from, to]) => from !== NONE && to !== NONE)];
  }
  if (flow.statuses.length > ZERO_PAIRS_STATUSES) return ends;
  const between = flow.statuses.flatMap((from) =>
    flow.statuses.filter((to) => to !== from || flow.repeats === 'count').map((to) => [from, to] as const),
  );
  return [...ends, ...between];
}

/** Totals from the store. Counters continue where an earlier process, or another replica, left them. */
export function publishTotals(metrics: Metrics, flow: Flow, totals: FlowTotals): void {
  const name = flow.name;
  for (const m of totals.moves) {
    raise(metrics.flowTransitions, { flow: name, from: m.from, to: m.to }, m.count);
  }
  for (const r of totals.reasons) {
    raise(metrics.flowTransitionReasons, { flow: name, to: r.to, reason: r.reason }, r.count);
  }
  for (const d of totals.dwell) {
    metrics.flowStatusDuration.load(
      { flow: name, status: d.status, to: d.to },
      { bucketCounts: d.buckets, sum: d.sumSeconds },
    );
  }
  for (const [to, us] of lastMoves(totals)) {
    metrics.flowLastTransitionTimestamp.set({ flow: name, to }, us / 1e6);
  }
  for (const status of statusLabels(flow)) {
    metrics.flowItems.set({ flow: name, status }, totals.population.get(status) ?? 0);
  }
  metrics.flowUnknownStatusItems.set({ flow: name }, totals.population.get(OTHER) ?? 0);
  raise(metrics.flowUnexpectedTransitions, { flow: name }, totals.unexpected);
  raise(metrics.flowCaptureGaps, { flow: name }, totals.gaps);
  if (totals.mode === 'journal') raise(metrics.flowCaptureFaults, { flow: name }, totals.faults);
}

/** Ages of the heads and items over their limits. A status without items has no oldest item: its series ends. */
export function publishAges(metrics: Metrics, flow: Flow, ages: readonly StatusAge[]): void {
  for (const { status, oldestUs, over } of ages) {
    const labels = { flow: flow.name, status };
    if (oldestUs === undefined) metrics.flowOldestItemTimestamp.remove(labels);
    else metrics.flowOldestItemTimestamp.set(labels, oldestUs / 1e6);
    if (flow.limits.has(status)) metrics.flowStuckItems.set(labels, over);
  }
}

/** Outcome of an audit: drift per status, oldest updates, and when it was. */
export function publishAudit(
  metrics: Metrics,
  flow: Flow,
  audit: {
    readonly drift: ReadonlyMap<string, number>;
    readonly oldestUpdateUs: ReadonlyMap<string, number>;
  },
  atSeconds: number,
): void {
  for (const status of statusLabels(flow)) {
    const labels = { flow: flow.name, status };
    metrics.flowSnapshotDrift.set(labels, audit.drift.get(status) ?? 0);
  }
  publishOldestUpdates(metrics, flow, audit.oldestUpdateUs);
  metrics.flowSnapshotTimestamp.set({ flow: flow.name }, atSeconds);
}

/** What a snapshot saw: sizes and ages, no moves. */
export function publishCounts(
  metrics: Metrics,
  flow: Flow,
  counts: ReadonlyMap<string, CountedStatus>,
  atSeconds: number,
): void {
  const ages = statusLabels(flow).map((status) => {
    const count = counts.get(status);
    metrics.flowItems.set({ flow: flow.name, status }, count?.items ?? 0);
    return { status, oldestUs: count?.oldestUs, over: count?.over ?? 0 };
  });
  metrics.flowUnknownStatusItems.set({ flow: flow.name }, counts.get(OTHER)?.items ?? 0);
  publishAges(metrics, flow, ages);
  publishOldestUpdates(metrics, flow, new Map([...counts].map(([s, c]) => [s, c.oldestUpdateUs])));
  metrics.flowSnapshotTimestamp.set({ flow: flow.name }, atSeconds);
}

/** Takes over a stored total; one that is lower than before means that the store was replaced: a counter reset. */
function raise<L extends string>(
  counter: Counter<L>,
  labels: Readonly<Record<L, string>>,
  total: number,
): void {
  if ((counter.value(labels) ?? 0) > total) counter.restartAt(labels, total);
  else counter.advanceTo(labels, total);
}

/** One 0/1 series per verdict, exactly one of them 1. */
export function publishVerdict(metrics: Metrics, flow: Flow, verdict: Verdict): void {
  for (const v of VERDICTS) metrics.flowVerdict.set({ flow: flow.name, verdict: v }, v === verdict ? 1 : 0);
}

function publishOldestUpdates(
  metrics: Metrics,
  flow: Flow,
  oldestUs: ReadonlyMap<string, number | undefined>,
): void {
  if (flow.updatedAt === undefined) return;
  for (const status of statusLabels(flow)) {
    const labels = { flow: flow.name, status };
    const us = oldestUs.get(status);
    if (us === undefined) metrics.flowOldestUpdateTimestamp.remove(labels);
    else metrics.flowOldestUpdateTimestamp.set(labels, us / 1e6);
  }
}

function lastMoves(totals: FlowTotals): Map<string, number> {
  const last = new Map<string, number>();
  for (const { to, lastUs } of totals.moves) if (lastUs > (last.get(to) ?? 0)) last.set(to, lastUs);
  return last;
}
