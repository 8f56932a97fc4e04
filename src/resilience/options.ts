/** Owns the checking of policy options: each reader returns a valid value or throws, naming option, rule and value. */
import { PolicyOptionError } from './errors.js';

/** Longest duration an option may have: 24.8 days, beyond which a native timer fires at once. */
export const LONGEST_MS = 2_147_483_647;

/** Reads the options of one policy. Unknown options are refused, because a misspelt one would silently mean the default. */
export class OptionReader {
  readonly #options: Readonly<Record<string, unknown>>;
  readonly #policy: string;
  /** The policy's name: 1 to 100 characters, the label value of its series. */
  readonly name: string;

  constructor(kind: string, options: object, known: readonly string[]) {
    if (typeof options !== 'object' || options === null) {
      throw new PolicyOptionError(kind, 'options', 'an object', options);
    }
    this.#options = options as Record<string, unknown>;
    const name = this.#options.name;
    if (typeof name !== 'string' || name.length < 1 || name.length > 100) {
      throw new PolicyOptionError(kind, 'name', 'a text of 1 to 100 characters', name);
    }
    this.name = name;
    this.#policy = `${kind} ${JSON.stringify(name)}`;
    for (const key of Object.keys(options)) {
      if (key === 'name' || known.includes(key)) continue;
      throw new PolicyOptionError(this.#policy, key, `one of: name, ${known.join(', ')}`, key);
    }
  }

  /** True when the option is given. */
  has(option: string): boolean {
    return this.#options[option] !== undefined;
  }

  /** A whole number from `min` to `max`. */
  whole(option: string, fallback: number, min: number, max: number): number {
    const value = this.#options[option] ?? fallback;
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
    throw this.refusal(option, `a whole number from ${min} to ${max}`);
  }

  /** A finite number from `min` to `max`. */
  number(option: string, fallback: number, min: number, max: number): number {
    const value = this.#options[option] ?? fallback;
    if (typeof value === 'number' && value >= min && value <= max) return value;
    throw this.refusal(option, `a number from ${min} to ${max}`);
  }

  /** A duration in milliseconds, at least `min` (1 unless told). */
  ms(option: string, fallback: number, min = 1): number {
    return this.number(option, fallback, min, LONGEST_MS);
  }

  /** A share above 0 and at most 1. */
  share(option: string, fallback: number): number {
    const value = this.#options[option] ?? fallback;
    if (typeof value === 'number' && value > 0 && value <= 1) return value;
    throw this.refusal(option, 'a share above 0 and at most 1');
  }

  /** One literal of the list. */
  oneOf<L extends string>(option: string, fallback: NoInfer<L>, list: readonly L[]): L {
    const value = this.#options[option] ?? fallback;
    if (list.includes(value as L)) return value as L;
    throw this.refusal(option, `one of: ${list.join(', ')}`);
  }

  /** A function, or undefined when the option is absent. */
  optionalFunction<F>(option: string): F | undefined {
    const value = this.#options[option];
    if (value === undefined || typeof value === 'function') return value as F | undefined;
    throw this.refusal(option, 'a function');
  }

  /** A refusal for rules that concern more than one option. */
  refusal(option: string, rule: string): PolicyOptionError {
    return new PolicyOptionError(this.#policy, option, rule, this.#options[option]);
  }
}
