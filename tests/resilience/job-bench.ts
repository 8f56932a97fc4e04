/** Owns the workbench of supervisor tests: a clock moved by hand, and events told as short lines. */

import type { Job } from '../../src/resilience/job.js';
import type { JobClock } from '../../src/resilience/job-clock.js';
import type { JobEvent } from '../../src/resilience/job-event.js';
import { createSupervisor } from '../../src/resilience/supervisor.js';

/** A clock that moves only when told, and lets promises settle at each step. */
export function manualClock(startWallMs = 0) {
  let nowMs = 0;
  let wallMs = startWallMs;
  let timers: { atMs: number; call: () => void }[] = [];
  const clock: JobClock = {
    now: () => nowMs,
    wallMs: () => wallMs + nowMs,
    after(delayMs, call) {
      const timer = { atMs: nowMs + delayMs, call };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
  };
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  return {
    clock,
    pending: () => timers.length,
    /** Time passes, and no timer fires: the process is frozen. What came due fires late, at the next `advance`. */
    freeze(ms: number) {
      nowMs += ms;
    },
    /** Somebody sets the wall clock. */
    stepWall(ms: number) {
      wallMs += ms;
    },
    async advance(ms: number) {
      const untilMs = nowMs + ms;
      await settle();
      for (;;) {
        const next = timers.filter((timer) => timer.atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
        if (next === undefined) break;
        timers = timers.filter((other) => other !== next);
        nowMs = Math.max(nowMs, next.atMs);
        next.call();
        await settle();
      }
      nowMs = untilMs;
      await settle();
    },
  };
}

/** A supervisor on a hand-moved clock; `lines` tells its events as `<ms> <job>#<run> <event>`. */
export function setUp(random: () => number = () => 0, startWallMs = 0) {
  const time = manualClock(startWallMs);
  const lines: string[] = [];
  const errors: unknown[] = [];
  const on = (event: JobEvent) => {
    const failures = 'consecutiveFailures' in event ? ` failures=${event.consecutiveFailures}` : '';
    const duration = 'durationMs' in event ? ` took=${event.durationMs}` : '';
    const missed = event.kind === 'missed' ? `=${event.missed}` : '';
    const rest = event.kind === 'crashLooping' ? ` rest=${event.restMs}` : '';
    const what = `${event.kind}${missed}${rest}`;
    lines.push(`${time.clock.now()} ${event.job}#${event.run} ${what}${duration}${failures}`);
    if (event.kind === 'failed') errors.push(event.error);
  };
  return { time, lines, errors, supervisor: createSupervisor({ clock: time.clock, random, on }) };
}

/** A job of 100 ms pause and 50 ms deadline that does nothing. */
export const job = (over: Partial<Job>): Job => ({
  name: 'reader',
  intervalMs: 100,
  deadlineMs: 50,
  run: async () => {},
  ...over,
});
/** A run that ignores its abort. */
export const never = () => new Promise<never>(() => {});
/** A run that ends with its abort. */
export const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
