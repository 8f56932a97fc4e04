/** Owns bringing Alertmanager to what is wanted: silences made, made again after a crash, extended, ended, told at their end. */
import { createHash } from 'node:crypto';
import {
  type ActiveAlert,
  type Alertmanager,
  AlertmanagerError,
  firstOf,
  silencesOfTag,
} from '../alerts/alertmanager.js';
import { guardedMatchers, matchersText, type Silence } from '../alerts/silence.js';
import type { Database } from '../storage/database.js';
import { DatabaseTimeoutError, DatabaseUnavailableError } from '../storage/database-errors.js';
import { type EndReason, planOf } from './plan.js';
import type { MaintenanceWindow, Occurrence } from './windows.js';
import { BY_CONFIGURATION, tagOf, type Wish, whyOf } from './wish.js';
import {
  cancelWishes,
  endedEarly,
  noteAbsence,
  noteAnnounced,
  noteHeld,
  noteOver,
  openWish,
  openWishes,
  openWishesOf,
  storeNowMs,
  wantOccurrence,
} from './wish-store.js';

/** What the reconciler needs. */
export interface ReconcilerOptions {
  readonly db: Database;
  readonly alertmanager: Alertmanager;
  /** Asked before each wish: a pass may last a minute, and the lease may go meanwhile. */
  readonly isLeader: () => boolean;
  /** The recurring windows, and the labels of one that names none. */
  readonly planned: () => {
    readonly windows: readonly MaintenanceWindow[];
    readonly matchers: Readonly<Record<string, string>>;
  };
  /** The occurrence of a window that is on at a moment. */
  readonly occurrence: (window: MaintenanceWindow, atMs: number) => Occurrence | undefined;
  /** Name of the alert that is never silenced. */
  readonly watchdog: string;
  /** How long an alert must be away before it counts as over, milliseconds. */
  readonly absentForMs: number;
  /** Tells people that quiet begins. */
  readonly begun: (wish: Wish) => Promise<void>;
  /** Tells people that it is over, and what fires still. */
  readonly over: (wish: Wish, reason: EndReason, alerts: readonly ActiveAlert[]) => Promise<void>;
  /** Told of each silence that Alertmanager had lost and got back. */
  readonly recreated: () => void;
}

/**
 * One pass over all wishes, or those with these ids: nothing but the leader may make it, and it stops with its lead. A
 * wish that fails does not keep the others from being looked after; rejects with the first failure, and then the next
 * pass goes on.
 */
export async function reconcile(
  options: ReconcilerOptions,
  signal: AbortSignal,
  ids?: readonly string[],
): Promise<void> {
  const { db } = options;
  const silencesOf = silenceReader(options, signal);
  const wishes = ids === undefined ? await openWishes(db) : await openWishesOf(db, ids);
  await lookAfter(wishes, options, signal, (wish) => tend(options, wish, silencesOf, signal));
}

/** Whether the store or Alertmanager is away: every further call would wait for its deadline too. */
export function isAway(error: unknown): boolean {
  if (error instanceof AlertmanagerError) return error.reach === 'away';
  return error instanceof DatabaseUnavailableError || error instanceof DatabaseTimeoutError;
}

/** Wants the windows that are on now by the store's clock, and ends those that the configuration no longer has. */
export async function followWindows(options: ReconcilerOptions): Promise<void> {
  const { db, planned, occurrence } = options;
  const { windows, matchers: ofAll } = planned();
  // Not our own clock: one that is ahead would take a window that still holds for one that nobody wants.
  const nowMs = await storeNowMs(db);
  const open = await openWishes(db);
  const current = new Set<string>();
  for (const window of windows) {
    const on = occurrence(window, nowMs);
    const matchers = guardedMatchers(Object.entries(window.matchers ?? ofAll), options.watchdog);
    if (on === undefined || !matchers.ok) continue;
    // The same on every replica and after every restart, so that one occurrence is one wish.
    const tag = tagOf(digestOf([window.name, on.startsAtMs, matchers.matchers]));
    current.add(tag);
    const { startsAtMs, endsAtMs: untilMs } = on;
    const isKnown = (wish: Wish) =>
      wish.tag === tag && wish.untilMs === untilMs && wish.cancelledBy !== BY_CONFIGURATION;
    if (open.some(isKnown)) continue;
    await wantOccurrence(db, { tag, name: window.name, matchers: matchers.matchers, startsAtMs, untilMs });
  }
  const gone = open.filter(
    ({ kind, tag, untilMs }) => kind === 'window' && nowMs < untilMs && !current.has(tag),
  );
  const ids = gone.map(({ id }) => id);
  if (ids.length > 0) await cancelWishes(db, { kinds: ['window'], ids }, BY_CONFIGURATION);
}

