/** Owns the proof of the limits that follow from the memory: each step, each boundary, the floors, and when they move. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasMoved, limitsByMemory, valuesInForce } from '../../src/config/limits-by-memory.js';

describe('limits of memory in use', () => {
  it.each([
    ['64 GB', 64e9, 44.8e9, 54.4e9],
    ['32 GB', 32e9, 22.4e9, 27.2e9],
    ['a byte less', 32e9 - 1, 19_199_999_999, 23_999_999_999],
    ['16 GB', 16e9, 9.6e9, 12e9],
    ['a byte less', 16e9 - 1, 8e9, 10_399_999_999],
    ['10 GB', 10e9, 5e9, 6.5e9],
    ['where the floor of critical ends', 9_452_307_692, 4_726_153_846, 6.144e9],
    ['where the floor of warning ends', 8.192e9, 4.096e9, 6.144e9],
    ['8 GB', 8e9, 4.096e9, 6.144e9],
    ['a container below the floors', 512e6, 4.096e9, 6.144e9],
  ])('of %s (%d bytes) are %d and %d', (_, totalBytes, warning, critical) => {
    expect(limitsByMemory(totalBytes)).toEqual({ warning, critical });
  });

  it('call a machine of 32 or 16 GiB what it is sold as, although the kernel keeps some of it', () => {
    const [large, middle] = [0.975 * 32 * 2 ** 30, 0.975 * 16 * 2 ** 30].map(Math.round) as [number, number];
    expect(limitsByMemory(large).warning / large).toBeCloseTo(0.7);
    expect(limitsByMemory(middle).warning / middle).toBeCloseTo(0.6);
  });

  it('are whole, climb, and never become lower on a larger machine', () => {
    const bytes = fc.integer({ min: 1, max: 2 ** 42 });
    fc.assert(
      fc.property(bytes, bytes, (one, other) => {
        const [small, large] = [limitsByMemory(Math.min(one, other)), limitsByMemory(Math.max(one, other))];
        expect(Number.isInteger(small.warning) && Number.isInteger(small.critical)).toBe(true);
        expect(small.warning).toBeLessThan(small.critical);
        expect(large.warning).toBeGreaterThanOrEqual(small.warning);
        expect(large.critical).toBeGreaterThanOrEqual(small.critical);
      }),
    );
  });
});

describe('a memory that changes', () => {
  it.each([
    [10e9, 10e9, false],
    [10e9, 11e9, false],
    [10e9, 11e9 + 1, true],
    [10e9, 9e9, false],
    [10e9, 9e9 - 1, true],
    [7, 8, true],
  ])('from %d to %d bytes has moved: %s', (from, to, moved) => {
    expect(hasMoved(from, to)).toBe(moved);
  });
});

describe('the values in force', () => {
  const settings = [
    { threshold: 'memory_used_bytes', severity: 'warning', value: 'auto' },
    { threshold: 'memory_used_bytes', severity: 'critical', value: 30e9 },
    { threshold: 'minimum_events', severity: 'none', value: 10 },
  ] as const;

  it('have a number instead of auto, and numbers as they are', () => {
    expect(valuesInForce(settings, 32e9)).toEqual([
      { ...settings[0], value: 22.4e9 },
      settings[1],
      settings[2],
    ]);
  });

  it('lack what is auto while the memory is not known', () => {
    expect(valuesInForce(settings, undefined)).toEqual([settings[1], settings[2]]);
  });
});
