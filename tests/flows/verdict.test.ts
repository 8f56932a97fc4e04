/** Checks the stall verdict: the word for each situation an operator knows, and that any input gives exactly one word. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type FlowObservation, judge, type StatusObservation, VERDICTS } from '../../src/flows/verdict.js';

const quiet: StatusObservation = {
  status: 'monitoring',
  items: 0,
  oldestAgeSeconds: undefined,
  limitSeconds: 180,
  arrivalsInWindow: 0,
  exitsInWindow: 0,
};

function flow(status: Partial<StatusObservation>, rest: Partial<FlowObservation> = {}): FlowObservation {
  return {
    statuses: [{ ...quiet, ...status }],
    windowSeconds: 300,
    arrivalsInWindow: status.arrivalsInWindow ?? 0,
    baseline: undefined,
    ...rest,
  };
}

const usual = { windowSeconds: 3_600, arrivals: 300, lastArrivalAgeSeconds: 600 };

describe('the word for a situation', () => {
  const cases: readonly [string, FlowObservation, string][] = [
    ['nothing there, nothing happens', flow({}), 'idle'],
    [
      'items rest in a status without a limit',
      flow({ items: 9, oldestAgeSeconds: 1e6, limitSeconds: undefined }),
      'idle',
    ],
    [
      'items come and go',
      flow({ items: 3, oldestAgeSeconds: 20, arrivalsInWindow: 40, exitsInWindow: 38 }),
      'flowing',
    ],
    ['the first item has just come', flow({ items: 1, oldestAgeSeconds: 1, arrivalsInWindow: 1 }), 'flowing'],
    ['items wait within their limit', flow({ items: 2, oldestAgeSeconds: 170 }), 'flowing'],
    ['the last items leave', flow({ exitsInWindow: 2 }), 'flowing'],
    [
      'items move although no status has a limit',
      flow({ exitsInWindow: 1, limitSeconds: undefined }),
      'flowing',
    ],
    ['the head is exactly at its limit', flow({ items: 1, oldestAgeSeconds: 180 }), 'flowing'],
    [
      'the head is late, others leave',
      flow({ items: 5, oldestAgeSeconds: 181, exitsInWindow: 3 }),
      'backlogged',
    ],
    [
      'ten come for each that leaves, and the line outlasts the limit',
      flow({ items: 100, oldestAgeSeconds: 90, arrivalsInWindow: 110, exitsInWindow: 10 }),
      'backlogged',
    ],
    [
      'more come than leave, but no more than chance explains',
      flow({ items: 100, oldestAgeSeconds: 90, arrivalsInWindow: 60, exitsInWindow: 40 }),
      'flowing',
    ],
    [
      'the line grows fast, but all of it will leave in time',
      flow({
        items: 100,
        oldestAgeSeconds: 90,
        limitSeconds: 86_400,
        arrivalsInWindow: 110,
        exitsInWindow: 10,
      }),
      'flowing',
    ],
    ['the head is late, none leaves', flow({ items: 5, oldestAgeSeconds: 181 }), 'stalled'],
    [
      'the head is late, none leaves, more come',
      flow({ items: 5, oldestAgeSeconds: 181, arrivalsInWindow: 4 }),
      'stalled',
    ],
    ['none comes where one came every ten seconds', flow({}, { baseline: usual }), 'starved'],
    ['none comes, the rest is worked off', flow({ exitsInWindow: 30 }, { baseline: usual }), 'starved'],
    [
      'none comes, and what is there is stuck',
      flow({ items: 1, oldestAgeSeconds: 999 }, { baseline: usual }),
      'stalled',
    ],
    [
      'the silence is no longer than gaps use to be',
      flow({}, { baseline: { ...usual, arrivals: 20 } }),
      'idle',
    ],
    [
      'too few ever came to be usual',
      flow({}, { baseline: { ...usual, arrivals: 9, lastArrivalAgeSeconds: 3_500 } }),
      'idle',
    ],
    [
      'silence has been usual for the whole baseline',
      flow({}, { baseline: { ...usual, arrivals: 0, lastArrivalAgeSeconds: 3_600 } }),
      'idle',
    ],
    [
      'none ever came',
      flow({}, { baseline: { ...usual, arrivals: 0, lastArrivalAgeSeconds: undefined } }),
      'idle',
    ],
  ];
  test.each(cases)('%s', (_, observation, word) => {
    expect(judge(observation)).toBe(word);
  });

  test('one stalled status names the flow, although the other status is busy', () => {
    const busy = {
      ...quiet,
      status: 'active',
      items: 9,
      oldestAgeSeconds: 5,
      arrivalsInWindow: 50,
      exitsInWindow: 50,
    };
    const stuck = { ...quiet, items: 2, oldestAgeSeconds: 500 };
    expect(
      judge({ statuses: [busy, stuck], windowSeconds: 300, arrivalsInWindow: 50, baseline: usual }),
    ).toBe('stalled');
  });
});

describe('any input', () => {
  const odd = fc.oneof(
    fc.nat({ max: 200 }),
    fc.double(),
    fc.constantFrom(Number.NaN, Infinity, -Infinity, -1, 0),
  );
  const maybe = fc.option(odd, { nil: undefined });
  const status: fc.Arbitrary<StatusObservation> = fc.record({
    status: fc.string(),
    items: odd,
    oldestAgeSeconds: maybe,
    limitSeconds: maybe,
    arrivalsInWindow: odd,
    exitsInWindow: odd,
  });
  const observation: fc.Arbitrary<FlowObservation> = fc.record({
    statuses: fc.array(status, { maxLength: 4 }),
    windowSeconds: odd,
    arrivalsInWindow: odd,
    baseline: fc.option(fc.record({ windowSeconds: odd, arrivals: odd, lastArrivalAgeSeconds: maybe }), {
      nil: undefined,
    }),
  });
  const late = (s: StatusObservation) =>
    s.items > 0 && (s.oldestAgeSeconds ?? -Infinity) > (s.limitSeconds ?? Infinity);

  test('gives one of the declared words', () => {
    fc.assert(fc.property(observation, (seen) => VERDICTS.includes(judge(seen))));
  });

  test('is stalled exactly when one status has a late head and no exit', () => {
    fc.assert(
      fc.property(observation, (seen) => {
        const stuck = seen.statuses.some((s) => late(s) && !(s.exitsInWindow > 0));
        expect(judge(seen) === 'stalled').toBe(stuck);
      }),
      { numRuns: 2_000 },
    );
  });

  test('never hides a late head behind idle, flowing or starved', () => {
    fc.assert(
      fc.property(observation, (seen) => {
        fc.pre(seen.statuses.some(late));
        expect(['stalled', 'backlogged']).toContain(judge(seen));
      }),
    );
  });

  test('does not depend on the order of the statuses', () => {
    fc.assert(
      fc.property(observation, (seen) => {
        expect(judge({ ...seen, statuses: [...seen.statuses].reverse() })).toBe(judge(seen));
      }),
    );
  });

  test('one exit more never turns a verdict into stalled', () => {
    fc.assert(
      fc.property(observation, (seen) => {
        const moved = {
          ...seen,
          statuses: seen.statuses.map((s) => ({ ...s, exitsInWindow: Math.abs(s.exitsInWindow || 0) + 1 })),
        };
        expect(judge(moved)).not.toBe('stalled');
      }),
    );
  });
});
