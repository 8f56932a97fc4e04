/** Owns the tests of the timeout: the deadline, its two ways of ending a call, and the adaptive limit. */
import { expect, test } from 'vitest';
import { LatencySketch } from '../../src/resilience/latency-sketch.js';
import { ManualClock } from '../../src/resilience/manual-clock.js';
import { wrap } from '../../src/resilience/policy.js';
import { Timeout, type TimeoutOptions } from '../../src/resilience/timeout.js';
import { deferred, failure, settle, turn } from './drive.js';

function setUp(options: Partial<TimeoutOptions> = {}) {
  const clock = new ManualClock();
  const timeout = new Timeout({ name: 'quotes', clock, ...options });
  const told: string[] = [];
  timeout.onEvent((event) => told.push('outcome' in event ? `${event.outcome}` : JSON.stringify(event)));
  const take = async (ms: number) => {
    const work = deferred<number>();
    const call = settle(
      timeout.execute(() => work.promise),
      new ManualClock(),
    );
    clock.advance(ms);
    work.resolve(ms);
    return call;
  };
  return { clock, timeout, told, take };
}

test('ends a call at its deadline even if the function ignores its signal', async () => {
  const { clock, timeout, told } = setUp({ timeoutMs: 500 });
  let signal: AbortSignal | undefined;
  let leftMs = 0;
  const call = failure(
    timeout.execute((context) => {
      signal = context.signal;
      leftMs = context.remainingMs;
      return new Promise(() => {});
    }),
  );
  clock.advance(499);
  expect(signal?.aborted).toBe(false);
  clock.advance(1);
  const error = await call;
  expect(error).toMatchObject({
    name: 'CallTimeoutError',
    code: 'CALL_TIMEOUT',
    policy: 'quotes',
    timeoutMs: 500,
  });
  expect(signal?.reason).toBe(error);
  expect(leftMs).toBe(500);
  expect(told).toEqual(['timeout']);
});

test('a signal that is read only after the deadline is aborted already', async () => {
  const { clock, timeout } = setUp({ timeoutMs: 5 });
  let read: () => AbortSignal = () => AbortSignal.abort();
  const call = failure(
    timeout.execute((context) => {
      read = () => context.signal;
      return new Promise(() => {});
    }),
  );
  clock.advance(5);
  expect(read().reason).toBe(await call);
});

test('under `signal` the call ends when the function does', async () => {
  const { clock, timeout, told } = setUp({ timeoutMs: 5, atDeadline: 'signal' });
  const own = new Error('rolled back');
  const call = failure(
    timeout.execute(
      ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => setImmediate(reject, own));
        }),
    ),
  );
  clock.advance(5);
  expect(await call).toBe(own);
  expect(told).toEqual(['timeout']);
});

test('the nearest deadline of nested policies is the one that shows and that falls', async () => {
  const clock = new ManualClock();
  const policy = wrap(
    new Timeout({ name: 'outer', clock, timeoutMs: 100 }),
    new Timeout({ name: 'inner', clock, timeoutMs: 300 }),
  );
  let leftMs = 0;
  let inner: AbortSignal | undefined;
  const ending = await settle(
    policy.execute((context) => {
      leftMs = context.remainingMs;
      inner = context.signal;
      return new Promise(() => {});
    }),
    clock,
  );
  expect(leftMs).toBe(100);
  expect(ending).toMatchObject({ error: { policy: 'outer' } });
  expect(inner?.aborted).toBe(true);
  expect(clock.size).toBe(0);
});

test('two inner calls of one outer call are both aborted with it', async () => {
  const clock = new ManualClock();
  const outer = new Timeout({ name: 'outer', clock, timeoutMs: 100 });
  const inner = new Timeout({ name: 'inner', clock, timeoutMs: 1_000 });
  const signals: AbortSignal[] = [];
  const hang = ({ signal }: { signal: AbortSignal }) => {
    signals.push(signal);
    return new Promise<never>(() => {});
  };
  const both = outer.execute((context) => Promise.all([1, 2, 3].map(() => inner.execute(hang, context))));
  await settle(both, clock);
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, true]);
  await turn();
  expect(clock.size).toBe(0);
});

test('adapts to a multiple of the p99 within its bounds, and only after enough calls', async () => {
  const { timeout, told, take } = setUp({
    timeoutMs: 1_000,
    multiple: 3,
    minTimeoutMs: 150,
    maxTimeoutMs: 5_000,
  });
  for (let i = 0; i < 99; i++) await take(100);
  expect(timeout.limitMs).toBe(1_000);
  await take(100);
  // Three times 100 ms, within the 10 % of the sketch.
  expect(timeout.limitMs).toBeGreaterThanOrEqual(300);
  expect(timeout.limitMs).toBeLessThanOrEqual(330);
  expect(told.at(-2)).toBe(`{"kind":"timeout_limit","timeout":"quotes","limitMs":${timeout.limitMs}}`);
  for (let i = 0; i < 4_000; i++) await take(1);
  expect(timeout.limitMs).toBe(150);
});

test('a dependency that became slower widens the limit instead of being cut off for ever', async () => {
  const { clock, timeout } = setUp({ timeoutMs: 1_000, multiple: 2, minTimeoutMs: 10, maxTimeoutMs: 4_000 });
  const run = async (ms: number) => {
    const work = deferred<number>();
    const call = settle(
      timeout.execute(() => work.promise),
      new ManualClock(),
    );
    clock.advance(ms);
    work.resolve(ms);
    return call;
  };
  for (let i = 0; i < 1_500; i++) await run(50);
  expect(timeout.limitMs).toBeLessThan(115);
  let cut = 0;
  for (let i = 0; i < 1_500; i++) if ('error' in (await run(400))) cut++;
  expect(timeout.limitMs).toBeGreaterThan(800);
  expect(cut).toBeLessThan(400);
});

test('quick failures and aborts do not lower the limit', async () => {
  const { timeout } = setUp({ timeoutMs: 1_000, multiple: 3 });
  for (let i = 0; i < 500; i++) await failure(timeout.execute(() => Promise.reject(new Error('no'))));
  expect(timeout.limitMs).toBe(1_000);
});

test('the sketch answers within 10 % upwards, forgets, and takes no nonsense', () => {
  const sketch = new LatencySketch(1_000);
  expect(sketch.quantile(0.99)).toBeUndefined();
  for (const ms of [Number.NaN, -1]) sketch.add(ms);
  expect(sketch.count).toBe(0);
  for (let ms = 1; ms <= 1_000; ms++) sketch.add(ms);
  for (const share of [0.5, 0.9, 0.99]) {
    const exact = share * 1_000;
    expect(sketch.quantile(share)).toBeGreaterThanOrEqual(exact);
    expect(sketch.quantile(share)).toBeLessThanOrEqual(exact * 1.1);
  }
  for (let i = 0; i < 2_000; i++) sketch.add(5);
  expect(sketch.quantile(1)).toBeLessThan(5.6);
  sketch.add(1e308);
  expect(sketch.quantile(1)).toBeGreaterThan(1e7);
});
