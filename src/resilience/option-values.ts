/** Owns the rules that the value of an option is held to: each reader returns a valid value or throws, naming option, rule and value. */
import { LONGEST_MS, type PolicyClock } from './policy-clock.js';
import { policyClock } from './wheel.js';

/** Makes the error for an option that breaks its rule. */
export type Refuse = (option: string, rule: string, value: unknown) => Error;

const CLOCK_METHODS = ['nowMs', 'wallMs', 'aliveMs', 'arm', 'disarm'] as const;

/**
 * Options that are checked one by one. Unknown ones are refused at once, because a misspelt one would silently mean the
 * default. Undefined means that an option is left out; null does not, for it is mostly a value that got lost.
 */
export class OptionValues {
  readonly #options: Readonly<Record<string, unknown>>;
  readonly #refuse: Refuse;

  constructor(options: unknown, known: readonly string[], refuse: Refuse) {
    if (typeof options !== 'object' || options === null || Array.isArray(options)) {
      throw refuse('options', 'an object', options);
    }
    this.#options = options as Record<string, unknown>;
    this.#refuse = refuse;
    for (const key of Object.keys(options)) {
      if (!known.includes(key)) throw refuse(key, `one of: ${known.join(', ')}`, key);
    }
  }

  /** True when the option is given. */
  has(option: string): boolean {
    return this.#options[option] !== undefined;
  }

  /** A whole number from `min` to `max`. */
  whole(option: string, fallback: number, min: number, max: number): number {
    const value = this.#value(option, fallback);
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
    throw this.refusal(option, `a whole number from ${min} to ${max}`);
  }

  /** A finite number from `min` to `max`. */
  number(option: string, fallback: number, min: number, max: number): number {
    const value = this.#value(option, fallback);
    if (typeof value === 'number' && value >= min && value <= max) return value;
    throw this.refusal(option, `a number from ${min} to ${max}`);
  }

  /** A duration in milliseconds, at least `min` (1 unless told), at most `max` (24.8 days unless told). */
  ms(option: string, fallback: number, min = 1, max = LONGEST_MS): number {
    return this.number(option, fallback, min, max);
  }

  /** A share above 0 and at most 1. */
  share(option: string, fallback: number): number {
    const value = this.#value(option, fallback);
    if (typeof value === 'number' && value > 0 && value <= 1) return value;
    throw this.refusal(option, 'a share above 0 and at most 1');
  }

  /** One literal of the list. */
  oneOf<L extends string>(option: string, fallback: NoInfer<L>, list: readonly L[]): L {
    const value = this.#value(option, fallback);
    if (list.includes(value as L)) return value as L;
    throw this.refusal(option, `one of: ${list.join(', ')}`);
  }

  /** A text of 1 to `max` characters; without a fallback it must be given. */
  text(option: string, fallback?: string, max = 100): string {
    const value = this.#value(option, fallback);
    if (typeof value === 'string' && value.length >= 1 && value.length <= max) return value;
    throw this.refusal(option, `a text of 1 to ${max} characters`);
  }

  /** A list of at most `max` values that all fit. */
  list<T>(
    option: string,
    fits: (one: unknown) => boolean,
    rule: string,
    max: number,
    fallback: readonly T[] = [],
  ): readonly T[] {
    const value = this.#value(option, fallback);
    if (!Array.isArray(value) || value.length > max) {
      throw this.refusal(option, `a list of at most ${max} ${rule}`);
    }
    for (const one of value) {
      if (!fits(one)) throw this.#refuse(option, `a list of ${rule}`, one);
    }
    return value as T[];
  }

  /** A function, or undefined when the option is absent. */
  optionalFunction<F>(option: string): F | undefined {
    const value = this.#options[option];
    if (value === undefined || typeof value === 'function') return value as F | undefined;
    throw this.refusal(option, 'a function');
  }

  /** The clock under `clock`, or the shared one. Half a clock would fail later, in the middle of a call. */
  clock(): PolicyClock {
    const value = this.#options.clock;
    if (value === undefined) return policyClock;
    const isWhole = typeof value === 'object' && value !== null;
    if (isWhole && CLOCK_METHODS.every((one) => typeof Reflect.get(value, one) === 'function')) {
      return value as PolicyClock;
    }
    throw this.refusal('clock', `a clock with ${CLOCK_METHODS.join(', ')}`);
  }

  /** A refusal for rules that these readers do not know. */
  refusal(option: string, rule: string): Error {
    return this.#refuse(option, rule, this.#options[option]);
  }

  #value(option: string, fallback: unknown): unknown {
    const value = this.#options[option];
    return value === undefined ? fallback : value;
  }
}
