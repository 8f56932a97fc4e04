/** Owns the errors that the policies themselves throw; an error of the guarded function always passes untouched. */

/** An option of a policy breaks its rule. Thrown by constructors only. Remedy: the message names option, rule and value. */
export class PolicyOptionError extends TypeError {
  readonly code = 'POLICY_OPTION';
  override readonly name = 'PolicyOptionError';

  constructor(
    /** The policy as the message names it, for example `circuit breaker "quotes"`. */
    readonly policy: string,
    /** The option that is wrong. */
    readonly option: string,
    rule: string,
    value: unknown,
  ) {
    super(`${policy}: option ${option} must be ${rule}; got ${show(value)}`);
  }
}

/** The circuit breaker did not let the call through; the function was not called. Remedy: wait `retryAfterMs`. */
export class BreakerOpenError extends Error {
  readonly code = 'BREAKER_OPEN';
  override readonly name = 'BreakerOpenError';

  constructor(
    /** Name of the breaker. */
    readonly breaker: string,
    /** The state that rejected: `open`, `forced_open`, or `half_open` with all trials taken. */
    readonly state: 'open' | 'forced_open' | 'half_open',
    /** Milliseconds until the next trial; undefined where nobody can know it (forced open, trial under way). */
    readonly retryAfterMs: number | undefined,
  ) {
    const remedy =
      retryAfterMs === undefined
        ? state === 'forced_open'
          ? 'an operator forced it open: clear the force'
          : 'a trial call is under way: try again when it has ended'
        : `try again in ${Math.ceil(retryAfterMs)} ms`;
    super(`circuit breaker "${breaker}" is ${state.replace('_', ' ')}; ${remedy}`);
  }
}

/** The call took longer than allowed. Its context's signal is aborted with this error. Remedy: a longer limit or a faster dependency. */
export class CallTimeoutError extends Error {
  readonly code = 'CALL_TIMEOUT';
  override readonly name = 'CallTimeoutError';

  constructor(
    /** Name of the policy whose limit ended the call. */
    readonly policy: string,
    /** The limit in milliseconds. */
    readonly timeoutMs: number,
    options?: ErrorOptions,
  ) {
    super(`"${policy}": no answer within ${Math.round(timeoutMs)} ms`, options);
  }
}

/** Why a limiter turned a call away. */
export const limiterRejections = ['queue_full', 'wait_timeout'] as const;
/** Why a limiter turned a call away. */
export type LimiterRejection = (typeof limiterRejections)[number];

/** The limiter had no permit for the call; the function was not called. Remedy: shed the work, or allow a longer queue or wait. */
export class LimiterRejectedError extends Error {
  readonly code = 'LIMITER_REJECTED';
  override readonly name = 'LimiterRejectedError';

  constructor(
    /** Name of the limiter. */
    readonly limiter: string,
    /** `queue_full`: no place to wait; `wait_timeout`: no permit within the allowed wait. */
    readonly reason: LimiterRejection,
    detail: string,
  ) {
    super(`limiter "${limiter}" rejected the call (${reason}): ${detail}`);
  }
}

/** Why a rate limiter refused a call. */
export const rateLimitReasons = ['queue_full', 'wait_too_long'] as const;
/** Why a rate limiter refused a call. */
export type RateLimitReason = (typeof rateLimitReasons)[number];

/** The rate limiter had no turn for the call in time; the function was not called. Remedy: ask less often, or wait `retryAfterMs`. */
export class RateLimitedError extends Error {
  readonly code = 'RATE_LIMITED';
  override readonly name = 'RateLimitedError';

  constructor(
    /** Name of the rate limiter. */
    readonly rateLimiter: string,
    /** `queue_full`: no place to wait; `wait_too_long`: no turn within the allowed wait. */
    readonly reason: RateLimitReason,
    /** Milliseconds until a call that comes now would have had its turn. */
    readonly retryAfterMs: number,
    /** `pause`: the dependency asked everybody to stay away; `rate`: more calls come than its rate allows. */
    readonly limitedBy: 'pause' | 'rate',
  ) {
    const why =
      limitedBy === 'pause' ? 'the dependency asked for a pause' : 'more calls come than the rate allows';
    super(
      `rate limiter "${rateLimiter}" refused the call (${reason}): ${why}; the next turn is in ${Math.ceil(retryAfterMs)} ms`,
    );
  }
}

/** A run of a fallback asked the fallback for the key that it runs for, and would wait for itself. Remedy: call the function itself. */
export class FallbackRecursionError extends Error {
  readonly code = 'FALLBACK_RECURSION';
  override readonly name = 'FallbackRecursionError';

  constructor(
    /** Name of the fallback. */
    readonly fallback: string,
    /** The key that is asked for inside its own run. */
    readonly key: string,
  ) {
    super(
      `fallback "${fallback}" was asked for key ${show(key)} by the run that finds it, which would wait for itself: call the function without the fallback there, or name another key`,
    );
  }
}

/** Why a load controller did not do a piece of work: the mode, or what became of its waiting. */
export const loadShedReasons = ['reduced', 'minimal', 'queue_full', 'expired', 'stopped'] as const;
/** Why a load controller did not do a piece of work. */
export type LoadShedReason = (typeof loadShedReasons)[number];

/** The machine is too busy for work of this priority; the function was not called. Remedy: try later, or defer it. */
export class LoadShedError extends Error {
  readonly code = 'LOAD_SHED';
  override readonly name = 'LoadShedError';

  constructor(
    /** `reduced`, `minimal`: off in this mode; `queue_full`: too much waits; `expired`: waited too long; `stopped`: at the end. */
    readonly reason: LoadShedReason,
    /** Priority of the work, 1 to 10. */
    readonly priority: number,
    /** The load mode at that moment. */
    readonly mode: string,
  ) {
    super(`work of priority ${priority} was turned away (${reason}) in load mode ${mode}; try again later`);
  }
}

/** A value as an error message may show it: short, and never the inside of an object. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}
