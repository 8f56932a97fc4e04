/** Owns the proof that chance is seedable and has the shape it claims. */
import { describe, expect, test } from 'vitest';
import { createRandom, hashUnit } from '../../src/demo/random.js';

const draws = (count: number, draw: () => number) => Array.from({ length: count }, draw);
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('random', () => {
  test('the same seed gives the same stream, another seed another one', () => {
    const first = draws(5, createRandom('a').next);
    expect(draws(5, createRandom('a').next)).toEqual(first);
    expect(draws(5, createRandom('b').next)).not.toEqual(first);
  });

  test('a fork does not depend on what its parent drew before', () => {
    const used = createRandom(7);
    draws(100, used.next);
    expect(draws(5, used.fork('x').next)).toEqual(draws(5, createRandom(7).fork('x').next));
    expect(draws(5, used.fork('x').next)).not.toEqual(draws(5, used.fork('y').next));
  });

  test('uniform fills its interval evenly', () => {
    const random = createRandom(1);
    const tenths = new Array<number>(10).fill(0);
    for (const value of draws(20_000, () => random.uniform(0, 10))) tenths[Math.floor(value)]! += 1;
    for (const count of tenths) expect(Math.abs(count - 2_000)).toBeLessThan(200);
  });

  test.each([0.1, 3, 29.9, 30, 200])('poisson with mean %d has this mean and this variance', (wanted) => {
    const random = createRandom(wanted);
    const values = draws(20_000, () => random.poisson(wanted));
    const average = mean(values);
    const variance = mean(values.map((value) => (value - average) ** 2));
    expect(Math.abs(average / wanted - 1)).toBeLessThan(0.06);
    expect(Math.abs(variance / wanted - 1)).toBeLessThan(0.06);
  });

  test('poisson knows its bounds', () => {
    expect(createRandom(1).poisson(0)).toBe(0);
    expect(() => createRandom(1).poisson(-1)).toThrow('mean must be between 0 and 100000, got -1');
    expect(() => createRandom(1).poisson(Number.NaN)).toThrow('got NaN');
  });

  test('lognormal has this median', () => {
    const random = createRandom(3);
    const values = draws(20_001, () => random.lognormal(140, 1.7)).sort((a, b) => a - b);
    expect(values[10_000]!).toBeGreaterThan(130);
    expect(values[10_000]!).toBeLessThan(150);
  });

  test('a hashed unit depends on key and step and stays in [0, 1)', () => {
    const values = draws(1_000, () => 0).map((_, step) => hashUnit(42, step));
    expect(new Set(values).size).toBe(1_000);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThan(1);
    expect(hashUnit(43, 5)).not.toBe(hashUnit(42, 5));
  });
});
