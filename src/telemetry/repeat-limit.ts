/** Owns the limit on repeated log messages: one per key and span, the rest only counted. */

export interface RepeatLimitOptions {
  /** Span in milliseconds that a message is silent for after it was written; 0 lifts the limit. */
  readonly windowMs: number;
  /** Messages remembered at once; beyond it the one written longest ago is forgotten. At least 1. */
  readonly maxEntries: number;
}

export interface RepeatLimit {
  /** `suppressed`, or the number of repeats held back since the key was last admitted. `nowMs` may step back. */
  admit(key: string, nowMs: number): number | 'suppressed';
  /** Repeats held back since the start. */
  suppressed(): number;
}

/** A limit that remembers nothing yet. */
export function createRepeatLimit({ windowMs, maxEntries }: RepeatLimitOptions): RepeatLimit {
  // Ordered by the moment of the last admission: the first entry is the one to forget.
  const entries = new Map<string, { readonly sinceMs: number; held: number }>();
  let total = 0;
  return {
    admit(key, nowMs) {
      const entry = entries.get(key);
      const elapsedMs = entry === undefined ? windowMs : nowMs - entry.sinceMs;
      // A clock that stepped back would otherwise silence the message for the size of the step.
      if (entry !== undefined && elapsedMs >= 0 && elapsedMs < windowMs) {
        entry.held += 1;
        total += 1;
        return 'suppressed';
      }
      entries.delete(key);
      entries.set(key, { sinceMs: nowMs, held: 0 });
      for (const oldest of entries.keys()) {
        if (entries.size <= maxEntries) break;
        entries.delete(oldest);
      }
      return entry?.held ?? 0;
    },
    suppressed: () => total,
  };
}
