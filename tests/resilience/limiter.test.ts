/** Owns the tests of the limiter's permits and queue, and of the pure rules that move limits and batch sizes. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { batchSize } from '../../src/resilience/batch-size.js';
import type { PermitOutcome } from '../../src/resilience/events.js';
import {
  aimdLimit,
  fixedLimit,
  gradientLimit,
  type LimitRule,
  type LimitState,
} from '../../src/resilience/limit.js';
import { Limiter, type LimiterOptions } from '../../src/resilience/limiter.js';
import { ManualClock } from '../../src/resilience/manual-clock.js';
import { deferred, failure, settle, turn } from './drive.js';

function setUp(options: Partial<LimiterOptions> = {}) {
  const clock = new ManualClock();
  const limiter = new Limiter({ name: 'quotes', clock, limit: 2, ...options });
  const told: unknown[] = [];
  limiter.onEvent((event) => {
    if (event.kind === 'limiter_call') told.push(event.outcome);
    if (event.kind === 'limiter_rejected') told.push(event.reason);
    if (event.kind === 'limiter_limit') told.push(event.limit);
  });
  return { clock, limiter, told };
}

test('runs so many at a time, first come first served, and turns the rest away', async () => {
  const { clock, limiter, told } = setUp({ maxQueue: 2, maxWaitMs: 500 });
  const works = Array.from({ length: 4 }, () => deferred<number>());
  const begun: number[] = [];
  const calls = works.map((work, i) =>
    limiter.execute(() => {
      begun.push(i);
      return work.promise;
    }),
  );
  expect([limiter.inFlight, limiter.queued, limiter.limit]).toEqual([2, 2, 2]);
  expect(await failure(limiter.execute(() => 5))).toMatchObject({
    code: 'LIMITER_REJECTED',
    reason: 'queue_full',
    message:
      'limiter "quotes" rejected the call (queue_full): 2 of 2 permits are held and all 2 places to wait are taken',
  });
  works[1]!.resolve(1);
  expect(await calls[1]).toBe(1);
  expect(begun).toEqual([0, 1, 2]);
  const waiting = failure(calls[3]!);
  clock.advance(500);
  expect(await waiting).toMatchObject({ reason: 'wait_timeout' });
  works[0]!.resolve(0);
  works[2]!.resolve(2);
  await Promise.all([calls[0], calls[2]]);
  expect([limiter.inFlight, limiter.queued, clock.size]).toEqual([0, 0, 0]);
  expect(told).toEqual(['queue_full', 'success', 'wait_timeout', 'success', 'success']);
});

test('holds the permit of a caller that gave up until the function ends, and frees a place in the queue at once', async () => {
  const { limiter } = setUp({ limit: 1, maxQueue: 1 });
  const work = deferred<number>();
  const callers = [new AbortController(), new AbortController()];
  const calls = callers.map(({ signal }) => failure(limiter.execute(() => work.promise, { signal })));
  for (const caller of callers) caller.abort(new Error('gone'));
  await Promise.all(calls);
  expect([limiter.inFlight, limiter.queued]).toEqual([1, 0]);
  const next = limiter.execute(() => 'next');
  work.reject(new Error('late'));
  expect(await next).toBe('next');
  expect(limiter.inFlight).toBe(0);
});

test('a function that answers twice gives its permit back once', async () => {
  const { limiter } = setUp();
  const twice = {
    // biome-ignore lint/suspicious/noThenProperty: a thenable that answers twice is the point
    then(ok: (value: number) => void, no: (error: unknown) => void) {
      ok(1);
      no(new Error('again'));
      ok(2);
    },
  };
  expect(await limiter.execute(() => twice as PromiseLike<number>)).toBe(1);
  await turn();
  expect(limiter.inFlight).toBe(0);
});

test('a long queue of functions that end at once does not exhaust the stack', async () => {
  const { limiter, told } = setUp({ limit: 1, maxQueue: 50_000, maxWaitMs: 10_000 });
  const gate = deferred<number>();
  const first = limiter.execute(() => gate.promise);
  const rest = Array.from({ length: 50_000 }, (_, i) => limiter.execute(() => i));
  gate.resolve(0);
  await first;
  expect((await Promise.all(rest)).at(-1)).toBe(49_999);
  expect(limiter.inFlight).toBe(0);
  expect(told.length).toBe(50_001);
  expect(new Set(told)).toEqual(new Set(['success']));
});

test('moves with its rule, costs one slot per 429, and survives a rule that breaks', async () => {
  const { limiter, told } = setUp({ limit: aimdLimit({ initial: 20 }) });
  await failure(limiter.execute(() => Promise.reject({ status: 429 })));
  await failure(limiter.execute(() => Promise.reject({ status: 503 })));
  await failure(limiter.execute(() => Promise.reject(new DOMException('gone', 'AbortError'))));
  await limiter.execute(() => new Response('busy', { status: 429 }));
  expect(told).toEqual([19, 'throttled', 17, 'overload', 'ignored', 16, 'throttled']);
  const initial = fixedLimit(3).initial;
  const broken: LimitRule[] = [
    { needs: 'outcome', initial, next: (state) => ({ ...state, limit: Number.NaN }) },
    {
      needs: 'outcome',
      initial,
      next: () => {
        throw new Error('rule');
      },
    },
  ];
  for (const limit of broken) {
    const own = setUp({ limit });
    expect(await own.limiter.execute(() => 1)).toBe(1);
    expect([own.limiter.limit, own.limiter.inFlight]).toEqual([3, 0]);
  }
});

test('never more than the limit at once, and everyone is answered', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 0, max: 10 }),
      fc.array(fc.record({ ms: fc.integer({ min: 0, max: 40 }), at: fc.nat(30), ends: fc.boolean() }), {
        maxLength: 30,
      }),
      async (limit, maxQueue, jobs) => {
        const { clock, limiter } = setUp({ limit, maxQueue, maxWaitMs: 20 });
        let running = 0;
        let answered = 0;
        const wait = (ms: number) => {
          const gate = deferred<void>();
          gates.push({ atMs: clock.nowMs() + ms, open: gate.resolve });
          return gate.promise;
        };
        const gates: { atMs: number; open: () => void }[] = [];
        for (let ms = 0; ms < 400 && (answered < jobs.length || ms < 40); ms++) {
          for (const job of jobs.filter(({ at }) => at === ms)) {
            const call = limiter.execute(async () => {
              running++;
              expect(running).toBeLessThanOrEqual(limit);
              await wait(job.ms);
              running--;
              if (job.ends) throw new Error('job');
            });
            call.catch(() => {}).then(() => answered++);
          }
          expect(limiter.queued).toBeLessThanOrEqual(maxQueue);
          clock.advance(1);
          for (const gate of gates) if (gate.atMs <= clock.nowMs()) gate.open();
          for (let i = 0; i < 8; i++) await null;
        }
        expect(answered).toBe(jobs.length);
        expect([limiter.inFlight, limiter.queued, clock.size, running]).toEqual([0, 0, 0, 0]);
      },
    ),
    { numRuns: 300, seed: 5 },
  );
});

/** The limit after samples, all in flight together unless told. */
function after(
  rule: LimitRule,
  from: Partial<LimitState>,
  samples: { outcome: PermitOutcome; startMs?: number; endMs?: number; inFlight?: number }[],
): number {
  let state: LimitState = { ...rule.initial, ...from };
  for (const { outcome, startMs = 0, endMs = 10, inFlight = 100 } of samples) {
    state = rule.next(state, { outcome, startMs, endMs, inFlight });
  }
  return state.limit;
}

