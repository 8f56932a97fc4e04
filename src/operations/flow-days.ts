/** Owns the view of a flow over days: moves per day and per pair, days without a move as 0, days before the counting absent. */
import { NONE } from '../flows/flow.js';
import type { Job } from '../resilience/job.js';
import type { Database } from '../storage/database.js';
import { forgetDays, KEPT_DAYS, loadDays, type StoredDays } from '../storage/flow-days.js';

/** Most days that moves per pair are told of. */
export const MAX_TRANSITION_DAYS = 90;
/** Most days that totals are told of; fewer than are kept. */
export const MAX_DAILY_DAYS = Math.min(365, KEPT_DAYS);
const DAY_MS = 86_400_000;
const FORGET_EVERY_MS = 6 * 3_600_000;

/** Moves of one pair of statuses. */
export interface PairMoves {
  readonly from: string;
  readonly to: string;
  readonly count: number;
}

/** One day of a flow, in UTC. */
export interface FlowDay {
  /** `YYYY-MM-DD` */
  readonly day: string;
  /** Items that came into the table. */
  readonly arrived: number;
  /** Items that left the table. */
  readonly departed: number;
  /** Moves from one status to another, or again to the same where the flow counts that. */
  readonly moved: number;
  /** Every pair that moved on this day, by its names. */
  readonly transitions: readonly PairMoves[];
}

/** The last days of a flow. */
export interface FlowDays {
  readonly flow: string;
  /** First and last day that are told: the counting may have begun later than was asked for. */
  readonly from: string;
  readonly to: string;
  /** Since when moves are counted by day. The first day is whole only if this is its midnight. */
  readonly countedSince: Date;
  /** When changes were last missed, so that a day may be short; undefined when never. */
  readonly lastGapAt: Date | undefined;
  /** The oldest first, without a hole. */
  readonly days: readonly FlowDay[];
}

/** The last `days` days of a flow, today included; undefined while its moves are not counted. */
export async function readFlowDays(
  store: Database,
  flow: string,
  days: number,
): Promise<FlowDays | undefined> {
  const stored = await loadDays(store, flow, days);
  return stored === undefined ? undefined : arrangeDays(flow, stored, days);
}

/** The stored rows as a row of days. */
export function arrangeDays(flow: string, stored: StoredDays, days: number): FlowDays {
  const lastMs = Date.parse(`${stored.today}T00:00:00Z`);
  const beganMs = Math.floor(stored.countedSinceMs / DAY_MS) * DAY_MS;
  // The counting cannot have begun later than today, whatever a clock that was set back says.
  const firstMs = Math.min(lastMs, Math.max(beganMs, lastMs - (days - 1) * DAY_MS));
  const byDay = new Map<string, PairMoves[]>();
  for (const row of stored.rows) byDay.set(row.day, [...(byDay.get(row.day) ?? []), row]);
  const told: FlowDay[] = [];
  for (let ms = firstMs; ms <= lastMs; ms += DAY_MS) {
    const day = new Date(ms).toISOString().slice(0, 10);
    told.push(dayOf(day, byDay.get(day) ?? []));
  }
  return {
    flow,
    from: told[0]!.day,
    to: stored.today,
    countedSince: new Date(stored.countedSinceMs),
    lastGapAt: stored.lastGapMs === undefined ? undefined : new Date(stored.lastGapMs),
    days: told,
  };
}

/** Moves per pair over all days that are told, the most frequent first. */
export function sumOfDays({ days }: FlowDays): readonly PairMoves[] {
  const sums = new Map<string, PairMoves>();
  for (const { from, to, count } of days.flatMap(({ transitions }) => transitions)) {
    const key = `${from}\0${to}`;
    sums.set(key, { from, to, count: (sums.get(key)?.count ?? 0) + count });
  }
  return [...sums.values()].sort(
    (a, b) => b.count - a.count || (`${a.from}>${a.to}` < `${b.from}>${b.to}` ? -1 : 1),
  );
}

function dayOf(day: string, rows: readonly PairMoves[]): FlowDay {
  const sum = (is: (row: PairMoves) => boolean) =>
    rows.reduce((total, row) => (is(row) ? total + row.count : total), 0);
  return {
    day,
    arrived: sum(({ from }) => from === NONE),
    departed: sum(({ to }) => to === NONE),
    moved: sum(({ from, to }) => from !== NONE && to !== NONE),
    transitions: rows.map(({ from, to, count }) => ({ from, to, count })),
  };
}

/** The job that forgets days beyond those that are kept. */
export function forgetDaysJob(store: Database, isReady: () => boolean): Job {
  return {
    name: 'forget_days',
    intervalMs: FORGET_EVERY_MS,
    deadlineMs: 30_000,
    backoff: { firstMs: 1_000, maxMs: 60_000 },
    run: async () => {
      if (isReady()) await forgetDays(store);
    },
  };
}
