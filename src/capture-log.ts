/** Owns the lines of the log about capture: what was opened, begun, missed, or moved as nobody declared. */
import type { RunnerEvent } from './changes/flow-runner.js';
import type { RootLogger } from './telemetry/logger.js';

/** Writes the line of an event, where it has one. */
export function tellCapture(log: RootLogger, event: RunnerEvent): void {
  const logger = log.named('capture');
  switch (event.kind) {
    case 'opened':
      logger.info('flow opened', { flow: event.flow.name, mode: event.mode, why: event.why });
      break;
    case 'baseline':
      logger.info('baseline taken', { flow: event.flow, items: event.items });
      break;
    case 'gap':
      logger.error('changes were missed; gauges repaired from the table', { ...event });
      break;
    case 'unexpected':
      logger.warn('moves outside the declared life cycle', { ...event });
      break;
  }
}
