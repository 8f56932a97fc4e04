/** Owns planned work as a whole: the job that looks after it, what HTTP and the chat ask of it, and its series. */
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { resolveAlerts } from './alert-resolution.js';
import type { AlertBatch } from './alerts/alert.js';
import { alertmanagerAt } from './alerts/alertmanager.js';
import { guardedMatchers, type Matcher } from './alerts/silence.js';
import { Turns } from './changes/turns.js';
import type { MaintenanceConfig } from './config/maintenance-schema.js';
import { ConfigError } from './config/problem.js';
import type { ValidConfig } from './config/valid-config.js';
import { watchdogName } from './config/watchdog-name.js';
import type { MaintenanceDeps } from './http/maintenance-api.js';
import {
  endGhosts,
  followWindows,
  isAway,
  type ReconcilerOptions,
  reconcile,
} from './maintenance/reconciler.js';
import { nextOccurrence, rememberedOccurrences } from './maintenance/windows.js';
import { BY_HAND, type NewWish, stateOf, tagOf, type Wish } from './maintenance/wish.js';
import {
  cancelWishes,
  forgetWishes,
  openWish,
  openWishes,
  openWishesOf,
  wantWish,
} from './maintenance/wish-store.js';
import { maintenanceNotices } from './maintenance-notices.js';
import { maintenanceSeries, type SeenWish } from './metrics/maintenance-series.js';
import type { Metrics } from './metrics/registry.js';
import type { ChatMaintenance } from './notifications/chat-maintenance.js';
import type { Job } from './resilience/job.js';
import type { Database } from './storage/database.js';
import type { RootLogger } from './telemetry/logger.js';

const LOOK_EVERY_MS = 3_000;
const GHOSTS_EVERY_MS = 30_000;
const FORGET_EVERY_MS = 3_600_000;
/** Prometheus tells a restarted Alertmanager of its alerts again within a minute. */
const ABSENT_FOR_MS = 120_000;
/** How long a caller waits for Alertmanager; below the deadline of a request. */
const SETTLE_MS = 4_000;
const SETTLE_LOOK_MS = 150;
/** What planned work needs. */
export interface KeeperOptions {
  readonly config: Pick<ValidConfig, 'maintenance' | 'alertmanagerUrl' | 'notifications'>;
  readonly store: Database;
  readonly metrics: Metrics;
  readonly log: RootLogger;
  /** Whether the store has our tables yet. */
  readonly isReady: () => boolean;
  /** One of several replicas speaks to Alertmanager. */
  readonly isLeader: () => boolean;
  /** Takes in a batch as the webhook does; undefined without a way to people. */
  readonly takeIn: ((batch: AlertBatch) => Promise<unknown>) | undefined;
  /** Wall clock in milliseconds. */
  readonly wallMs: () => number;
  /** Monotonic clock in milliseconds. */
  readonly nowMs: () => number;
  /** How long an alert must be away before it counts as over, milliseconds. Default 120,000. */
  readonly absentForMs?: number;
}

/** Planned work in a running exporter. */
export interface MaintenanceKeeper {
  readonly http: MaintenanceDeps;
  readonly chat: ChatMaintenance;
  /** Whether these windows and labels fit what is in force: none may silence the sign of life of the alerts. */
  canTake(planned: MaintenanceConfig): boolean;
  /** Puts other windows and other labels in force, from the next look on, unless they {@link canTake | do not fit}. */
  take(planned: MaintenanceConfig): void;
  jobs(): readonly Job[];
}

