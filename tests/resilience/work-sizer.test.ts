/** Owns the tests of the sizes of work: which reading moves which number, how far, how often, and the switch. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { workSizeMoves } from '../../src/resilience/events.js';
import { ManualClock } from '../../src/resilience/manual-clock.js';
import { type WorkSizeReading, workSize } from '../../src/resilience/work-size.js';
import { WorkSizer, type WorkSizerOptions } from '../../src/resilience/work-sizer.js';

const MINUTE_MS = 60_000;

function setUp(options: Partial<WorkSizerOptions> = {}) {
  const clock = new ManualClock();
  const sizer = new WorkSizer({ name: 'import', clock, ...options });
  const told: string[] = [];
  sizer.onEvent((event) => {
    if (event.kind === 'work_size')
      told.push(`${event.parameter} ${event.from} ${event.direction} ${event.to} ${event.reason}`);
  });
  /** The sizes after a reading a minute after the one before. */
  const after = (reading: Omit<WorkSizeReading, 'nowMs'>) => {
    clock.advance(MINUTE_MS);
    sizer.sample(reading);
    return [sizer.batchSize, sizer.parallelism];
  };
  return { clock, sizer, told, after };
}

test.each<[string, Omit<WorkSizeReading, 'nowMs'>, [number, number]]>([
  ['CPU at 80 %', { cpuRatio: 0.8 }, [100, 3]],
  [
    'CPU above 80 %: both shrink by 30 % at most, the parallelism by one at least',
    { cpuRatio: 0.81 },
    [70, 2],
  ],
  ['CPU at 40 %', { cpuRatio: 0.4 }, [100, 3]],
  ['CPU below 40 %: the batch grows', { cpuRatio: 0.39 }, [120, 3]],
  ['CPU below 40 % and nothing to do', { cpuRatio: 0.1, queueLength: 0 }, [100, 3]],
  ['a queue of 100', { cpuRatio: 0.5, queueLength: 100 }, [100, 3]],
  ['a longer queue: more at the same time', { cpuRatio: 0.5, queueLength: 101 }, [100, 4]],
  ['a longer queue on a machine nobody reads', { queueLength: 101 }, [100, 4]],
  ['a longer queue and no CPU left', { cpuRatio: 0.9, queueLength: 1_000_000 }, [70, 2]],
  ['a longer queue and a CPU that cannot be read', { cpuRatio: Number.NaN, queueLength: 101 }, [100, 3]],
  ['a queue that cannot be read', { cpuRatio: 0.1, queueLength: Number.NaN }, [100, 3]],
  ['a slow query: a smaller batch', { cpuRatio: 0.1, queueLength: 101, slowQueries: 1 }, [70, 3]],
  ['no slow query', { slowQueries: 0 }, [100, 3]],
  ['nothing', {}, [100, 3]],
])('%s', (_, reading, sizes) => {
  expect(setUp().after(reading)).toEqual(sizes);
});

test('changes once a minute at most, but is smaller at once for each reading with slow queries', () => {
  const { clock, sizer, told } = setUp();
  sizer.sample({ cpuRatio: 0.9 });
  clock.advance(MINUTE_MS - 1);
  sizer.sample({ cpuRatio: 0.9 });
  expect(told).toEqual(['batch_size 100 down 70 cpu_high', 'parallelism 3 down 2 cpu_high']);
  sizer.sample({ cpuRatio: 0.9, slowQueries: 2 });
  sizer.sample({ cpuRatio: 0.9, slowQueries: 2 });
  expect(told.slice(2)).toEqual(['batch_size 70 down 49 slow_queries', 'batch_size 49 down 34 slow_queries']);
  clock.advance(MINUTE_MS);
  sizer.sample({ cpuRatio: 0.1 });
  expect(told.slice(4)).toEqual(['batch_size 34 up 41 cpu_low', 'parallelism 2 up 3 cpu_low']);
});

test('goes down to the bounds and up to the bounds, and says nothing when nothing changes', () => {
  const { told, sizer, after } = setUp();
  for (let i = 0; i < 20; i++) after({ cpuRatio: 1 });
  expect([sizer.batchSize, sizer.parallelism]).toEqual([10, 1]);
  const changes = told.length;
  expect([after({ cpuRatio: 1 }), after({ slowQueries: 1 }), told.length]).toEqual([
    [10, 1],
    [10, 1],
    changes,
  ]);
  for (let i = 0; i < 60; i++) after({ cpuRatio: 0.1, queueLength: 5_000 });
  expect([sizer.batchSize, sizer.parallelism]).toEqual([1_000, 10]);
});

