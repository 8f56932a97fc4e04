/** Owns the series of the load mode: the mode as a scrape finds it, what was turned away as it comes. */
import { loadShedReasons } from '../resilience/errors.js';
import { loadModes, loadSignals } from '../resilience/events.js';
import type { LoadController } from '../resilience/load-controller.js';
import type { Metrics } from './registry.js';
import { claimName } from './watched-names.js';

/**
 * Puts the load controller of the process on the metrics, every series there at once. The answer ends the watch: counters
 * stay, the series that say what is now go. Throws WatchError when another controller is on them already.
 */
export function watchLoad(metrics: Metrics, controller: LoadController): () => void {
  const watch = () => watchOnly(metrics, controller);
  return claimName(metrics, { kind: 'load controller', name: 'load', owner: controller, watch });
}

function watchOnly(metrics: Metrics, controller: LoadController): () => void {
  const shed = new Map(loadShedReasons.map((reason) => [reason, metrics.loadShed.bind({ reason })]));
  const drained = metrics.loadDrained.bind({});
  const silence = controller.onEvent((event) => {
    if (event.kind === 'load_shed') shed.get(event.reason)?.inc();
    else if (event.kind === 'load_drained') drained.inc();
  });
  const refresh = () => {
    for (const mode of loadModes) metrics.loadMode.set({ mode }, mode === controller.mode ? 1 : 0);
    metrics.loadDeferred.set({}, controller.deferred);
    for (const signal of loadSignals) {
      const value = controller.reading[`${signal}Ratio`];
      // What is not read, or could not be read, has no series: a zero would be an idle machine.
      if (value === undefined || !Number.isFinite(value)) metrics.loadSignal.remove({ signal });
      else metrics.loadSignal.set({ signal }, value);
    }
  };
  refresh();
  const forget = metrics.onScrape(refresh);
  return () => {
    silence();
    forget();
    for (const mode of loadModes) metrics.loadMode.remove({ mode });
    for (const signal of loadSignals) metrics.loadSignal.remove({ signal });
    metrics.loadDeferred.remove({});
  };
}
