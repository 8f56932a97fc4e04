/** Owns the fold: changes in, what they add to totals, dwell times and living items out. Pure. */
import { type Change, type Flow, NONE, statusLabel } from './flow.js';

const DAY_US = 86_400_000_000;

/** A living item as the store knows it. */
export interface Item {
  readonly status: string;
  /** When it entered the status, microseconds since the epoch. */
  readonly enteredUs: number;
  /** False when the entry was never seen (baseline without a `movedAt` column): then no dwell time is observed. */
  readonly known: boolean;
}

/** Moves of one (from, to) pair. */
export interface MoveDelta {
  count: number;
  lastUs: number;
}

/** Completed stays of one (status, to) pair; `buckets` is per bucket (not cumulative), the last one is +Inf. */
export interface DwellDelta {
  readonly buckets: number[];
  sumUs: number;
}

/** Everything one page of changes adds. Keys of the maps join two labels with a NUL, see {@link pairKey}. */
export interface FoldDelta {
  readonly moves: Map<string, MoveDelta>;
  /** The same moves by their day in UTC, as days since the epoch: a page may hold the last of one day and the first of the next. */
  readonly movesByDay: Map<number, Map<string, number>>;
  readonly reasons: Map<string, number>;
  readonly dwell: Map<string, DwellDelta>;
  readonly population: Map<string, number>;
  /** New state of every touched item; null when it left the table. */
  readonly items: Map<string, Item | null>;
  /** Moves that the flow does not declare. */
  unexpected: number;
  /** Changes into a status that the flow does not declare. */
  unknown: number;
  /** Changes whose `from` was not the status we had: something before them was not captured. */
  broken: number;
  folded: number;
}

/** A change with the transaction that made it, when the source can tell. */
export interface OrderedChange extends Change {
  readonly tx?: string | undefined;
}

/** Joins two labels into a map key. */
export function pairKey(a: string, b: string): string {
  return `${a}\0${b}`;
}

/** Splits a key made by {@link pairKey}. */
export function pairOf(key: string): readonly [string, string] {
  const cut = key.indexOf('\0');
  return [key.slice(0, cut), key.slice(cut + 1)];
}

/**
 * Folds a page of changes onto the items they touch. `items` holds the stored state of every key in the page that
 * lives. Changes of one item must be in commit order; changes of one transaction may be nested (a trigger of the
 * application that moves the row again is journaled before the move that fired it) and are put in chain order here.
 */
export function fold(
  flow: Flow,
  items: ReadonlyMap<string, Item>,
  changes: readonly OrderedChange[],
  boundsSeconds: readonly number[],
): FoldDelta {
  const delta: FoldDelta = {
    moves: new Map(),
    movesByDay: new Map(),
    reasons: new Map(),
    dwell: new Map(),
    population: new Map(),
    items: new Map(),
    unexpected: 0,
    unknown: 0,
    broken: 0,
    folded: 0,
  };
  for (const [key, list] of byKey(changes)) {
    let item = items.get(key) ?? null;
    while (list.length > 0) {
      const change = takeNext(flow, list, item);
      item = applyChange(flow, delta, item, change, boundsSeconds);
    }
    delta.items.set(key, item);
  }
  return delta;
}

/** Whether the flow declares this move. Arrivals, departures and counted repeats always are. */
export function isExpected(flow: Flow, from: string, to: string): boolean {
  if (flow.moves === undefined || from === NONE || to === NONE || from === to) return true;
  return flow.moves.has(`${from}>${to}`);
}

function byKey(changes: readonly OrderedChange[]): Map<string, OrderedChange[]> {
  const lists = new Map<string, OrderedChange[]>();
  for (const change of changes) {
    const list = lists.get(change.key);
    if (list === undefined) lists.set(change.key, [change]);
    else list.push(change);
  }
  return lists;
}

/** The head, unless it does not continue from the item's status and a later change of the same transaction does. */
function takeNext(flow: Flow, list: OrderedChange[], item: Item | null): OrderedChange {
  const head = list[0]!;
  const current = item?.status ?? NONE;
  let at = 0;
  if (head.tx !== undefined && head.from !== undefined && labelOf(flow, head.from) !== current) {
    const found = list.findIndex(
      (c) => c.tx === head.tx && c.from !== undefined && labelOf(flow, c.from) === current,
    );
    if (found > 0) at = found;
  }
  return list.splice(at, 1)[0]!;
}

function labelOf(flow: Flow, raw: string | null): string {
  return raw === null ? NONE : statusLabel(flow, raw);
}

function applyChange(
  flow: Flow,
  delta: FoldDelta,
  item: Item | null,
  change: OrderedChange,
  boundsSeconds: readonly number[],
): Item | null {
  const held = item?.status ?? NONE;
  const from = change.from === undefined ? held : labelOf(flow, change.from);
  const to = labelOf(flow, change.to);
  const observedOnly = change.from === undefined;
  if (observedOnly && from === to) return item;
  delta.folded += 1;
  if (from !== held) delta.broken += 1;
  if (change.to !== null && !flow.statuses.includes(change.to)) delta.unknown += 1;
  if (!isExpected(flow, from, to)) delta.unexpected += 1;

  const pair = pairKey(from, to);
  addMove(delta, pair, change.atUs);
  addToDay(delta, pair, change.atUs);
  const reason = reasonLabel(flow, change);
  if (reason !== undefined) bump(delta.reasons, pairKey(to, reason), 1);
  if (item?.known === true && from === held) {
    addDwell(delta, pair, Math.max(0, change.atUs - item.enteredUs), boundsSeconds);
  }
  if (held !== NONE) bump(delta.population, held, -1);
  if (to === NONE) return null;
  bump(delta.population, to, 1);
  return { status: to, enteredUs: change.atUs, known: true };
}

function reasonLabel(flow: Flow, change: Change): string | undefined {
  if (flow.reason === undefined || change.reason === undefined || change.to === null) return undefined;
  return flow.reason.values.includes(change.reason) ? change.reason : 'other';
}

function addMove(delta: FoldDelta, key: string, atUs: number): void {
  const move = delta.moves.get(key);
  if (move === undefined) {
    delta.moves.set(key, { count: 1, lastUs: atUs });
    return;
  }
  move.count += 1;
  if (atUs > move.lastUs) move.lastUs = atUs;
}

function addToDay(delta: FoldDelta, key: string, atUs: number): void {
  const day = Math.floor(atUs / DAY_US);
  let pairs = delta.movesByDay.get(day);
  if (pairs === undefined) {
    pairs = new Map();
    delta.movesByDay.set(day, pairs);
  }
  bump(pairs, key, 1);
}

function addDwell(delta: FoldDelta, key: string, us: number, boundsSeconds: readonly number[]): void {
  let dwell = delta.dwell.get(key);
  if (dwell === undefined) {
    dwell = { buckets: new Array<number>(boundsSeconds.length + 1).fill(0), sumUs: 0 };
    delta.dwell.set(key, dwell);
  }
  const seconds = us / 1e6;
  let bucket = 0;
  while (bucket < boundsSeconds.length && seconds > boundsSeconds[bucket]!) bucket += 1;
  dwell.buckets[bucket]! += 1;
  dwell.sumUs += us;
}

function bump(map: Map<string, number>, key: string, by: number): void {
  map.set(key, (map.get(key) ?? 0) + by);
}
