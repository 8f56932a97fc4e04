/** Owns the ends that nobody else tells: of alerts that were muted and stay away once they are no longer. */
import type { AlertBatch } from '../alerts/alert.js';
import type { Alertmanager } from '../alerts/alertmanager.js';
import { isMatched, type Matcher } from '../alerts/silence.js';
import type { Database } from '../storage/database.js';
import { firingBatches } from './firing-groups.js';

/** Without a look for so long nobody knows what was there meanwhile. */
const LONGEST_GAP_MS = 30_000;

/** What the looking needs. */
export interface MutedEndsOptions {
  readonly store: Database;
  readonly alertmanager: Alertmanager;
  /** How long an alert must be away before it counts as over, milliseconds: a restarted Alertmanager knows none at all. */
  readonly absentForMs: number;
  readonly takeIn: (batch: AlertBatch) => Promise<unknown>;
  /** Wall clock in milliseconds. */
  readonly wallMs: () => number;
  /** Monotonic clock in milliseconds. */
  readonly nowMs: () => number;
}

/** Looks, and remembers since when an alert is away: only in this process, another one begins anew. */
export interface MutedEnds {
  /** One look at the alerts that meet one of these sets of conditions. Rejects with the errors of store and Alertmanager. */
  look(sets: readonly (readonly Matcher[])[], signal: AbortSignal): Promise<void>;
}

interface Absence {
  readonly sinceMs: number;
  readonly wallMs: number;
}

/** The looking, before its first look. */
export function openMutedEnds(options: MutedEndsOptions): MutedEnds {
  const { store, alertmanager, absentForMs, takeIn, wallMs, nowMs } = options;
  let absences: ReadonlyMap<string, Absence> = new Map();
  let lookedMs = Number.NEGATIVE_INFINITY;

  /** Those that the store has as firing, that meet the conditions, and that Alertmanager does not list. */
  async function awayNow(
    firing: readonly AlertBatch[],
    sets: readonly (readonly Matcher[])[],
    signal: AbortSignal,
  ): Promise<ReadonlySet<string>> {
    const away = new Set<string>();
    for (const matchers of sets) {
      const ours = firing.flatMap(({ alerts }) => alerts.filter(({ labels }) => isMatched(labels, matchers)));
      if (ours.length === 0) continue;
      const listed = new Set(
        (await alertmanager.alerts(matchers, signal)).map(({ fingerprint }) => fingerprint),
      );
      for (const { fingerprint } of ours) if (!listed.has(fingerprint)) away.add(fingerprint);
    }
    return away;
  }

  return {
    async look(sets, signal) {
      const before = nowMs() - lookedMs > LONGEST_GAP_MS ? new Map<string, Absence>() : absences;
      // A look that fails is none.
      absences = new Map();
      const firing = sets.length === 0 ? [] : await firingBatches(store, wallMs());
      const away = await awayNow(firing, sets, signal);
      lookedMs = nowMs();
      const now = { sinceMs: lookedMs, wallMs: wallMs() };
      absences = new Map([...away].map((fingerprint) => [fingerprint, before.get(fingerprint) ?? now]));
      for (const batch of firing) {
        const over = batch.alerts.flatMap((alert) => {
          const absence = absences.get(alert.fingerprint);
          if (absence === undefined || lookedMs - absence.sinceMs < absentForMs) return [];
          return [{ ...alert, endsAtMs: Math.max(absence.wallMs, alert.startsAtMs) }];
        });
        if (over.length > 0) await takeIn({ ...batch, alerts: over });
      }
    },
  };
}
