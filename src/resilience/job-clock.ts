/** Owns the clock of supervised jobs: monotonic time and one-shot timers, replaceable by ones moved by hand. */

/** Monotonic time and timers. */
export interface JobClock {
  /** Monotonic milliseconds from an arbitrary zero. */
  now(): number;
  /** Calls once after the delay in milliseconds; the answer cancels it. */
  after(delayMs: number, call: () => void): () => void;
  /** Milliseconds since 1970. Only jobs that run at moments of the wall clock need it. */
  wallMs?(): number;
}

/**
 * The process's monotonic clock. `unref`: pending timers do not keep the process alive. `wallMs`, usually `Date.now`, is
 * for jobs that run at moments of the wall clock.
 */
export function systemJobClock(options: {
  readonly unref: boolean;
  readonly wallMs?: (() => number) | undefined;
}): JobClock {
  const { unref, wallMs } = options;
  return {
    now: () => performance.now(),
    after(delayMs, call) {
      const timer = setTimeout(call, delayMs);
      if (unref) timer.unref();
      return () => clearTimeout(timer);
    },
    ...(wallMs === undefined ? {} : { wallMs }),
  };
}