/** Ends silences that came back: an Alertmanager with an old memory knows those that were ended before their time. */
export async function endGhosts(options: ReconcilerOptions, signal: AbortSignal): Promise<void> {
  const { db, alertmanager } = options;
  const silencesOf = silenceReader(options, signal);
  await lookAfter(await endedEarly(db), options, signal, async (wish) => {
    const found = await silencesOf(wish);
    for (const { id, state } of found) if (state !== 'expired') await alertmanager.endSilence(id, signal);
  });
}

/** One after the other, as long as we lead and whatever else fails; rejects with the first failure. */
async function lookAfter(
  wishes: readonly Wish[],
  { isLeader }: ReconcilerOptions,
  signal: AbortSignal,
  work: (wish: Wish) => Promise<void>,
): Promise<void> {
  const failures: unknown[] = [];
  for (const wish of wishes) {
    signal.throwIfAborted();
    if (!isLeader()) break;
    try {
      await work(wish);
    } catch (error) {
      if (isAway(error)) throw error;
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

type SilencesOf = (wish: Wish) => Promise<readonly Silence[]>;

/** Reads the silences of a wish, and those of all wishes with the same first condition at once: they are often many. */
function silenceReader({ alertmanager }: ReconcilerOptions, signal: AbortSignal): SilencesOf {
  const known = new Map<string, Promise<readonly Silence[]>>();
  return async ({ tag, matchers }) => {
    const first = firstOf(matchers);
    const key = matchersText(first);
    const all = known.get(key) ?? alertmanager.silences(first, signal);
    known.set(key, all);
    return silencesOfTag(tag, await all);
  };
}

async function tend(
  options: ReconcilerOptions,
  listed: Wish,
  silencesOf: SilencesOf,
  signal: AbortSignal,
): Promise<void> {
  const { db, alertmanager, isLeader, absentForMs } = options;
  const { kind, matchers } = listed;
  const found = await silencesOf(listed);
  const firing = kind === 'resolve' ? (await alertmanager.alerts(matchers, signal)).length : 0;
  // As it is now: since the pass began it may have been changed or ended, here or by the replica that leads now.
  const wish = await openWish(db, listed.id);
  if (wish === undefined || !isLeader()) return;
  const step = planOf(wish, found, firing, absentForMs);
  if (step.kind === 'ensure') {
    const holds = found.some(({ state }) => state !== 'expired');
    await ensure(options, wish, signal);
    if (!holds && wish.silenceId !== undefined) options.recreated();
  }
  if (step.kind === 'note') await noteAbsence(db, wish.id, step.state);
  if (step.kind !== 'end') return announce(options, wish);
  for (const { id, state } of found) if (state !== 'expired') await alertmanager.endSilence(id, signal);
  // Before the end is noted: a crash in between tells it twice, the other way round it would tell nobody.
  await options.over(wish, step.reason, await alertmanager.alerts(matchers, signal));
  await noteOver(db, wish, step.reason);
}

async function ensure(
  { db, alertmanager }: ReconcilerOptions,
  wish: Wish,
  signal: AbortSignal,
): Promise<void> {
  const { tag, matchers, startsAtMs, untilMs: endsAtMs, owner } = wish;
  const silenceId = await alertmanager.ensureSilence(
    { tag, matchers, startsAtMs, endsAtMs, createdBy: owner, why: whyOf(wish) },
    signal,
  );
  await noteHeld(db, wish, silenceId);
}

async function announce({ db, begun }: ReconcilerOptions, wish: Wish): Promise<void> {
  if (wish.isAnnounced) return;
  await begun(wish);
  await noteAnnounced(db, wish.id);
}

function digestOf(values: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(values)).digest('hex').slice(0, 12);
}
