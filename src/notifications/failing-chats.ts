/** Owns which chats have failed since the last success: failures of one chat alone say nothing about the channel. */

/** The chats of a row of failures without a success between them. */
export class FailingChats {
  readonly #chats = new Set<string>();

  /** How a request to the chat ended, by what it says about the service; `chat` is empty for one that concerns none. */
  note(chat: string, health: 'success' | 'failure' | 'neutral'): void {
    if (health === 'success') this.#chats.clear();
    // Beyond two nothing changes any more.
    if (health === 'failure' && this.#chats.size < 2) this.#chats.add(chat);
  }

  /** Whether all failures were of this one chat. */
  areAllOf(chat: string): boolean {
    return chat !== '' && this.#chats.size === 1 && this.#chats.has(chat);
  }

  /** Whether all failures were of one chat, and of another than this. */
  areAllOfAnother(chat: string): boolean {
    return this.#chats.size === 1 && !this.#chats.has('') && !this.#chats.has(chat);
  }
}
