/** Owns the memory of passwords that were right a moment ago, so that a scrape costs no hash and waits for no guesser. */
import { createHmac, randomBytes } from 'node:crypto';

const MOST = 100;
const KEEP_MS = 300_000;

/**
 * Keeps no password: only keyed digests, of a key that dies with the process. The hash is part of each, so what the
 * file changes is not known any more, and the memory can outlive a reload.
 */
export class KnownPasswords {
  readonly #key = randomBytes(32);
  readonly #until = new Map<string, number>();

  /** Whether this was right, or known, within the last five minutes; asking keeps it known for five more. */
  has(user: string, password: string, hash: string, nowMs: number): boolean {
    const digest = this.#digest([user, password, hash]);
    const isKnown = (this.#until.get(digest) ?? 0) > nowMs;
    // An end that comes whatever happens would let whoever guesses at that moment lock a scraper out.
    if (isKnown) this.#keep(digest, nowMs);
    return isKnown;
  }

  /** It is right now. Of more than a hundred the one that was used longest ago is forgotten. */
  add(user: string, password: string, hash: string, nowMs: number): void {
    this.#keep(this.#digest([user, password, hash]), nowMs);
  }

  #keep(digest: string, nowMs: number): void {
    // Taken out and put in again, so that the map's order is that of use.
    this.#until.delete(digest);
    if (this.#until.size >= MOST) this.#until.delete(this.#until.keys().next().value!);
    this.#until.set(digest, nowMs + KEEP_MS);
  }

  /** With lengths before the texts: without them one user could stand for another whose name and password join alike. */
  #digest(parts: readonly string[]): string {
    const hmac = createHmac('sha256', this.#key);
    for (const part of parts) hmac.update(`${Buffer.byteLength(part)}:`).update(part);
    return hmac.digest('base64');
  }
}