test('a long queue raises the parallelism first and the batch when that is at its bound', () => {
  const { after } = setUp({ maxParallel: 4 });
  const busy = { cpuRatio: 0.6, queueLength: 500 };
  expect([after(busy), after(busy), after(busy)]).toEqual([
    [100, 4],
    [120, 4],
    [144, 4],
  ]);
});

test('a raised parallelism goes back when the queue is short again', () => {
  const { after, told } = setUp();
  for (let i = 0; i < 3; i++) after({ cpuRatio: 0.5, queueLength: 500 });
  const quiet = { cpuRatio: 0.5, queueLength: 50 };
  expect([after(quiet), after(quiet), after(quiet), after(quiet)]).toEqual([
    [100, 5],
    [100, 4],
    [100, 3],
    [100, 3],
  ]);
  expect(told.at(-1)).toBe('parallelism 4 down 3 queue_short');
});

test('slow queries at the smallest batch lower the parallelism, at the usual pace', () => {
  const { sizer, clock } = setUp({ batch: 10 });
  sizer.sample({ slowQueries: 1 });
  sizer.sample({ slowQueries: 1 });
  expect([sizer.batchSize, sizer.parallelism]).toEqual([10, 2]);
  clock.advance(MINUTE_MS);
  sizer.sample({ slowQueries: 1 });
  expect(sizer.parallelism).toBe(1);
});

test('switched off it keeps the first sizes; switched on it follows the load again', () => {
  const { sizer, after, told } = setUp({ adapts: 'off' });
  expect([sizer.isOn, after({ cpuRatio: 0.9 })]).toEqual([false, [100, 3]]);
  sizer.switchOn();
  expect([sizer.isOn, after({ cpuRatio: 0.9 })]).toEqual([true, [70, 2]]);
  sizer.switchOff();
  expect([sizer.batchSize, sizer.parallelism, told.length]).toEqual([100, 3, 2]);
  expect(after({ cpuRatio: 0.9 })).toEqual([100, 3]);
});

const ratio = fc.oneof(
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.constant(Number.NaN),
  fc.constant(undefined),
);
const count = fc.oneof(fc.integer({ min: 0, max: 400 }), fc.constant(Number.NaN), fc.constant(undefined));
const readings = fc.array(
  fc.record({
    afterMs: fc.integer({ min: 0, max: 90_000 }),
    cpuRatio: ratio,
    queueLength: count,
    slowQueries: fc.oneof(fc.constant(0), count),
  }),
  { maxLength: 150 },
);

test('whatever is read: within bounds, small steps, seldom, and each change has its reason', () => {
  const moves = workSizeMoves.map((move) => Object.values(move).join());
  fc.assert(
    fc.property(readings, (all) => {
      const rule = workSize({ minBatch: 5, maxBatch: 300, minParallel: 2, maxParallel: 8 });
      let state = rule.initial;
      let nowMs = 0;
      for (const { afterMs, ...reading } of all) {
        nowMs += afterMs;
        const next = rule.next(state, { ...reading, nowMs });
        for (const [parameter, from, to, min, max] of [
          ['batch_size', state.batchSize, next.batchSize, 5, 300],
          ['parallelism', state.parallelism, next.parallelism, 2, 8],
        ] as const) {
          expect(Number.isInteger(to) && to >= min && to <= max).toBe(true);
          expect(Math.abs(to - from)).toBeLessThanOrEqual(Math.max(1, Math.ceil(from * 0.3)));
          if (to === from) continue;
          expect(moves).toContain([parameter, to > from ? 'up' : 'down', next.reason].join());
          expect(next.changedMs).toBe(nowMs);
          if (next.reason !== 'slow_queries') expect(nowMs - state.changedMs).toBeGreaterThanOrEqual(60_000);
          if (to > from) expect((reading.slowQueries ?? 0) > 0).toBe(false);
        }
        state = next;
      }
    }),
    { numRuns: 500, seed: 11 },
  );
});

test('a load that stays brings the sizes to rest', () => {
  fc.assert(
    fc.property(readings, ratio, count, (all, cpuRatio, queueLength) => {
      const rule = workSize();
      let state = rule.initial;
      let nowMs = 0;
      for (const { afterMs, ...reading } of all) {
        nowMs += afterMs;
        state = rule.next(state, { ...reading, nowMs });
      }
      const steady = (count: number) => {
        for (let i = 0; i < count; i++) {
          nowMs += 60_000;
          state = rule.next(state, { cpuRatio, queueLength, nowMs });
        }
      };
      steady(60);
      const rest = state;
      steady(10);
      expect(state).toBe(rest);
    }),
    { numRuns: 300, seed: 12 },
  );
});