const many = (count: number, outcome: PermitOutcome, more: object = {}) =>
  Array.from({ length: count }, () => ({ outcome, ...more }));

test('AIMD: a full round of successes adds about one, an unused limit does not grow', () => {
  const rule = aimdLimit({ initial: 10 });
  expect(after(rule, {}, many(10, 'success'))).toBeCloseTo(10.96, 1);
  expect(after(rule, {}, many(1_000, 'success', { inFlight: 4 }))).toBe(10);
  expect(after(rule, { limit: 199.99 }, many(50, 'success'))).toBe(200);
});

test.each([
  ['one overload of a large limit', 100, many(1, 'overload'), 90],
  ['calls that failed together', 100, many(50, 'overload'), 90],
  [
    'an overload begun after the last cut',
    100,
    [{ outcome: 'overload' as const }, { outcome: 'overload' as const, startMs: 11, endMs: 20 }],
    81,
  ],
  ['an overload of a small limit', 10, many(1, 'overload'), 9],
  ['429s, one slot each', 50, many(20, 'throttled'), 30],
  ['more 429s than slots', 5, many(20, 'throttled'), 1],
  ['aborts', 50, many(20, 'ignored'), 50],
])('AIMD and gradient: %s', (_, limit, samples, expected) => {
  expect(after(aimdLimit(), { limit }, samples)).toBeCloseTo(expected, 9);
  expect(after(gradientLimit(), { limit }, samples)).toBeCloseTo(expected, 9);
});

