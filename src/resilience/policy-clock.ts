/** Owns the time that the policies live by: a monotonic clock and deadlines, as a port that tests can drive by hand. */

/**
 * A deadline that a clock watches. The object knows its own place there, so that arming one deadline per call
 * allocates nothing. One object can be armed once at a time.
 */
export abstract class Timer {
  /** Moment on the clock's `aliveMs` scale at which the timer is due; meaningless while not armed. */
  dueMs = 0;
  /** `idle`: not armed; `armed`: in the list; `due`: taken out, about to expire. */
  stage: 'idle' | 'armed' | 'due' = 'idle';
  /** Where the timer lies in the clock; only the clock writes them. */
  place = 0;
  seat = 0;

  /** `hold` keeps the process alive while armed; `release`, the rule for deadlines, never does. Constant per timer. */
  get keeps(): 'hold' | 'release' {
    return 'release';
  }

  /** Called once when due. Must not throw. */
  abstract expire(): void;
}

/** Longest duration that an option may have: 24.8 days, beyond which a native timer fires at once. */
export const LONGEST_MS = 2_147_483_647;

/** A timer that calls a function when it is due. */
export class Alarm extends Timer {
  readonly #keeps: 'hold' | 'release';
  readonly #then: () => void;

  /** `keeps` as of the timer; `then` must not throw. */
  constructor(keeps: 'hold' | 'release', then: () => void) {
    super();
    this.#keeps = keeps;
    this.#then = then;
  }

  override get keeps(): 'hold' | 'release' {
    return this.#keeps;
  }

  expire(): void {
    this.#then();
  }
}

/** The time of a policy. Never goes backwards and never jumps when the wall clock is set. */
export interface PolicyClock {
  /** Milliseconds on a monotonic scale with an arbitrary zero. */
  nowMs(): number;
  /** Milliseconds since 1970, only for reading dates that a server sent. */
  wallMs(): number;
  /**
   * Milliseconds during which the event loop was able to serve, whole and coarse. Only advances while a timer is armed.
   * Deadlines and slow calls are measured on it: a loop that the host blocked is not the dependency's fault.
   */
  aliveMs(): number;
  /**
   * Calls `timer.expire()` no earlier than `delayMs` from now. A delay that is no number or negative counts as 0, so
   * that whoever waits goes on; an endless one is as long as the clock has.
   */
  arm(timer: Timer, delayMs: number): void;
  /** Takes the timer out; harmless when it is not armed. */
  disarm(timer: Timer): void;
}
