/** Owns the proof that lag is measured by when an entry was first seen, in any state of the queue. */
import { expect, it } from 'vitest';
import { WaitingSince } from '../../src/changes/waiting-since.js';

/** Looks as [seconds, oldest id, newest id]; the answers in seconds. */
function answers(...looks: (readonly [number, number, number])[]): number[] {
  const waiting = new WaitingSince();
  return looks.map(([at, oldest, newest]) => waiting.ageSeconds(BigInt(oldest), BigInt(newest), at * 1000));
}

it('grows while the oldest entry stays, also while others come behind it', () => {
  expect(answers([0, 5, 5], [1, 5, 9], [60, 5, 900])).toEqual([0, 1, 60]);
});

it('is the age of the oldest that is left while a reader keeps a steady distance', () => {
  expect(answers([0, 1, 100], [1, 50, 200], [2, 101, 300], [3, 201, 400], [4, 301, 400])).toEqual([
    0, 1, 1, 1, 1,
  ]);
});

it('begins anew with entries that nobody has seen before', () => {
  expect(answers([0, 1, 10], [100, 11, 12], [101, 11, 12])).toEqual([0, 0, 1]);
});

it('stays right to the second over a day of silence of the reader, in bounded memory', () => {
  const waiting = new WaitingSince();
  let age = 0;
  for (let s = 0; s <= 86_400; s += 1) age = waiting.ageSeconds(1n, BigInt(10 + s), s * 1000);
  expect(age).toBe(86_400);
  expect((waiting as unknown as { looks: unknown[] }).looks.length).toBeLessThanOrEqual(2048);
  // What the reader left is as old as the first look that is remembered to have shown it.
  expect(waiting.ageSeconds(43_210n, 86_410n, 86_400_000)).toBeGreaterThan(43_000);
});

it('never runs backwards with the clock', () => {
  expect(answers([100, 1, 1], [50, 1, 1])).toEqual([0, 0]);
});
