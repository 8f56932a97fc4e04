/** Owns the arithmetic of a token bucket, as pure functions of a state and a moment; calls and their queue are the rate limiter's. */

/** The numbers of a bucket, validated by the rate limiter. */
export interface BucketRule {
  /** Tokens that come in each second. */
  readonly ratePerSecond: number;
  /** Tokens that it holds at most. */
  readonly burst: number;
  /** Share of the rate that is left while it is slowed, above 0 to 1. */
  readonly slowRatio: number;
}

/** Where a bucket stands. Moments in milliseconds on one monotonic clock. */
export interface BucketState {
  /** Tokens at `fromMs`, 0 to `burst`. */
  readonly tokens: number;
  /** Moment of the last look; one to come while the bucket is paused. */
  readonly fromMs: number;
  /** Until then tokens come in at the slowed rate. */
  readonly slowUntilMs: number;
}

/** A sum of fractions that should make a whole token may fall short of it by so much. */
const ROUNDING = 1e-9;

/** A full bucket. */
export function fullBucket(rule: BucketRule, nowMs: number): BucketState {
  return { tokens: rule.burst, fromMs: nowMs, slowUntilMs: Number.NEGATIVE_INFINITY };
}

/** The state at `nowMs`; the same object while it is paused, and when the clock went backwards. */
export function refilled(rule: BucketRule, state: BucketState, nowMs: number): BucketState {
  if (nowMs <= state.fromMs) return state;
  const slowMs = Math.min(nowMs, Math.max(state.fromMs, state.slowUntilMs)) - state.fromMs;
  const fullMs = nowMs - state.fromMs - slowMs;
  const more = ((slowMs * rule.slowRatio + fullMs) * rule.ratePerSecond) / 1000;
  return { ...state, tokens: Math.min(rule.burst, state.tokens + more), fromMs: nowMs };
}

/** The state after one token was taken at `nowMs`; undefined when there is none, or the bucket is paused. */
export function taken(rule: BucketRule, state: BucketState, nowMs: number): BucketState | undefined {
  const now = refilled(rule, state, nowMs);
  if (now.fromMs > nowMs || now.tokens < 1 - ROUNDING) return undefined;
  return { ...now, tokens: Math.max(0, now.tokens - 1) };
}

/** Milliseconds from `nowMs` until `tokens` tokens can have been taken one by one, however many the bucket holds; 0 when at once. */
export function waitMs(rule: BucketRule, state: BucketState, nowMs: number, tokens: number): number {
  const now = refilled(rule, state, nowMs);
  const pausedMs = Math.max(0, now.fromMs - nowMs);
  const missing = tokens - now.tokens;
  if (missing <= ROUNDING) return pausedMs;
  const slowMs = Math.max(0, now.slowUntilMs - now.fromMs);
  const wholeMs = (missing * 1000) / rule.ratePerSecond;
  // At the slowed rate it takes longer; what is left when that ends comes at the full one.
  const slowedMs = wholeMs / rule.slowRatio;
  if (slowedMs <= slowMs) return pausedMs + slowedMs;
  return pausedMs + slowMs + wholeMs - slowMs * rule.slowRatio;
}

/**
 * The state of a bucket that gives nothing before `untilMs`; a longer pause that is on stays. It goes on with one token
 * at most: a full burst at the first moment that the server allows would be the next flood.
 */
export function paused(rule: BucketRule, state: BucketState, untilMs: number): BucketState {
  if (untilMs <= state.fromMs) return state;
  const then = refilled(rule, state, untilMs);
  return { ...then, tokens: Math.min(1, then.tokens) };
}

/** The state of a bucket that fills at the slowed rate until `untilMs`; a longer slowing that is on stays. */
export function slowed(rule: BucketRule, state: BucketState, nowMs: number, untilMs: number): BucketState {
  // Brought up to date first: what has come in until now came in at the rate of before.
  const now = refilled(rule, state, nowMs);
  return untilMs <= now.slowUntilMs ? now : { ...now, slowUntilMs: untilMs };
}