test.each([10, 40, 100])(
  'gradient: finds a capacity of %i and stays there, and follows when it changes',
  (capacity) => {
    const rule = gradientLimit({ max: 1_000 });
    let state = rule.initial;
    let nowMs = 0;
    const serve = (calls: number, places: number) => {
      for (let call = 0; call < calls; call++) {
        const inFlight = Math.max(1, Math.floor(state.limit));
        const ms = 100 * Math.max(1, inFlight / places);
        nowMs += ms / inFlight;
        state = rule.next(state, { outcome: 'success', startMs: nowMs - ms, endMs: nowMs, inFlight });
      }
      expect(state.limit).toBeGreaterThan(places * 0.7);
      expect(state.limit).toBeLessThan(places * 3);
    };
    serve(60_000, capacity);
    serve(400_000, capacity);
    serve(60_000, capacity * 3);
    serve(60_000, capacity);
  },
);

test('rules stay within their bounds, whatever comes', () => {
  const sample = fc.record({
    outcome: fc.constantFrom<PermitOutcome[]>('success', 'overload', 'throttled', 'ignored'),
    startMs: fc.integer({ min: 0, max: 1_000 }),
    endMs: fc.integer({ min: 0, max: 2_000 }),
    inFlight: fc.integer({ min: 0, max: 300 }),
  });
  fc.assert(
    fc.property(fc.array(sample, { maxLength: 200 }), (samples) => {
      for (const rule of [aimdLimit({ min: 3, max: 50 }), gradientLimit({ min: 3, max: 50 })]) {
        let state = rule.initial;
        for (const one of samples) {
          state = rule.next(state, one);
          expect(state.limit).toBeGreaterThanOrEqual(3);
          expect(state.limit).toBeLessThanOrEqual(50);
        }
      }
    }),
    { numRuns: 300, seed: 6 },
  );
});

test('batch size: halves above 80 % CPU, grows by 20 % below 40 %, stays between', () => {
  const rule = batchSize();
  const sizes = (cpus: number[]) => {
    let size = rule.initial;
    return cpus.map((cpuRatio) => {
      size = rule.next(size, { cpuRatio });
      return size;
    });
  };
  expect(sizes([0.8, 0.4, 0.81, 0.9, 1, 1, 1])).toEqual([100, 100, 50, 25, 12, 10, 10]);
  expect(sizes([0.39, 0, 0.5, Number.NaN])).toEqual([120, 144, 144, 144]);
  expect(sizes(Array(30).fill(0)).at(-1)).toBe(1_000);
  const small = batchSize({ min: 1, initial: 1 });
  expect(small.next(1, { cpuRatio: 0 })).toBe(2);
  const gentle = batchSize({ maxStepRatio: 0.3 });
  expect(gentle.next(100, { cpuRatio: 1 })).toBe(70);
  expect(gentle.next(70, { cpuRatio: 1 })).toBe(49);
});

test('a queued call that is let in late has lost its deadline for waiting', async () => {
  const { clock, limiter } = setUp({ limit: 1, maxWaitMs: 100 });
  const gate = deferred<number>();
  const first = limiter.execute(() => gate.promise);
  const work = deferred<string>();
  const second = settle(
    limiter.execute(() => work.promise),
    new ManualClock(),
  );
  clock.advance(99);
  gate.resolve(1);
  await first;
  clock.advance(10_000);
  work.resolve('done');
  expect(await second).toEqual({ value: 'done' });
});
