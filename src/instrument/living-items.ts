/** Owns the memory of living items: bounded, the one that entered its status first forgotten first. */

/** Where an item is. */
export interface Stay {
  readonly status: string;
  /** Moment of its entry on a monotonic clock, milliseconds; undefined when nobody saw it. */
  readonly enteredMs: number | undefined;
}

/** The living of one status. */
export interface StatusCount {
  count: number;
  /** Entry of the item that is in the status longest; undefined when no entry is known. */
  oldestMs: number | undefined;
  /** Items over the limit. */
  over: number;
}

/** Items by id, in the order of their last move. */
export class LivingItems {
  private readonly stays = new Map<string | number, Stay>();

  constructor(private readonly maxItems: number) {}

  get size(): number {
    return this.stays.size;
  }

  /** Takes an item out; undefined when it is not known. */
  take(id: string | number): Stay | undefined {
    const stay = this.stays.get(id);
    if (stay !== undefined) this.stays.delete(id);
    return stay;
  }

  /** Remembers an item; `full` when another had to be forgotten for it. */
  put(id: string | number, stay: Stay): 'fits' | 'full' {
    this.stays.delete(id);
    this.stays.set(id, stay);
    if (this.stays.size <= this.maxItems) return 'fits';
    const first = this.stays.keys().next();
    if (!first.done) this.stays.delete(first.value);
    return 'full';
  }

  /** Counts all items by status; `limitMs` is the longest time in a status, if it has one. */
  byStatus(limitMs: (status: string) => number | undefined, nowMs: number): Map<string, StatusCount> {
    const counts = new Map<string, StatusCount>();
    const limits = new Map<string, number>();
    for (const { status, enteredMs } of this.stays.values()) {
      let count = counts.get(status);
      if (count === undefined) {
        count = { count: 0, oldestMs: undefined, over: 0 };
        counts.set(status, count);
        limits.set(status, limitMs(status) ?? Number.POSITIVE_INFINITY);
      }
      count.count += 1;
      if (enteredMs === undefined) continue;
      if (count.oldestMs === undefined || enteredMs < count.oldestMs) count.oldestMs = enteredMs;
      if (nowMs - enteredMs > limits.get(status)!) count.over += 1;
    }
    return counts;
  }
}
