/** Owns the rules by which a limit moves, as pure functions of a state and a sample; permits and queues are the limiter's. */
import type { PermitOutcome } from './events.js';
import { OptionReader } from './options.js';

/** A number that adapts itself: where it starts, and where one sample takes it. Pure, so that it can be tested and replayed. */
export interface Adaptive<State, Sample> {
  readonly initial: State;
  /** The next state; the same object when nothing changes. */
  next(state: State, sample: Sample): State;
}

/** One finished call, as a limit sees it. Moments in milliseconds on one monotonic clock. */
export interface LimitSample {
  /** `overload`: deadline, network error or 5xx; `throttled`: 429; `ignored`: says nothing, an abort for example. */
  readonly outcome: PermitOutcome;
  readonly startMs: number;
  readonly endMs: number;
  /** Calls that held a permit when this one ended, itself included. */
  readonly inFlight: number;
}

/** Where a limit stands. */
export interface LimitState {
  /** Calls at the same time; a fraction is progress towards the next whole one. */
  readonly limit: number;
  /** Moment of the last cut: calls begun before it have been paid for already. */
  readonly cutMs: number;
  /** Mean call time measured after the last probe, milliseconds; 0 before the first call. */
  readonly usualMs: number;
  /** Smoothed call time of late, milliseconds; while the usual one is being measured, that from before the probe. */
  readonly recentMs: number;
  /** Limit from before the probe, taken up again when it was not too high. */
  readonly heldLimit: number;
  /** Calls since the last probe. */
  readonly samples: number;
  /** Moment of the last probe. */
  readonly probedMs: number;
}

/** A rule for a concurrency limit. */
export interface LimitRule extends Adaptive<LimitState, LimitSample> {
  /** `timed` when the rule needs the times of the samples. */
  readonly needs: 'timed' | 'outcome';
}

/** Bounds of an adaptive limit. A wrong one throws PolicyOptionError. */
export interface LimitBounds {
  /** First limit. Default 20, put between the bounds; `min` to `max`. */
  readonly initial?: number | undefined;
  /** Lowest limit. Default 1; 1 to 100,000. */
  readonly min?: number | undefined;
  /** Highest limit. Default 200; `min` to 100,000. */
  readonly max?: number | undefined;
}

/** Options of the AIMD rule. A wrong or unknown one throws PolicyOptionError. */
export interface AimdOptions extends LimitBounds {
  /** What an overload leaves of a limit above 10. Default 0.9; 0.1 to 0.99. Up to 10 it costs one. */
  readonly backoffRatio?: number | undefined;
}

/** Options of the gradient rule. A wrong or unknown one throws PolicyOptionError. */
export interface GradientOptions extends LimitBounds {
  /** How much slower than usual a call may be before the limit falls. Default 1.5; 1 to 10. */
  readonly tolerance?: number | undefined;
  /** Share of the wished change that a full round of calls makes. Default 0.2; above 0 to 1. */
  readonly smoothing?: number | undefined;
}

/** Up to this limit a ratio is unstable (a cut to 0.9 of 3 is nothing, to a half far too much): it moves by ones. */
const SMALL = 10;
/** Calls that make the usual call time. */
const MEASURED = 50;
/** Calls between two probes. Without probes the usual time would follow a growing queue upwards, and the limit with it. */
const PROBE_EVERY = 5_000;
const START = {
  cutMs: Number.NEGATIVE_INFINITY,
  probedMs: Number.NEGATIVE_INFINITY,
  usualMs: 0,
  recentMs: 0,
  heldLimit: 0,
  samples: 0,
};

/** A limit that never moves: a whole number from 1 to 100,000. Throws PolicyOptionError. */
export function fixedLimit(limit: number): LimitRule {
  const read = new OptionReader('limit', { limit }, ['limit'], 'fixed');
  const initial = { ...START, limit: read.whole('limit', Number.NaN, 1, 100_000) };
  return { needs: 'outcome', initial, next: (state) => state };
}

/** Grows by one per round of successes, falls by a ratio on overload. Throws PolicyOptionError. */
export function aimdLimit(options: AimdOptions = {}): LimitRule {
  const read = new OptionReader('limit', options, ['initial', 'min', 'max', 'backoffRatio'], 'aimd');
  const ratio = read.number('backoffRatio', 0.9, 0.1, 0.99);
  const { min, max, initial } = bounds(read);
  return {
    needs: 'timed',
    initial,
    next(state, sample) {
      const fallen = fall(state, sample, ratio, min);
      if (fallen !== undefined) return fallen;
      return isUsed(state, sample) ? moved(state, state.limit + 1 / state.limit, min, max) : state;
    },
  };
}

