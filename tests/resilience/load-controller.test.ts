/** Owns the tests of the work under a load mode: what runs, what is turned away, and what waits. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { expect, test } from 'vitest';
import type { LoadMode } from '../../src/resilience/events.js';
import { LoadController, type LoadControllerOptions } from '../../src/resilience/load-controller.js';
import { ManualClock } from '../../src/resilience/manual-clock.js';
import { deferred, failure, turn } from './drive.js';

function setUp(options: LoadControllerOptions = {}) {
  const clock = new ManualClock();
  const load = new LoadController({ samples: 1, clock, ...options });
  const told: unknown[] = [];
  load.onEvent((event) => {
    if (event.kind === 'load_mode') told.push(`${event.from} → ${event.to} by ${event.cause}`);
    if (event.kind === 'load_shed') told.push(`shed ${event.priority} ${event.reason}`);
    if (event.kind === 'load_drained') told.push(`drained after ${event.waitedMs}`);
  });
  const done: string[] = [];
  const defer = (name: string, priority = 1) => load.defer(priority, () => void done.push(name));
  return { clock, load, told, done, defer };
}

/** Lets work that follows other work begin. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

test.each<[LoadMode, number, number, number, number[]]>([
  ['normal', 0.1, 1, 100, []],
  ['reduced', 0.75, 0.7, 70, [1, 2, 3]],
  ['minimal', 0.95, 0.3, 30, [1, 2, 3, 4, 5]],
])('%s: the factor, and which priorities are off', async (mode, cpuRatio, factor, scaled, off) => {
  const { load } = setUp();
  expect(load.sample({ cpuRatio })).toBe(mode);
  expect([load.mode, load.factor, load.scaled(100), load.scaled(1)]).toEqual([mode, factor, scaled, 1]);
  const all = Array.from({ length: 10 }, (_, i) => i + 1);
  expect(all.filter((priority) => !load.allows(priority))).toEqual(off);
  for (const priority of all) {
    const ending = await load.execute(priority, () => 'done').catch((error: { code: string }) => error.code);
    expect(ending).toBe(off.includes(priority) ? 'LOAD_SHED' : 'done');
  }
  expect(load.allows(Number.NaN)).toBe(true);
});

test('work that is off is told why, and the mode and its cause are told once', async () => {
  const { load, told } = setUp();
  load.sample({ cpuRatio: 0.95 });
  load.sample({ cpuRatio: 0.96 });
  expect(load.cause).toBe('cpu');
  expect(await failure(load.execute(2, () => 1))).toMatchObject({
    code: 'LOAD_SHED',
    name: 'LoadShedError',
    reason: 'minimal',
    priority: 2,
    mode: 'minimal',
    message: 'work of priority 2 was turned away (minimal) in load mode minimal; try again later',
  });
  expect(told).toEqual(['normal → minimal by cpu', 'shed 2 minimal']);
});

test('deferred work waits, and all of it is done, oldest first, once the CPU is below 75 %', async () => {
  const { clock, load, told, done, defer } = setUp();
  load.sample({ cpuRatio: 0.8 });
  const names = Array.from({ length: 50 }, (_, i) => `item ${i}`);
  const calls = names.map((name) => defer(name));
  expect([load.deferred, done]).toEqual([50, []]);
  load.sample({ cpuRatio: 0.75 });
  await turns(5);
  expect(done).toEqual([]);
  clock.advance(1_000);
  // Still in reduced mode, for five points are missing, and yet there is room for what waits.
  expect(load.sample({ cpuRatio: 0.74 })).toBe('reduced');
  expect(done).toEqual(['item 0']);
  await turns(60);
  await Promise.all(calls);
  expect(done).toEqual(names);
  expect([load.deferred, told.at(-1), clock.size]).toEqual([0, 'drained after 1000', 0]);
});

test('the drain stops as soon as a reading says so, and never runs in minimal mode', async () => {
  const { load, done, defer } = setUp();
  load.sample({ cpuRatio: 0.8 });
  const works = [deferred<void>(), deferred<void>()];
  const calls = works.map((work, i) =>
    load.defer(1, () => {
      done.push(`${i}`);
      return work.promise;
    }),
  );
  calls.push(defer('last'));
  load.sample({ cpuRatio: 0.5, memoryRatio: 0.99 });
  await turns(3);
  expect([load.mode, done]).toEqual(['minimal', []]);
  load.sample({ cpuRatio: 0.7, memoryRatio: 0.8 });
  expect(done).toEqual(['0']);
  load.sample({ cpuRatio: 0.8, memoryRatio: 0.1 });
  works[0]!.resolve();
  await turns(3);
  expect(done).toEqual(['0']);
  load.sample({ cpuRatio: 0.5, memoryRatio: 0.1 });
  works[1]!.resolve();
  await Promise.all(calls);
  expect(done).toEqual(['0', '1', 'last']);
});

test('a host that reads no CPU has its deferred work done in normal mode', async () => {
  const { load, done, defer } = setUp();
  load.sample({ workRatio: 0.9 });
  const call = defer('item');
  load.sample({ workRatio: 0.76 });
  expect(done).toEqual([]);
  load.sample({ workRatio: 0.75 });
  await call;
  expect(done).toEqual(['item']);
});

test('a CPU that cannot be read is no room', async () => {
  const { load, done, defer } = setUp();
  load.sample({ cpuRatio: 0.8 });
  const call = defer('item');
  load.sample({ cpuRatio: Number.NaN });
  expect(done).toEqual([]);
  load.sample({ cpuRatio: 0.1 });
  await call;
});

test('so many are done at a time as it is told, and work that is allowed does not wait', async () => {
  const { load, done, defer } = setUp({ drainParallelism: 2 });
  load.sample({ cpuRatio: 0.8 });
  const gate = deferred<void>();
  const calls = ['a', 'b', 'c'].map((name) =>
    load.defer(1, () => {
      done.push(name);
      return gate.promise;
    }),
  );
  await defer('important', 9);
  expect(done).toEqual(['important']);
  load.sample({ cpuRatio: 0.1 });
  load.sample({ cpuRatio: 0.1 });
  expect(done).toEqual(['important', 'a', 'b']);
  gate.resolve();
  await Promise.all(calls);
  expect(done).toEqual(['important', 'a', 'b', 'c']);
});

test('turns away what finds no place, what waits too long, and what still waits at the end', async () => {
  const { clock, load, told, done, defer } = setUp({ maxDeferred: 2, maxDeferMs: 1_000 });
  load.sample({ cpuRatio: 0.8 });
  const early = failure(defer('early'));
  clock.advance(600);
  const later = failure(defer('later', 2));
  expect(await failure(defer('one too many', 3))).toMatchObject({ reason: 'queue_full' });
  clock.advance(400);
  load.sample({ cpuRatio: 0.8 });
  expect(await early).toMatchObject({ reason: 'expired' });
  load.stop();
  expect(await later).toMatchObject({ reason: 'stopped' });
  expect(await failure(defer('after the end'))).toMatchObject({ reason: 'stopped' });
  load.sample({ cpuRatio: 0.1 });
  await turns(2);
  expect(done).toEqual([]);
  expect(told.slice(1)).toEqual([
    'shed 3 queue_full',
    'shed 1 expired',
    'shed 2 stopped',
    'shed 1 stopped',
    'reduced → normal by none',
  ]);
});

test('an error of deferred work reaches its caller and the next work goes on; a caller that gives up loses its place', async () => {
  const { load, done, defer } = setUp();
  load.sample({ cpuRatio: 0.8 });
  const caller = new AbortController();
  const gone = failure(load.defer(1, () => void done.push('gone'), { signal: caller.signal }));
  const failing = failure(load.defer(1, () => Promise.reject(new Error('broken'))));
  const next = defer('next');
  caller.abort(new Error('gave up'));
  expect(await gone).toEqual(new Error('gave up'));
  load.sample({ cpuRatio: 0.1 });
  expect(await failing).toEqual(new Error('broken'));
  await next;
  expect(done).toEqual(['next']);
});

test('deferred work runs as its own caller, not as the one that gave the reading', async () => {
  const { load } = setUp();
  const caller = new AsyncLocalStorage<string>();
  load.sample({ cpuRatio: 0.8 });
  const calls = ['a', 'b'].map((name) =>
    caller.run(name, () => load.defer(1, async () => caller.getStore())),
  );
  caller.run('sampler', () => load.sample({ cpuRatio: 0.1 }));
  expect(await Promise.all(calls)).toEqual(['a', 'b']);
});
