/** Owns the circuit breaker's states and every rule that leads from one to the next, as a pure function. */

/** The states of a breaker; the literals are the label values on the wire. */
export const breakerStates = ['closed', 'open', 'half_open', 'forced_open', 'forced_closed'] as const;
/** One state of a breaker. */
export type BreakerStateName = (typeof breakerStates)[number];

/** Why a breaker entered its state. */
export const breakerCauses = [
  'created',
  'consecutive_failures',
  'failure_rate',
  'slow_rate',
  'recovery_elapsed',
  'trial_failed',
  'trials_succeeded',
  'tripped',
  'reset',
  'forced',
  'force_cleared',
  'restored',
] as const;
/** Why a breaker entered its state. */
export type BreakerCause = (typeof breakerCauses)[number];

interface Entered {
  /** Rises with each entry of a state; a result that began in an earlier generation changes nothing. */
  readonly generation: number;
  /** Moment of entry on the monotonic clock, milliseconds. */
  readonly sinceMs: number;
  readonly cause: BreakerCause;
}

/** A trial whose caller gave up while its function went on; it holds its place until `untilMs` on the monotonic clock. */
export interface Abandoned {
  readonly untilMs: number;
}

/** The state of a breaker; each member carries only what is true in it. */
export type BreakerState =
  | (Entered & { readonly kind: 'closed'; readonly consecutiveFailures: number })
  | (Entered & { readonly kind: 'open'; readonly untilMs: number; readonly trips: number })
  | (Entered & {
      readonly kind: 'half_open';
      /** Trials under way, the abandoned ones included. */
      readonly trials: number;
      /** Those of them that nobody waits for. */
      readonly abandoned: readonly Abandoned[];
      /** Trials that succeeded. */
      readonly successes: number;
      /** Openings since the breaker was last closed; sets the next recovery time. */
      readonly trips: number;
    })
  | (Entered & { readonly kind: 'forced_open' })
  | (Entered & { readonly kind: 'forced_closed' });

/** The numbers that the rules use, validated by the breaker. */
export interface BreakerRules {
  readonly failureThreshold: number;
  readonly successThreshold: number;
  readonly maxTrials: number;
  readonly recoveryTimeoutMs: number;
  readonly recoveryFactor: number;
  readonly maxRecoveryTimeoutMs: number;
  /** Undefined switches the rule off. */
  readonly failureRateThreshold: number | undefined;
  /** Undefined switches the rule off. */
  readonly slowRateThreshold: number | undefined;
  readonly minimumCalls: number;
}

/** What a window of recent calls holds. */
export interface CallTally {
  readonly calls: number;
  readonly failures: number;
  readonly slow: number;
}

/** What can happen to a breaker. */
export type BreakerInput =
  /** Time has passed. */
  | { readonly kind: 'tick' }
  /** A call that `admits` let through has begun. */
  | { readonly kind: 'begin' }
  /** A call that began in `generation` has ended; `neutral` says nothing about the dependency. */
  | {
      readonly kind: 'result';
      readonly generation: number;
      readonly result: 'success' | 'slow' | 'failure' | 'neutral';
      readonly tally: CallTally | undefined;
    }
  /** The caller of a call that began in `generation` has given up; the function goes on. */
  | { readonly kind: 'abandon'; readonly generation: number; readonly place: Abandoned }
  /** The function of an abandoned call has ended. */
  | { readonly kind: 'leave'; readonly place: Abandoned }
  | { readonly kind: 'trip' | 'reset' | 'force_open' | 'force_close' | 'clear_force' };

/** A breaker as it is made. */
export function closedState(nowMs: number): BreakerState {
  return { kind: 'closed', generation: 1, sinceMs: nowMs, cause: 'created', consecutiveFailures: 0 };
}

/** True when a call may begin now. */
export function admits(state: BreakerState, rules: BreakerRules): boolean {
  if (state.kind === 'half_open') return state.trials < rules.maxTrials;
  return state.kind === 'closed' || state.kind === 'forced_closed';
}

/** The recovery time after the given number of openings in a row, milliseconds. */
export function recoveryMs(trips: number, rules: BreakerRules): number {
  return Math.min(rules.maxRecoveryTimeoutMs, rules.recoveryTimeoutMs * rules.recoveryFactor ** (trips - 1));
}