/**
 * Follows the ratio of usual to recent call time, and falls on overload too. Every 5,000 calls it halves the limit for
 * a moment to measure the usual call time anew. Throws PolicyOptionError.
 */
export function gradientLimit(options: GradientOptions = {}): LimitRule {
  const known = ['initial', 'min', 'max', 'tolerance', 'smoothing'];
  const read = new OptionReader('limit', options, known, 'gradient');
  const tolerance = read.number('tolerance', 1.5, 1, 10);
  const smoothing = read.share('smoothing', 0.2);
  const { min, max, initial } = bounds(read);
  return {
    needs: 'timed',
    initial,
    next(state, sample) {
      const fallen = fall(state, sample, 0.9, min);
      if (fallen !== undefined) return fallen;
      if (sample.outcome !== 'success') return state;
      const callMs = Math.max(0.01, sample.endMs - sample.startMs);
      if (state.samples < MEASURED) return measured(state, sample, callMs, tolerance);
      if (state.samples >= PROBE_EVERY) return probe(state, sample.endMs, min);
      const recentMs = state.recentMs === 0 ? callMs : state.recentMs + (callMs - state.recentMs) / 10;
      const gradient = Math.min(1, Math.max(0.5, (tolerance * state.usualMs) / recentMs));
      const wished = state.limit * gradient + Math.sqrt(state.limit);
      // One sample is one of about `inFlight` per round, and makes its share of the round's change.
      const limit = state.limit + ((wished - state.limit) * smoothing) / Math.max(1, sample.inFlight);
      const isHeld = limit > state.limit && !isUsed(state, sample);
      const samples = state.samples + 1;
      return { ...state, recentMs, samples, limit: isHeld ? state.limit : clamp(limit, min, max) };
    },
  };
}

function bounds(read: OptionReader): { min: number; max: number; initial: LimitState } {
  const min = read.whole('min', 1, 1, 100_000);
  const max = read.whole('max', Math.max(200, min), min, 100_000);
  const limit = read.whole('initial', clamp(20, min, max), min, max);
  return { min, max, initial: { ...START, limit } };
}

/** The state after an overload or a 429; undefined when the sample is neither. */
function fall(state: LimitState, sample: LimitSample, ratio: number, min: number): LimitState | undefined {
  if (sample.outcome === 'ignored') return state;
  // A 429 says that this one call was too many, not that the half of them were.
  if (sample.outcome === 'throttled')
    return { ...moved(state, state.limit - 1, min, Number.POSITIVE_INFINITY), heldLimit: 0 };
  if (sample.outcome !== 'overload') return undefined;
  // Calls that were in flight together fail together: they are one overload, not one each.
  if (sample.startMs <= state.cutMs) return state;
  const limit = Math.max(min, state.limit <= SMALL ? state.limit - 1 : state.limit * ratio);
  return { ...state, limit, heldLimit: 0, cutMs: sample.endMs };
}

/** No growth while the present limit is not used: it would rise without ever having been tried. */
function isUsed(state: LimitState, sample: LimitSample): boolean {
  return sample.outcome === 'success' && sample.inFlight * 2 >= Math.floor(state.limit);
}

function moved(state: LimitState, limit: number, min: number, max: number): LimitState {
  const next = clamp(limit, min, max);
  return next === state.limit ? state : { ...state, limit: next };
}

function measured(state: LimitState, sample: LimitSample, callMs: number, tolerance: number): LimitState {
  // A call begun before the probe was slowed by the limit as it was then.
  if (sample.startMs < state.probedMs) return state;
  const samples = state.samples + 1;
  const usualMs = state.usualMs + (callMs - state.usualMs) / samples;
  if (samples < MEASURED) return { ...state, samples, usualMs };
  const wasFine = state.recentMs <= tolerance * usualMs;
  const limit = wasFine ? Math.max(state.limit, state.heldLimit) : state.limit;
  return { ...state, samples, usualMs, limit, heldLimit: 0, recentMs: 0 };
}

function probe(state: LimitState, nowMs: number, min: number): LimitState {
  const limit = Math.max(min, state.limit / 2);
  return { ...state, limit, heldLimit: state.limit, probedMs: nowMs, usualMs: 0, samples: 0 };
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}
