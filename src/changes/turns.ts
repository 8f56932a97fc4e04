/** Owns how many flows may read their whole table at the same time; the others wait in line. */

/** A narrow door. Each scan holds a connection to both databases for minutes, and lease and scrape need theirs. */
export class Turns {
  private free: number;
  private readonly waiting: (() => void)[] = [];

  /** `width`: how many may be inside, 1 or more. */
  constructor(width: number) {
    this.free = width;
  }

  /** Runs the work when it is its turn, first come first served. Rejects with the signal's reason when it gives up waiting. */
  async take<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.enter(signal);
    try {
      return await work();
    } finally {
      this.leave();
    }
  }

  private enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.free > 0) {
      this.free -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const go = () => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = () => {
        this.waiting.splice(this.waiting.indexOf(go), 1);
        reject(signal.reason);
      };
      signal.addEventListener('abort', giveUp, { once: true });
      this.waiting.push(go);
    });
  }

  private leave(): void {
    const next = this.waiting.shift();
    if (next === undefined) this.free += 1;
    else next();
  }
}
