/** Checks the line through a row of points and its plain numbers. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { summaryOf, trendOf } from '../../src/operations/trend.js';
import { spanOf } from '../../src/operations/trend-history.js';

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2026, 0, 2);
const hourly = (values: readonly number[]) =>
  values.map((value, n) => ({ atMs: START_MS + n * HOUR_MS, value }));

/** 10, 12, 14 … */
const climb = (count: number) => Array.from({ length: count }, (_, n) => 10 + 2 * n);

describe('trendOf', () => {
  it('finds the slope per hour of a line, exactly', () => {
    expect(trendOf(hourly(climb(10)))).toEqual({
      direction: 'rising',
      slopePerHour: 2,
      r2: 1,
      points: 10,
    });
    expect(trendOf(hourly(climb(10).reverse()))).toMatchObject({ direction: 'falling', slopePerHour: -2 });
  });

  it('sees no direction in a handful of points', () => {
    expect(trendOf(hourly(climb(9)))).toMatchObject({ direction: 'unknown', slopePerHour: 2 });
  });

  it('finds the line of least squares through points that lie beside it', () => {
    // By hand: means 1.5 and 2.5, products 4, squares 5 and 5.
    const { slopePerHour, r2 } = trendOf(hourly([1, 3, 2, 4]));
    expect(slopePerHour).toBeCloseTo(0.8, 12);
    expect(r2).toBeCloseTo(0.64, 12);
  });

  it('calls stable what does not move, moves without a direction, or moves by little', () => {
    const flat = new Array<number>(10).fill(5);
    expect(trendOf(hourly(flat))).toMatchObject({ direction: 'stable', slopePerHour: 0, r2: undefined });
    expect(trendOf(hourly(flat.map((_, n) => (n % 2) * 8))).direction).toBe('stable');
    expect(trendOf(hourly(flat.map((_, n) => 1000 + n))).direction).toBe('stable');
  });

  it('says that it does not know with fewer than two moments', () => {
    expect(trendOf([])).toMatchObject({ direction: 'unknown', slopePerHour: undefined, points: 0 });
    expect(trendOf(hourly([5])).direction).toBe('unknown');
    const same = [1, 2].map((value) => ({ atMs: START_MS, value }));
    expect(trendOf(same).direction).toBe('unknown');
  });

  it('finds any line again, whatever its height and steepness', () => {
    const line = fc.record({
      slope: fc.integer({ min: -1000, max: 1000 }),
      height: fc.integer({ min: -1e6, max: 1e6 }),
      count: fc.integer({ min: 2, max: 300 }),
    });
    fc.assert(
      fc.property(line, ({ slope, height, count }) => {
        const found = trendOf(hourly(Array.from({ length: count }, (_, n) => height + slope * n)));
        expect(found.slopePerHour).toBeCloseTo(slope, 6);
      }),
    );
  });
});

it('summaryOf tells the smallest, the largest, the mean and the last', () => {
  expect(summaryOf(hourly([3, 1, 2]))).toEqual({ min: 1, max: 3, mean: 2, last: 2 });
  expect(summaryOf([])).toEqual({ min: undefined, max: undefined, mean: undefined, last: undefined });
});

describe('spanOf', () => {
  it.each([
    [1, 15],
    [24, 300],
    [168, 3600],
    [720, 10_800],
  ])('%i hours are told in steps of %i s, on multiples of the step', (hours, step) => {
    const { fromMs, toMs, stepMs } = spanOf(hours, START_MS + 1_234_567);
    expect([stepMs / 1000, toMs % stepMs, toMs - fromMs]).toEqual([step, 0, hours * HOUR_MS]);
    expect((toMs - fromMs) / stepMs).toBeLessThanOrEqual(300);
    expect(START_MS + 1_234_567 - toMs).toBeLessThan(stepMs);
  });
});
