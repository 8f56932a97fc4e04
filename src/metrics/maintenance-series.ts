/** Owns the series of planned work: which window is on and until when, and whether Alertmanager has its silences. */
import type { Metrics } from './registry.js';

/** What the series need to know of a wish. */
export interface SeenWish {
  /** Undefined for a silence that is no maintenance. */
  readonly window: string | undefined;
  readonly untilSeconds: number;
  readonly state: 'active' | 'pending' | 'ending';
}

/** Writes the series. */
export interface MaintenanceSeries {
  /** Takes the wishes that are open now. */
  take(wishes: readonly SeenWish[]): void;
  recreated(): void;
}

/** The series of these windows, all of them at 0 from the start. */
export function maintenanceSeries(metrics: Metrics, windows: readonly string[]): MaintenanceSeries {
  const series: MaintenanceSeries = {
    take(wishes) {
      for (const window of windows) {
        const ends = wishes
          .filter((one) => one.window === window && one.state !== 'ending')
          .map(({ untilSeconds }) => untilSeconds);
        metrics.maintenanceActive.set({ window }, ends.length > 0 ? 1 : 0);
        if (ends.length === 0) metrics.maintenanceUntil.remove({ window });
        else metrics.maintenanceUntil.set({ window }, Math.max(...ends));
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
