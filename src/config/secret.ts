/** Owns the wrapper that keeps a password out of every text, dump and error. */
import { inspect } from 'node:util';

const HIDDEN = '<secret>';

/** A text that prints as `<secret>` whichever way it is turned into text; only `reveal` gives it away. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
    Object.freeze(this);
  }

  /** The text itself: call it in the expression that opens the connection, and keep the answer nowhere. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return HIDDEN;
  }

  toJSON(): string {
    return HIDDEN;
  }

  [Symbol.toPrimitive](): string {
    return HIDDEN;
  }

  [inspect.custom](): string {
    return HIDDEN;
  }
}