/** Planned work, or undefined when no Alertmanager is configured. */
export function openMaintenance(options: KeeperOptions): MaintenanceKeeper | undefined {
  const { config, store, metrics, isReady, isLeader, takeIn, wallMs, nowMs } = options;
  const { alertmanagerUrl: url, notifications } = config;
  if (url === undefined) return undefined;
  let planned = config.maintenance;
  const occurrence = rememberedOccurrences();
  const log = options.log.named('maintenance');
  const watchdog = watchdogName(notifications);
  let defaults = conditionsOf(planned, watchdog) ?? refuse(watchdog);
  const alertmanager = alertmanagerAt(url);
  const series = maintenanceSeries(metrics, () => [BY_HAND, ...planned.windows.map(({ name }) => name)]);
  const notices =
    notifications === undefined || takeIn === undefined
      ? undefined
      : maintenanceNotices({
          ...{ config: notifications, store, alertmanager, takeIn, wallMs, nowMs },
          absentForMs: options.absentForMs ?? ABSENT_FOR_MS,
        });
  const reconciler: ReconcilerOptions = {
    db: store,
    alertmanager,
    isLeader,
    planned: () => planned,
    occurrence,
    watchdog,
    absentForMs: options.absentForMs ?? ABSENT_FOR_MS,
    async begun(wish) {
      log.info('silence made', { kind: wish.kind, name: wish.name, by: wish.owner, until: momentOf(wish) });
      await notices?.begun(wish);
    },
    async over(wish, reason, alerts) {
      log.info('silence over', { kind: wish.kind, name: wish.name, reason, still_firing: alerts.length });
      await notices?.over(wish, reason, alerts);
    },
    recreated: () => series.recreated(),
  };
  // A call and the job at the same time would both find nothing and make two.
  const turns = new Turns(1);
  let ghostsAtMs = Number.NEGATIVE_INFINITY;

  /** Every step is taken, whatever becomes of those before it; rejects with the first failure. */
  async function pass(signal: AbortSignal): Promise<void> {
    const failures: unknown[] = [];
    const attempt = async (step: () => Promise<void>) => {
      if (failures.some(isAway)) return;
      await step().catch((err: unknown) => failures.push(err));
    };
    await attempt(() => followWindows(reconciler));
    await attempt(() => reconcile(reconciler, signal));
    await attempt(async () => notices?.follow(signal));
    await attempt(async () => {
      if (nowMs() - ghostsAtMs < GHOSTS_EVERY_MS) return;
      await endGhosts(reconciler, signal);
      ghostsAtMs = nowMs();
    });
    if (failures.length > 0) throw failures[0];
  }

  async function refresh(): Promise<void> {
    const wishes = await openWishes(store);
    series.take(wishes.map(seen));
  }

  /**
   * Brings Alertmanager to wishes now where we may, and waits for the leader where we may not. False when they are not
   * seen to be held, or to be over, in time.
   */
  async function settled(wishes: readonly Wish[], end: 'held' | 'over'): Promise<boolean> {
    const untilMs = nowMs() + SETTLE_MS;
    const giveUp = AbortSignal.timeout(SETTLE_MS);
    const ids = wishes.map(({ id }) => id);
    let isTried = false;
    const tried = isLeader()
      ? turns
          .take(giveUp, () => reconcile(reconciler, giveUp, ids))
          .finally(() => {
            // Without the lead it is not ours to give up: whoever has it now may still do it.
            isTried = isLeader();
          })
      : Promise.resolve();
    tried.catch((err) => log.warn('Alertmanager does not have a silence as it is wanted yet', { err }));
    for (;;) {
      const isLast = isTried || nowMs() > untilMs;
      const open = await openWishesOf(store, ids);
      // Each by its id: one that is gone is over, and will not be held.
      if (end === 'over' ? open.length === 0 : open.filter(isHeld).length === ids.length) return true;
      if (isLast || (end === 'held' && open.length < ids.length)) return false;
      await pause(SETTLE_LOOK_MS);
    }
  }

  async function held(wishes: readonly Wish[]): Promise<'active' | 'pending'> {
    return (await settled(wishes, 'held')) ? 'active' : 'pending';
  }

  async function want(wish: NewWish): Promise<{ wish: Wish; state: 'active' | 'pending' }> {
    const stored = await wantWish(store, wish);
    const state = await held([stored]);
    await refresh();
    return { wish: (await openWish(store, stored.id)) ?? stored, state };
  }

  async function off(by: string): ReturnType<MaintenanceDeps['disable']> {
    const planned = async () => (await openWishes(store)).filter(({ kind }) => kind !== 'resolve');
    const wishes = (await planned()).filter(isOn);
    await cancelWishes(store, { kinds: ['maintenance', 'window'] }, by);
    // Those too that somebody ended before, and that Alertmanager has still.
    const ending = (await planned()).filter((wish) => !isOn(wish));
    const isOver = await settled(ending, 'over');
    await refresh();
    return { wishes, state: isOver ? 'ended' : 'ending' };
  }

  const job: Job = {
    name: 'maintenance',
    intervalMs: LOOK_EVERY_MS,
    deadlineMs: 60_000,
    toleranceMs: 15_000,
    backoff: { firstMs: 500, maxMs: LOOK_EVERY_MS },
    async run(signal) {
      if (!isReady()) return;
      try {
        if (isLeader()) await turns.take(signal, () => pass(signal));
      } finally {
        await refresh();
      }
    },
  };
  const forget: Job = {
    name: 'maintenance_forget',
    intervalMs: FORGET_EVERY_MS,
    deadlineMs: 30_000,
    backoff: { firstMs: 1_000, maxMs: 60_000 },
    async run() {
      if (isReady()) await forgetWishes(store);
    },
  };
  return {
    canTake: (next) => conditionsOf(next, watchdog) !== undefined,
    take(next) {
      const conditions = conditionsOf(next, watchdog);
      if (conditions === undefined) return;
      planned = next;
      defaults = conditions;
    },
    jobs: () => [job, forget],
    chat: {
      async want({ chat, ...wish }) {
        const { state } = await want({ ...wish, kind: 'maintenance', name: BY_HAND, reason: '', chat });
        return state === 'active' ? 'done' : 'pending';
      },
      async off(by) {
        const { wishes, state } = await off(by);
        return { ended: wishes.length, outcome: state === 'ended' ? 'done' : 'pending' };
      },
    },
    http: {
      watchdog,
      defaultMatchers: () => defaults,
      async enable({ minutes, ...ask }) {
        const wish = {
          ...ask,
          kind: 'maintenance',
          name: BY_HAND,
          tag: tagOf(randomBytes(6).toString('hex')),
          chat: undefined,
        } as const;
        return want({ ...wish, durationMs: minutes * 60_000 });
      },
      disable: off,
      resolve: (ask) => resolveAlerts({ store, alertmanager, watchdog, wallMs, takeIn, settled: held }, ask),
      async status() {
        const atMs = wallMs();
        const open = await openWishes(store);
        return {
          at: new Date(atMs),
          wishes: open.filter(isOn),
          ending: open.filter((wish) => !isOn(wish)),
          windows: planned.windows.map((window) => ({ ...window, next: nextOccurrence(window, atMs) })),
        };
      },
    },
  };
}

