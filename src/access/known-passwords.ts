/** Owns the memory of passwords that were right a moment ago, so that a scrape does not cost a hash each time. */
import { createHmac, randomBytes } from 'node:crypto';

const MOST = 100;
const KEEP_MS = 300_000;

/** Keeps no password: only keyed digests, of a key that dies with the process. */
export class KnownPasswords {
  readonly #key = randomBytes(32);
  readonly #until = new Map<string, number>();

  /** Whether this was right within the last five minutes. */
  has(user: string, password: string, hash: string, nowMs: number): boolean {
    return (this.#until.get(this.#digest([user, password, hash])) ?? 0) > nowMs;
  }

  /** It is right now. */
  add(user: string, password: string, hash: string, nowMs: number): void {
    if (this.#until.size >= MOST) this.#until.delete(this.#until.keys().next().value!);
    this.#until.set(this.#digest([user, password, hash]), nowMs + KEEP_MS);
  }

  /** With lengths before the texts: without them one user could stand for another whose name and password join alike. */
  #digest(parts: readonly string[]): string {
    const hmac = createHmac('sha256', this.#key);
    for (const part of parts) hmac.update(`${Buffer.byteLength(part)}:`).update(part);
    return hmac.digest('base64');
  }
}
