/** Owns the tests of the arithmetic of a token bucket: never more than the rate, and no longer wait than it tells. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type BucketRule,
  fullBucket,
  paused,
  refilled,
  slowed,
  taken,
  waitMs,
} from '../../src/resilience/token-bucket.js';

const rules = fc.record<BucketRule>({
  ratePerSecond: fc.double({ min: 0.01, max: 1_000, noNaN: true }),
  burst: fc.integer({ min: 1, max: 50 }),
  slowRatio: fc.double({ min: 0.05, max: 1, noNaN: true }),
});
const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('take' as const), ms: fc.integer({ min: 0, max: 3_000 }) }),
    fc.record({ kind: fc.constant('pause' as const), ms: fc.integer({ min: 0, max: 5_000 }) }),
    fc.record({ kind: fc.constant('slow' as const), ms: fc.integer({ min: 0, max: 5_000 }) }),
  ),
  { maxLength: 120 },
);

test('in no span of time are there more calls than a burst and what came in, and none within a pause', () => {
  fc.assert(
    fc.property(rules, steps, (rule, moves) => {
      let state = fullBucket(rule, 0);
      let nowMs = 0;
      let pausedUntilMs = 0;
      const takenAtMs: number[] = [];
      for (const { kind, ms } of moves) {
        if (kind === 'pause') {
          state = paused(rule, state, nowMs + ms);
          pausedUntilMs = Math.max(pausedUntilMs, nowMs + ms);
        } else if (kind === 'slow') state = slowed(rule, state, nowMs, nowMs + ms);
        else {
          nowMs += ms;
          for (let next = taken(rule, state, nowMs); next !== undefined; next = taken(rule, state, nowMs)) {
            expect(nowMs).toBeGreaterThanOrEqual(pausedUntilMs);
            state = next;
            takenAtMs.push(nowMs);
          }
        }
        expect(state.tokens).toBeGreaterThanOrEqual(0);
        expect(state.tokens).toBeLessThanOrEqual(rule.burst);
      }
      takenAtMs.forEach((fromMs, first) => {
        for (let last = first; last < takenAtMs.length; last += 7) {
          const spanMs = takenAtMs[last]! - fromMs;
          expect(last - first + 1).toBeLessThanOrEqual(
            rule.burst + (spanMs * rule.ratePerSecond) / 1000 + 1e-6,
          );
        }
      });
    }),
    { numRuns: 300, seed: 7 },
  );
});

test('the wait that is told is the wait that it takes: not a moment shorter, and no longer', () => {
  fc.assert(
    fc.property(rules, steps, fc.integer({ min: 1, max: 40 }), (rule, moves, place) => {
      let state = fullBucket(rule, 0);
      let nowMs = 0;
      for (const { kind, ms } of moves) {
        if (kind === 'pause') state = paused(rule, state, nowMs + ms);
        else if (kind === 'slow') state = slowed(rule, state, nowMs, nowMs + ms);
        else {
          nowMs += ms;
          state = taken(rule, state, nowMs) ?? state;
        }
      }
      const told = waitMs(rule, state, nowMs, place);
      let atMs = nowMs;
      for (let turns = 0; turns < place; turns++) {
        const untilMs = atMs + waitMs(rule, state, atMs, 1);
        if (untilMs - 1 > atMs) expect(taken(rule, state, untilMs - 1)).toBeUndefined();
        atMs = untilMs;
        state = taken(rule, state, atMs + 1e-6)!;
        expect(state).toBeDefined();
      }
      expect(Math.abs(atMs - nowMs - told)).toBeLessThan(0.01 + told * 1e-6);
    }),
    { numRuns: 300, seed: 8 },
  );
});

test('a bucket is not moved by a clock that stands or goes back', () => {
  const rule = { ratePerSecond: 1, burst: 5, slowRatio: 1 };
  const state = { ...fullBucket(rule, 1_000), tokens: 2 };
  expect(refilled(rule, state, 1_000)).toBe(state);
  expect(refilled(rule, state, 0)).toBe(state);
  expect(refilled(rule, state, 2_500).tokens).toBe(3.5);
});