/** The conditions of planned work that names none; undefined when they or those of a window may not be. */
function conditionsOf(
  { matchers, windows }: MaintenanceConfig,
  watchdog: string,
): readonly Matcher[] | undefined {
  const [defaults, ...others] = [matchers, ...windows.map((window) => window.matchers ?? matchers)].map(
    (set) => guardedMatchers(Object.entries(set), watchdog),
  );
  return defaults?.ok && others.every(({ ok }) => ok) ? defaults.matchers : undefined;
}

/** No condition at all would be no silence at all, told as one. */
function refuse(watchdog: string): never {
  const what = 'names conditions that no silence may have';
  const remedy = `Name 1 to 10 labels with their values, and not the alert ${watchdog}`;
  throw new ConfigError([{ path: 'maintenance', where: undefined, value: undefined, what, remedy }]);
}

function isOn(wish: Wish): boolean {
  return stateOf(wish) !== 'ending';
}

function isHeld(wish: Wish): boolean {
  return stateOf(wish) === 'active';
}

function seen(wish: Wish): SeenWish {
  const window = wish.kind === 'resolve' ? undefined : wish.name;
  const [sinceSeconds, untilSeconds] = [wish.startsAtMs / 1000, wish.untilMs / 1000];
  return { window, state: stateOf(wish), sinceSeconds, untilSeconds };
}

function momentOf({ untilMs }: Wish): string {
  return new Date(untilMs).toISOString();
}
