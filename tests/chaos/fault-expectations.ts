/** Owns what every database fault must leave behind: scrapes answered, counting again soon, both sides equal. */
import { expect } from 'vitest';
import type { FaultArena, FaultReport } from './fault-arena.js';

/** `FLOWGAUGE_CHAOS=long`: every fault on both sides, and longer ones. */
export const LONG = process.env.FLOWGAUGE_CHAOS === 'long';
/** How long a fault lasts when its length does not matter. */
export const LASTS_MS = LONG ? 15_000 : 2_500;
/** Long enough for calls to run into their deadlines. */
export const FROZEN_MS = LONG ? 12_000 : 6_500;
/** A connection that forgets both directions is noticed by the deadline of the call on it: longer than most of ours. */
export const BLACK_HOLE_MS = 16_000;
/** Counting must go on this soon after the database is back. */
export const RECOVERY_MS = 10_000;
/** Options of a test that waits for a fault and its end. */
export const TIMEOUT = { timeout: 120_000 };

/** Every scrape was answered in time, and counting went on by itself. */
export function expectBorne(report: FaultReport): void {
  if (LONG) console.log(JSON.stringify({ ...report, bad: report.bad.length, log: undefined }));
  expect(report.bad).toEqual([]);
  expect(report.scrapes).toBeGreaterThan(5);
  expect(report.recoveredMs, report.log).toBeLessThanOrEqual(RECOVERY_MS);
}

/** Nothing was lost, nothing doubled, and no gap had to be reported. */
export async function expectExact(arena: FaultArena): Promise<void> {
  const { truth, scrape, log } = await arena.settle();
  expect(scrape.moves).toEqual(truth.moves);
  expect(scrape.living).toEqual(truth.living);
  expect(log).not.toContain('changes were missed');
  expect(log).not.toMatch(/unexpected error|UnhandledPromise/);
}