/** The next state; the same object when nothing changes. */
export function decide(
  state: BreakerState,
  input: BreakerInput,
  nowMs: number,
  rules: BreakerRules,
): BreakerState {
  switch (input.kind) {
    case 'tick':
      if (state.kind === 'half_open') return withoutPlaces(state, ({ untilMs }) => untilMs <= nowMs);
      if (state.kind !== 'open' || nowMs < state.untilMs) return state;
      return halfOpen(state, state.untilMs, 'recovery_elapsed', state.trips);
    case 'begin':
      return state.kind === 'half_open' ? { ...state, trials: state.trials + 1 } : state;
    case 'result':
      // A call begun before the trip must neither close the circuit nor open it again.
      if (input.generation !== state.generation) return state;
      if (state.kind === 'closed') return afterClosedCall(state, input, nowMs, rules);
      return state.kind === 'half_open' ? afterTrial(state, input.result, nowMs, rules) : state;
    case 'abandon':
      if (state.kind !== 'half_open' || input.generation !== state.generation) return state;
      return { ...state, abandoned: [...state.abandoned, input.place] };
    case 'leave':
      return state.kind === 'half_open' ? withoutPlaces(state, (one) => one === input.place) : state;
    case 'trip':
      if (state.kind === 'closed') return open(state, nowMs, 'tripped', 1, rules);
      return state.kind === 'half_open' ? open(state, nowMs, 'tripped', state.trips + 1, rules) : state;
    case 'reset':
      return isForced(state) ? state : closed(state, nowMs, 'reset');
    case 'force_open':
      return state.kind === 'forced_open' ? state : forced(state, 'forced_open', nowMs);
    case 'force_close':
      return state.kind === 'forced_closed' ? state : forced(state, 'forced_closed', nowMs);
    case 'clear_force':
      if (state.kind === 'forced_closed') return closed(state, nowMs, 'force_cleared');
      // Nobody called the dependency meanwhile: a few trials first, not the whole load.
      return state.kind === 'forced_open' ? halfOpen(state, nowMs, 'force_cleared', 1) : state;
  }
}

function afterClosedCall(
  state: BreakerState & { kind: 'closed' },
  input: BreakerInput & { kind: 'result' },
  nowMs: number,
  rules: BreakerRules,
): BreakerState {
  if (input.result === 'neutral') return state;
  const failures = input.result === 'failure' ? state.consecutiveFailures + 1 : 0;
  if (failures >= rules.failureThreshold) return open(state, nowMs, 'consecutive_failures', 1, rules);
  const { tally } = input;
  if (tally !== undefined && tally.calls >= rules.minimumCalls) {
    const { failureRateThreshold, slowRateThreshold } = rules;
    if (failureRateThreshold !== undefined && tally.failures / tally.calls >= failureRateThreshold) {
      return open(state, nowMs, 'failure_rate', 1, rules);
    }
    if (slowRateThreshold !== undefined && tally.slow / tally.calls >= slowRateThreshold) {
      return open(state, nowMs, 'slow_rate', 1, rules);
    }
  }
  return failures === state.consecutiveFailures ? state : { ...state, consecutiveFailures: failures };
}

function afterTrial(
  state: BreakerState & { kind: 'half_open' },
  result: 'success' | 'slow' | 'failure' | 'neutral',
  nowMs: number,
  rules: BreakerRules,
): BreakerState {
  // A slow trial shows a dependency that is not well yet; only breakers with a slow-call rule see `slow`.
  if (result === 'failure' || result === 'slow') {
    return open(state, nowMs, 'trial_failed', state.trips + 1, rules);
  }
  const trials = Math.max(0, state.trials - 1);
  if (result === 'neutral') return { ...state, trials };
  const successes = state.successes + 1;
  if (successes >= rules.successThreshold) return closed(state, nowMs, 'trials_succeeded');
  return { ...state, trials, successes };
}

/** Frees the places of abandoned trials, or a caller that gives up again and again would start trials without bound. */
function withoutPlaces(
  state: BreakerState & { kind: 'half_open' },
  isFree: (place: Abandoned) => boolean,
): BreakerState {
  if (state.abandoned.length === 0) return state;
  const abandoned = state.abandoned.filter((place) => !isFree(place));
  const freed = state.abandoned.length - abandoned.length;
  return freed === 0 ? state : { ...state, trials: state.trials - freed, abandoned };
}

function isForced(state: BreakerState): boolean {
  return state.kind === 'forced_open' || state.kind === 'forced_closed';
}

function closed(from: BreakerState, sinceMs: number, cause: BreakerCause): BreakerState {
  return { kind: 'closed', generation: from.generation + 1, sinceMs, cause, consecutiveFailures: 0 };
}

function open(
  from: BreakerState,
  sinceMs: number,
  cause: BreakerCause,
  trips: number,
  rules: BreakerRules,
): BreakerState {
  const untilMs = sinceMs + recoveryMs(trips, rules);
  return { kind: 'open', generation: from.generation + 1, sinceMs, cause, untilMs, trips };
}

function halfOpen(from: BreakerState, sinceMs: number, cause: BreakerCause, trips: number): BreakerState {
  const generation = from.generation + 1;
  return { kind: 'half_open', generation, sinceMs, cause, trials: 0, abandoned: [], successes: 0, trips };
}

function forced(from: BreakerState, kind: 'forced_open' | 'forced_closed', sinceMs: number): BreakerState {
  return { kind, generation: from.generation + 1, sinceMs, cause: 'forced' };
}
