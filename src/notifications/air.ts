/** Owns the rule that one message of a channel is in the air at a time: a killed process leaves one unknown, not many. */

/** A message between the beginning of its request and the moment at which its end is stored. */
export interface Flight {
  /** The channel has answered. From now on nobody enters before {@link landed}: what is not stored yet is not forgotten. */
  answered(): void;
  /** The end is stored, or cannot be. Safe to repeat. */
  landed(): void;
}

/** An answer that takes longer makes room for the next message: a chat that hangs must not hold up all others. */
export const AIR_PATIENCE_MS = 1_000;

/** The air of one channel in one process. Whoever waits enters in the order of coming. */
export class Air {
  #isTaken = false;
  readonly #waiting: (() => void)[] = [];

  /** `patienceMs`: after this without an answer the next one may enter. */
  constructor(private readonly patienceMs = AIR_PATIENCE_MS) {}

  /** Waits for the own turn; undefined when `signal` was aborted before it came. */
  async enter(signal: AbortSignal): Promise<Flight | undefined> {
    if (signal.aborted) return undefined;
    if (this.#isTaken && !(await this.#turn(signal))) return undefined;
    this.#isTaken = true;
    let isOurs = true;
    const leave = () => {
      clearTimeout(timer);
      if (!isOurs) return;
      isOurs = false;
      this.#next();
    };
    const timer = setTimeout(leave, this.patienceMs);
    return { answered: () => clearTimeout(timer), landed: leave };
  }

  #turn(signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const enter = () => {
        signal.removeEventListener('abort', giveUp);
        resolve(true);
      };
      const giveUp = () => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1);
        resolve(false);
      };
      this.#waiting.push(enter);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** The air stays taken when it is handed on: nobody may slip in between. */
  #next(): void {
    const enter = this.#waiting.shift();
    if (enter === undefined) this.#isTaken = false;
    else enter();
  }
}
