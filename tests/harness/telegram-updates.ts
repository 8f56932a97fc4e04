/** Owns the updates of the fake Telegram: what people did, until the bot has confirmed that it knows. */
import { bad, good, type TelegramAnswer } from './telegram-bot.js';

/** The queue behind `getUpdates`, with long polling. */
export class TelegramUpdates {
  readonly #queue: { readonly update_id: number; readonly [key: string]: unknown }[] = [];
  #pushed = 0;
  #waiting: ((answer: TelegramAnswer) => void) | undefined;

  /** Updates pushed since the start. */
  get pushed(): number {
    return this.#pushed;
  }

  /** True while a poll waits. */
  get isPolled(): boolean {
    return this.#waiting !== undefined;
  }

  /** Adds an update and wakes the poll; gives the update's number. */
  push(update: Readonly<Record<string, unknown>>): number {
    this.#pushed += 1;
    const update_id = 100_000 + this.#pushed;
    this.#queue.push({ ...update, update_id });
    this.#waiting?.(good([...this.#queue]));
    return update_id;
  }

  /** One poll. `offset` confirms everything before it; a second poll at the same time ends the first with 409. */
  take(
    params: Readonly<Record<string, unknown>>,
    onGone: (gone: () => void) => void,
  ): TelegramAnswer | Promise<TelegramAnswer> {
    this.#waiting?.(
      bad(
        409,
        'Conflict: terminated by other getUpdates request; make sure that only one bot instance is running',
      ),
    );
    const offset = Number(params.offset ?? 0);
    while (this.#queue.length > 0 && this.#queue[0]!.update_id < offset) this.#queue.shift();
    const timeoutMs = Math.min(50, Number(params.timeout ?? 0)) * 1000;
    if (this.#queue.length > 0 || timeoutMs === 0) return good([...this.#queue]);
    return new Promise<TelegramAnswer>((resolve) => {
      const end = (answer: TelegramAnswer) => {
        clearTimeout(timer);
        if (this.#waiting === end) this.#waiting = undefined;
        resolve(answer);
      };
      const timer = setTimeout(() => end(good([])), timeoutMs);
      onGone(() => end(good([])));
      this.#waiting = end;
    });
  }

  /** Ends a poll that waits. */
  stop(): void {
    this.#waiting?.(good([]));
  }
}
