/** Owns the series of planned work: which window is on, since when and until when, and whether Alertmanager has its silences. */
import type { Metrics } from './registry.js';

/** What the series need to know of a wish. */
export interface SeenWish {
  /** Undefined for a silence that is no maintenance. */
  readonly window: string | undefined;
  /** Seconds since the epoch. */
  readonly sinceSeconds: number;
  readonly untilSeconds: number;
  readonly state: 'active' | 'pending' | 'ending';
}

/** Writes the series. */
export interface MaintenanceSeries {
  /** Takes the wishes that are open now. */
  take(wishes: readonly SeenWish[]): void;
  recreated(): void;
}

/** The series of these windows, all of them at 0 from the start; those of a window that is gone end. */
export function maintenanceSeries(metrics: Metrics, windows: () => readonly string[]): MaintenanceSeries {
  let shown: readonly string[] = [];
  const series: MaintenanceSeries = {
    take(wishes) {
      const now = windows();
      for (const window of shown.filter((name) => !now.includes(name))) {
        metrics.maintenanceActive.remove({ window });
        metrics.maintenanceSince.remove({ window });
        metrics.maintenanceUntil.remove({ window });
      }
      shown = now;
      for (const window of now) {
        const on = wishes.filter((one) => one.window === window && one.state !== 'ending');
        metrics.maintenanceActive.set({ window }, on.length > 0 ? 1 : 0);
        if (on.length === 0) {
          metrics.maintenanceSince.remove({ window });
          metrics.maintenanceUntil.remove({ window });
          continue;
        }
        metrics.maintenanceSince.set({ window }, Math.min(...on.map(({ sinceSeconds }) => sinceSeconds)));
        metrics.maintenanceUntil.set({ window }, Math.max(...on.map(({ untilSeconds }) => untilSeconds)));
      }
      for (const state of ['active', 'pending', 'ending'] as const)
        metrics.maintenanceSilences.set({ state }, wishes.filter((one) => one.state === state).length);
    },
    recreated: () => metrics.maintenanceRecreated.inc({}),
  };
  series.take([]);
  metrics.maintenanceRecreated.inc({}, 0);
  return series;
}
