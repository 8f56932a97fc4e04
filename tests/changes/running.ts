/** Owns a flow's runner for tests: over a watched table, with a clock and a leadership that the test moves. */
import { FlowRunner, type RunnerConfig, type RunnerEvent } from '../../src/changes/flow-runner.js';
import { Turns } from '../../src/changes/turns.js';
import { watchedOf } from './captured.js';
import { BOUNDS, ON, type Watching } from './watching.js';

/** A runner; it leads, and its clock stands still, until told otherwise. */
export interface Running {
  readonly runner: FlowRunner;
  readonly events: RunnerEvent[];
  clock: { ms: number; leads: boolean };
  /** As many rounds as it takes to read everything. */
  rounds(): Promise<void>;
}

/** A runner in mode `auto` unless told otherwise. */
export function running(w: Watching, parts: Partial<RunnerConfig> = {}): Running {
  const events: RunnerEvent[] = [];
  const clock = { ms: 1_000_000, leads: true };
  const config = { ...watchedOf({ statuses: ['a', 'b', 'c'], capture: 'auto' }), ...parts };
  const runner = new FlowRunner({
    config: { pollIntervalMs: 1000, auditIntervalMs: 60_000, ...config },
    source: w.source,
    store: w.store,
    boundsSeconds: BOUNDS,
    pageSize: 100,
    readIntervalMs: { min: 20, max: 500 },
    scans: new Turns(1),
    failpoint: () => {},
    isLeader: () => clock.leads,
    report: (event) => events.push(event),
    nowMs: () => clock.ms,
  });
  const rounds = async () => {
    for (let n = 0; n < 3; n += 1) while ((await runner.tick(ON)) === 0);
  };
  return { runner, events, clock, rounds };
}
