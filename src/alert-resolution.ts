/** Owns what happens when somebody calls an alert resolved: silenced until it is over, told, and kept in the history. */
import { randomBytes } from 'node:crypto';
import type { AlertBatch } from './alerts/alert.js';
import type { ActiveAlert, Alertmanager } from './alerts/alertmanager.js';
import { isAbout } from './alerts/component.js';
import { isMatched, type Matcher } from './alerts/silence.js';
import type { MaintenanceDeps, SilenceState } from './http/maintenance-api.js';
import { HttpProblem } from './http/problem.js';
import { LONGEST_RESOLVE_MS, tagOf, type Wish } from './maintenance/wish.js';
import { wantWish } from './maintenance/wish-store.js';
import { endedBatches } from './notifications/manual-end.js';
import type { Database } from './storage/database.js';

/** Alerts that one call may end: more are another problem than one that somebody has solved. */
const MOST_RESOLVED = 50;

/** What a resolution needs. */
export interface ResolutionOptions {
  readonly store: Database;
  readonly alertmanager: Alertmanager;
  /** Name of the alert that is never silenced. */
  readonly watchdog: string;
  /** Wall clock in milliseconds. */
  readonly wallMs: () => number;
  /** Takes in a batch as the webhook does; undefined without a way to people. */
  readonly takeIn: ((batch: AlertBatch) => Promise<unknown>) | undefined;
  /** Brings Alertmanager to these wishes. */
  readonly settled: (wishes: readonly Wish[]) => Promise<SilenceState>;
}

/**
 * Resolves what is asked for; undefined when no such alert fires. Rejects with the errors of the store and of
 * Alertmanager, and with an HttpProblem before anything is stored when too many fire.
 */
export async function resolveAlerts(
  options: ResolutionOptions,
  ask: Parameters<MaintenanceDeps['resolve']>[0],
): ReturnType<MaintenanceDeps['resolve']> {
  const { store, alertmanager, watchdog, wallMs, takeIn, settled } = options;
  const { component, alertType: name, by, reason } = ask;
  const active = await alertmanager.alerts([{ name: 'alertname', value: name, isEqual: true }]);
  const about = active.filter(({ labels }) => isAbout(labels, component));
  if (name === watchdog || about.length === 0) return undefined;
  if (about.length > MOST_RESOLVED) throw tooMany(about.length);
  const wishes: Wish[] = [];
  for (const matchers of setsOf(about)) {
    const tag = tagOf(randomBytes(6).toString('hex'));
    const wish = { kind: 'resolve', name, tag, matchers, owner: by, reason, chat: undefined } as const;
    wishes.push(await wantWish(store, { ...wish, durationMs: LONGEST_RESOLVE_MS }));
  }
  const state = await settled(wishes);
  const endedAtMs = Math.floor(wallMs());
  const fingerprints = new Set(about.map(({ fingerprint }) => fingerprint));
  for (const batch of await endedBatches(store, fingerprints, endedAtMs, by)) await takeIn?.(batch);
  const startsAtMs = Math.min(...about.map((alert) => alert.startsAtMs));
  return { alerts: about.length, state, lastedSeconds: Math.max(0, endedAtMs - startsAtMs) / 1000, wishes };
}

function tooMany(count: number): HttpProblem {
  return new HttpProblem({
    status: 409,
    title: 'Conflict',
    code: 'TOO_MANY_ALERTS',
    detail: `${count} alerts of this name fire for this component, and one call ends at most ${MOST_RESOLVED}; none was ended`,
    remedy: 'name a narrower component, or silence them together with /api/monitoring/maintenance/enable',
  });
}

/** All labels of each alert, but for an escalated copy: it has one label more, and the silence of the original mutes it too. */
function setsOf(alerts: readonly ActiveAlert[]): readonly (readonly Matcher[])[] {
  const sets = alerts.map(({ labels }) =>
    Object.entries(labels).map(([name, value]): Matcher => ({ name, value, isEqual: true })),
  );
  return sets.filter((set, index) => {
    const { labels } = alerts[index]!;
    return !sets.some((other) => other.length < set.length && isMatched(labels, other));
  });
}
