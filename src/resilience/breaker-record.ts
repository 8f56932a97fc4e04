/** Owns the form in which a breaker's state survives a restart: durations only, because moments of another process mean nothing. */
import {
  type BreakerRules,
  type BreakerState,
  type BreakerStateName,
  breakerStates,
} from './breaker-state.js';
import { read } from './classify.js';

/** A breaker's state as plain JSON. Durations in milliseconds. */
export interface BreakerRecord {
  readonly version: 1;
  readonly state: BreakerStateName;
  /** Failures in a row; 0 unless closed. */
  readonly consecutiveFailures: number;
  /** Openings since the last closing; 0 unless open or half-open. */
  readonly trips: number;
  /** Time left until the first trial; 0 unless open. */
  readonly remainingMs: number;
  /** Successful trials so far; 0 unless half-open. */
  readonly successes: number;
}

/** The record of a state at a moment. */
export function recordOf(state: BreakerState, nowMs: number): BreakerRecord {
  return {
    version: 1,
    state: state.kind,
    consecutiveFailures: state.kind === 'closed' ? state.consecutiveFailures : 0,
    trips: state.kind === 'open' || state.kind === 'half_open' ? state.trips : 0,
    remainingMs: state.kind === 'open' ? Math.max(0, state.untilMs - nowMs) : 0,
    successes: state.kind === 'half_open' ? state.successes : 0,
  };
}

/** The state of a record, so long after its export; undefined when it is no record. Trials under way are not taken up. */
export function stateFrom(
  record: unknown,
  downtimeMs: number,
  nowMs: number,
  generation: number,
  rules: BreakerRules,
): BreakerState | undefined {
  const kind = breakerStates.find((name) => name === read(record, 'state'));
  const numbers = ['consecutiveFailures', 'trips', 'remainingMs', 'successes'].map((field) =>
    read(record, field),
  );
  if (kind === undefined || read(record, 'version') !== 1 || !numbers.every(isAmount)) return undefined;
  const [failures, trips, remainingMs, successes] = numbers as [number, number, number, number];
  const entered = { generation, sinceMs: nowMs, cause: 'restored' } as const;
  switch (kind) {
    case 'closed':
      // One below the threshold at most: the circuit opens on a failure of this process, never on a file.
      return {
        ...entered,
        kind,
        consecutiveFailures: Math.min(Math.floor(failures), rules.failureThreshold - 1),
      };
    case 'open': {
      const leftMs = remainingMs - (isAmount(downtimeMs) ? downtimeMs : 0);
      // A damaged record must not keep the circuit open for longer than the breaker itself would.
      const untilMs = nowMs + Math.min(Math.max(0, leftMs), rules.maxRecoveryTimeoutMs);
      return { ...entered, kind, untilMs, trips: wholeTrips(trips) };
    }
    case 'half_open': {
      const done = Math.min(Math.floor(successes), rules.successThreshold - 1);
      return { ...entered, kind, trials: 0, abandoned: [], successes: done, trips: wholeTrips(trips) };
    }
    default:
      return { ...entered, kind };
  }
}

function wholeTrips(trips: number): number {
  return Math.min(1_000, Math.max(1, Math.floor(trips)));
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY;
}
