/** Owns the series of the configuration files: whether each was good when it was last read, and what a restart is wanted for. */
import type { Metrics } from './registry.js';

/** The files that are read again while the process runs. */
export type ReloadedFile = 'configuration' | 'web configuration';

/** Writes the series. */
export interface ReloadSeries {
  /** A file was read; one that is good does not make up for another one that is not. */
  read(file: ReloadedFile, verdict: 'good' | 'refused'): void;
  /** Something of a file was put in force. */
  taken(): void;
  /** What the file says and only a restart puts in force; nothing when it is empty. */
  waiting(sections: readonly string[]): void;
}

/** The series as they are after a start, for which every file was good. `wallMs`: wall clock in milliseconds. */
export function reloadSeries(
  metrics: Pick<Metrics, 'configReloadSuccessful' | 'configReloadSuccessTime' | 'configRestartRequired'>,
  wallMs: () => number,
): ReloadSeries {
  const refused = new Set<ReloadedFile>();
  const series: ReloadSeries = {
    read(file, verdict) {
      if (verdict === 'refused') refused.add(file);
      else refused.delete(file);
      metrics.configReloadSuccessful.set({}, refused.size === 0 ? 1 : 0);
    },
    taken: () => metrics.configReloadSuccessTime.set({}, wallMs() / 1000),
    waiting: (sections) => metrics.configRestartRequired.set({}, sections.length === 0 ? 0 : 1),
  };
  metrics.configReloadSuccessful.set({}, 1);
  series.taken();
  series.waiting([]);
  return series;
}
