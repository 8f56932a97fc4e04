/** Owns the last good values: a bounded memory of answers, each with its age. */

interface Entry<V> {
  readonly value: V;
  readonly storedMs: number;
}

/** What a look found. */
export type Found<V> =
  | { readonly outcome: 'hit'; readonly value: V; readonly ageMs: number }
  | { readonly outcome: 'miss' | 'expired' };

/** Answers by key, the longest unused dropped first. Pure: the moment comes in as an argument. */
export class LastGood<V> {
  readonly #entries = new Map<string, Entry<V>>();
  readonly #maxAgeMs: number;
  readonly #maxEntries: number;

  constructor(maxAgeMs: number, maxEntries: number) {
    this.#maxAgeMs = maxAgeMs;
    this.#maxEntries = maxEntries;
  }

  /** Answers kept now, the expired included until they are looked at or pushed out. */
  get size(): number {
    return this.#entries.size;
  }

  /** Keeps an answer. */
  put(key: string, value: V, nowMs: number): void {
    this.#entries.delete(key);
    this.#entries.set(key, { value, storedMs: nowMs });
    if (this.#entries.size <= this.#maxEntries) return;
    const oldest = this.#entries.keys().next();
    if (!oldest.done) this.#entries.delete(oldest.value);
  }

  /** The answer for a key if it is not too old. */
  get(key: string, nowMs: number): Found<V> {
    const entry = this.#entries.get(key);
    if (entry === undefined) return { outcome: 'miss' };
    const ageMs = nowMs - entry.storedMs;
    this.#entries.delete(key);
    if (ageMs > this.#maxAgeMs) return { outcome: 'expired' };
    this.#entries.set(key, entry);
    return { outcome: 'hit', value: entry.value, ageMs };
  }

  /** Forgets everything. */
  clear(): void {
    this.#entries.clear();
  }
}
