/** Owns the series of the sizes of a lane of work: the sizes as a scrape finds them, their changes as they come. */
import { workSizeMoves } from '../resilience/events.js';
import type { WorkSizer } from '../resilience/work-sizer.js';
import type { Metrics } from './registry.js';
import { claimName } from './watched-names.js';

/**
 * Puts a work sizer on the metrics, every series there at once. The answer ends the watch: counters stay, the series that
 * say what is now go. Throws WatchError when another sizer has the same name.
 */
export function watchWorkSizer(metrics: Metrics, sizer: WorkSizer): () => void {
  const watch = () => watchOnly(metrics, sizer);
  return claimName(metrics, { kind: 'work sizer', name: sizer.name, owner: sizer, watch });
}

function watchOnly(metrics: Metrics, sizer: WorkSizer): () => void {
  const lane = sizer.name;
  for (const move of workSizeMoves) metrics.workSizeChanges.bind({ lane, ...move });
  const silence = sizer.onEvent((event) => {
    if (event.kind !== 'work_size') return;
    const { parameter, direction, reason } = event;
    metrics.workSizeChanges.inc({ lane, parameter, direction, reason });
  });
  const refresh = () => {
    metrics.batchSize.set({ lane }, sizer.batchSize);
    metrics.parallelism.set({ lane }, sizer.parallelism);
    metrics.workSizerOn.set({ lane }, sizer.isOn ? 1 : 0);
  };
  refresh();
  const forget = metrics.onScrape(refresh);
  return () => {
    silence();
    forget();
    for (const gauge of [metrics.batchSize, metrics.parallelism, metrics.workSizerOn]) gauge.remove({ lane });
  };
}
