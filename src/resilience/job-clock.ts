/** Owns the clock of supervised jobs: monotonic time and one-shot timers, replaceable by ones moved by hand. */

/** Monotonic time and timers. */
export interface JobClock {
  /** Monotonic milliseconds from an arbitrary zero. */
  now(): number;
  /** Calls once after the delay in milliseconds; the answer cancels it. */
  after(delayMs: number, call: () => void): () => void;
}

/** The process's monotonic clock. `unref`: pending timers do not keep the process alive. */
export function systemJobClock(options: { readonly unref: boolean }): JobClock {
  return {
    now: () => performance.now(),
    after(delayMs, call) {
      const timer = setTimeout(call, delayMs);
      if (options.unref) timer.unref();
      return () => clearTimeout(timer);
    },
  };
}
