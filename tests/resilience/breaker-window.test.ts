/** Checks the windows of a circuit breaker against a plain list of the calls, over any pauses between them. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type CallWindow, CountWindow, TimeWindow } from '../../src/resilience/breaker-window.js';

interface Told {
  readonly pauseMs: number;
  readonly result: 'success' | 'slow' | 'failure';
  readonly slow: boolean;
}

const calls: fc.Arbitrary<readonly Told[]> = fc.array(
  fc.record({
    // From many calls in one tenth of the window to silences of several windows.
    pauseMs: fc.oneof(fc.nat(15), fc.nat(400)),
    result: fc.constantFrom('success', 'failure'),
    slow: fc.boolean(),
  }),
  { maxLength: 60 },
);

function expectCounts(window: CallWindow, told: readonly Told[], isKept: KeptRule): void {
  const all: (Told & { readonly atMs: number })[] = [];
  let nowMs = 0;
  for (const call of told) {
    nowMs += call.pauseMs;
    all.push({ ...call, atMs: nowMs });
    window.add(call.result, call.slow, nowMs);
    const kept = all.filter(({ atMs }, place) => isKept(all.length - place, atMs, nowMs));
    expect(window.tally(nowMs)).toEqual({
      calls: kept.length,
      failures: kept.filter(({ result }) => result === 'failure').length,
      slow: kept.filter(({ slow }) => slow).length,
    });
  }
  window.clear();
  expect(window.tally(nowMs)).toEqual({ calls: 0, failures: 0, slow: 0 });
}

/** Is the call still in the window that is the so-manieth from the end, and was made at `atMs`? */
type KeptRule = (fromEnd: number, atMs: number, nowMs: number) => boolean;

test('a window of time holds the calls of its last ten tenths', () => {
  fc.assert(
    fc.property(calls, (told) => {
      const tenth = (ms: number) => Math.floor(ms / 10);
      expectCounts(new TimeWindow(100), told, (_, atMs, nowMs) => tenth(atMs) > tenth(nowMs) - 10);
    }),
    { seed: 7, numRuns: 500 },
  );
});

test('a window of calls holds the last so many', () => {
  fc.assert(
    fc.property(calls, fc.integer({ min: 1, max: 8 }), (told, size) => {
      expectCounts(new CountWindow(size), told, (fromEnd) => fromEnd <= size);
    }),
    { seed: 7, numRuns: 500 },
  );
});
