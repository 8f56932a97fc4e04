/** Owns the tests of the rule of the load mode: which readings change it, and when it comes to rest. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type LoadMode, loadModes } from '../../src/resilience/events.js';
import { type LoadModeOptions, type LoadReading, loadMode } from '../../src/resilience/load-mode.js';

/** The mode after each reading. */
function modes(readings: readonly LoadReading[], options: LoadModeOptions = {}): LoadMode[] {
  const rule = loadMode(options);
  let state = rule.initial;
  return readings.map((reading) => {
    state = rule.next(state, reading);
    return state.mode;
  });
}

const cpu = (...ratios: number[]) => ratios.map((cpuRatio) => ({ cpuRatio }));
const last = (readings: readonly LoadReading[], options?: LoadModeOptions) => modes(readings, options).at(-1);
const times = (count: number, reading: LoadReading) => Array.from({ length: count }, () => reading);

test('three readings in a row change the mode, two do not, and one in between begins the count anew', () => {
  expect(modes(cpu(0.71, 0.71, 0.71))).toEqual(['normal', 'normal', 'reduced']);
  expect(modes(cpu(0.71, 0.71, 0.7, 0.71, 0.71))).toEqual(times(5, {}).map(() => 'normal'));
  expect(modes(cpu(0.9, 0.9, 0.9))).toEqual(['normal', 'normal', 'minimal']);
});

test('of different readings in a row the mildest counts, and the next ones go further', () => {
  expect(modes(cpu(0.9, 0.75, 0.9, 0.9, 0.9, 0.9))).toEqual([
    'normal',
    'normal',
    'reduced',
    'reduced',
    'reduced',
    'minimal',
  ]);
  const down = cpu(0.9, 0.9, 0.9, 0.1, 0.75, 0.1, 0.1, 0.1, 0.1);
  expect(modes(down).slice(5)).toEqual(['reduced', 'reduced', 'reduced', 'normal']);
});

test.each<[string, LoadReading, LoadMode]>([
  ['CPU at the limit', { cpuRatio: 0.7 }, 'normal'],
  ['CPU above it', { cpuRatio: 0.701 }, 'reduced'],
  ['CPU at the second limit', { cpuRatio: 0.85 }, 'reduced'],
  ['CPU above it', { cpuRatio: 0.851 }, 'minimal'],
  ['memory at the limit', { memoryRatio: 0.75 }, 'normal'],
  ['memory above it', { memoryRatio: 0.751 }, 'reduced'],
  ['memory above the second', { memoryRatio: 0.901 }, 'minimal'],
  ['work at the limit', { workRatio: 0.8 }, 'normal'],
  ['work above it', { workRatio: 0.801 }, 'reduced'],
  ['any amount of work', { workRatio: 50 }, 'reduced'],
  ['one high signal beside two low ones', { cpuRatio: 0, memoryRatio: 0.95, workRatio: 0 }, 'minimal'],
  ['nothing', {}, 'normal'],
  ['a signal that cannot be read', { cpuRatio: Number.NaN }, 'normal'],
])('%s: %j → %s', (_, reading, mode) => {
  expect(last(times(3, reading))).toBe(mode);
});

test('the mode falls only five points below its limit', () => {
  const high = times(3, { cpuRatio: 0.9 });
  expect(last([...high, ...times(50, { cpuRatio: 0.801 })])).toBe('minimal');
  expect(last([...high, ...times(3, { cpuRatio: 0.8 })])).toBe('reduced');
  expect(last([...high, ...times(50, { cpuRatio: 0.651 })])).toBe('reduced');
  expect(last([...high, ...times(3, { cpuRatio: 0.65 })])).toBe('normal');
});

test('a signal that cannot be read keeps the mode from falling, and not from rising', () => {
  const high = times(3, { cpuRatio: 0.75 });
  expect(last([...high, ...times(50, { cpuRatio: Number.NaN, memoryRatio: 0 })])).toBe('reduced');
  expect(last([...high, ...times(3, { cpuRatio: Number.NaN, memoryRatio: 0.99 })])).toBe('minimal');
  expect(last([...high, ...times(3, { memoryRatio: 0 })])).toBe('normal');
});

test('says which signal brought the mode about', () => {
  const rule = loadMode({ samples: 1 });
  const busy = rule.next(rule.initial, { cpuRatio: 0.75, memoryRatio: 0.95 });
  expect(busy).toMatchObject({ mode: 'minimal', cause: 'memory' });
  const calmer = rule.next(busy, { cpuRatio: 0.75, memoryRatio: 0.1 });
  expect(calmer).toMatchObject({ mode: 'reduced', cause: 'cpu' });
  expect(rule.next(calmer, { cpuRatio: 0.1 })).toMatchObject({ mode: 'normal', cause: 'none' });
});

const ratio = fc.oneof(
  fc.double({ min: 0, max: 1.2, noNaN: true }),
  fc.constant(Number.NaN),
  fc.constant(undefined),
);
const reading = fc.record({ cpuRatio: ratio, memoryRatio: ratio, workRatio: ratio });

test('whatever is read: between two changes lie enough readings, and a load that stays brings the mode to rest', () => {
  fc.assert(
    fc.property(
      fc.array(reading, { maxLength: 80 }),
      reading,
      fc.integer({ min: 1, max: 5 }),
      (readings, steady, samples) => {
        const rule = loadMode({ samples });
        let state = rule.initial;
        let unchanged = 0;
        for (const one of [...readings, ...times(3 * samples, steady)]) {
          const next = rule.next(state, one);
          unchanged++;
          if (next.mode !== state.mode) {
            expect(unchanged).toBeGreaterThanOrEqual(samples);
            unchanged = 0;
          }
          expect(next.cause === 'none').toBe(next.mode === 'normal');
          state = next;
        }
        for (const one of times(20, steady)) {
          const next = rule.next(state, one);
          expect(next.mode).toBe(state.mode);
          state = next;
        }
      },
    ),
    { numRuns: 500, seed: 9 },
  );
});

test('more load never brings a milder mode', () => {
  const rank = (mode: LoadMode | undefined) => loadModes.indexOf(mode ?? 'normal');
  const pairs = fc.array(
    fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 0.5, noNaN: true })),
    { minLength: 1, maxLength: 60 },
  );
  fc.assert(
    fc.property(pairs, (steps) => {
      const less = times(3, { cpuRatio: 0 }).concat(cpu(...steps.map(([one]) => one)));
      const most = steps.map(([one, more]) => one + more);
      const more = times(3, { cpuRatio: 0 }).concat(cpu(...most));
      // Held at the end, so that a count begun at another moment has come to its end in both.
      const low = last([...less, ...times(9, less.at(-1)!)]);
      const high = last([...more, ...times(9, more.at(-1)!)]);
      expect(rank(high)).toBeGreaterThanOrEqual(rank(low) - (most.at(-1)! > 0.85 ? 0 : 1));
    }),
    { numRuns: 300, seed: 10 },
  );
});
