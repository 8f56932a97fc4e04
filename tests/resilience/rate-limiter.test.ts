/** Owns the tests of the rate limiter's turns, its queue and the pauses that a dependency asks for. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { expect, test } from 'vitest';
import { CircuitBreaker } from '../../src/resilience/breaker.js';
import { ManualClock } from '../../src/resilience/manual-clock.js';
import { wrap } from '../../src/resilience/policy.js';
import { RateLimiter } from '../../src/resilience/rate-limiter.js';
import type { RateLimiterOptions } from '../../src/resilience/rate-limiter-options.js';
import { Retry } from '../../src/resilience/retry.js';
import { TimerWheel } from '../../src/resilience/wheel.js';
import { failure, settle, turn } from './drive.js';

function setUp(options: Partial<RateLimiterOptions> = {}) {
  const clock = new ManualClock();
  const limiter = new RateLimiter({ name: 'quotes', ratePerSecond: 4, burst: 2, clock, ...options });
  const told: unknown[] = [];
  limiter.onEvent((event) => {
    if (event.kind === 'rate_limiter_call') told.push([event.outcome, event.waitedMs]);
    if (event.kind === 'rate_limiter_pause') told.push(['pause', event.pauseMs]);
  });
  /** Calls with the moments at which each began. */
  const begun: string[] = [];
  const call = (name: string) => limiter.execute(() => void begun.push(`${name} ${clock.nowMs()}`));
  return { clock, limiter, told, begun, call };
}

const busy = (retryAfter?: string) =>
  new Response('', { status: 429, headers: retryAfter === undefined ? {} : { 'retry-after': retryAfter } });

test('lets a burst through, then one call per token in the order of arrival', async () => {
  const { clock, limiter, told, begun, call } = setUp();
  const calls = ['a', 'b', 'c', 'd', 'e'].map(call);
  expect(begun).toEqual(['a 0', 'b 0']);
  expect([limiter.queued, limiter.tokens, limiter.remainingRatio, limiter.ratePerSecond]).toEqual([
    3, 0, 0, 4,
  ]);
  clock.advance(249);
  expect(limiter.tokens).toBeCloseTo(0.996);
  clock.advance(1);
  expect(begun).toEqual(['a 0', 'b 0', 'c 250']);
  clock.advance(500);
  expect(begun.slice(3)).toEqual(['d 500', 'e 750']);
  await Promise.all(calls);
  clock.advance(60_000);
  expect([limiter.queued, limiter.tokens, limiter.remainingRatio, clock.size]).toEqual([0, 2, 1, 0]);
  expect(told).toEqual([
    ['passed', 0],
    ['passed', 0],
    ['waited', 250],
    ['waited', 500],
    ['waited', 750],
  ]);
});

test('refuses at once what would wait too long or finds no place, and says when the next turn is', async () => {
  const { limiter, call, told } = setUp({ maxQueue: 3, maxWaitMs: 500 });
  const calls = ['a', 'b', 'c', 'd'].map(call);
  expect(await failure(call('e'))).toMatchObject({
    code: 'RATE_LIMITED',
    name: 'RateLimitedError',
    reason: 'wait_too_long',
    retryAfterMs: 750,
    limitedBy: 'rate',
    message:
      'rate limiter "quotes" refused the call (wait_too_long): more calls come than the rate allows; the next turn is in 750 ms',
  });
  expect(told.at(-1)).toEqual(['wait_too_long', 0]);
  const full = setUp({ maxQueue: 0 });
  const two = ['a', 'b'].map(full.call);
  expect(await failure(full.call('c'))).toMatchObject({ reason: 'queue_full', retryAfterMs: 250 });
  expect(limiter.queued).toBe(2);
  for (const one of [...calls, ...two]) one.catch(() => {});
});

test('a token at the very end of the allowed wait is in time', async () => {
  const { clock, call, begun } = setUp({ maxWaitMs: 250 });
  const calls = ['a', 'b', 'c'].map(call);
  clock.advance(250);
  await Promise.all(calls);
  expect(begun.at(-1)).toBe('c 250');
});

test('a caller that gives up leaves the queue, takes no token, and what it left behind leaves no timer', async () => {
  const { clock, limiter, told, begun, call } = setUp();
  const calls = ['a', 'b'].map(call);
  const caller = new AbortController();
  const gone = failure(limiter.execute(() => begun.push('never'), { signal: caller.signal }));
  const last = call('c');
  clock.advance(100);
  caller.abort(new Error('gone'));
  expect(await gone).toEqual(new Error('gone'));
  clock.advance(150);
  await Promise.all([...calls, last]);
  expect(begun).toEqual(['a 0', 'b 0', 'c 250']);
  expect(told.slice(2)).toEqual([
    ['aborted', 100],
    ['waited', 250],
  ]);
  expect(clock.size).toBe(0);
});

test.each([
  ['an answer', () => busy('2')],
  [
    'an error',
    () => Promise.reject(Object.assign(new Error('busy'), { status: 503, headers: { 'retry-after': '2' } })),
  ],
  [
    'an error that knows the time',
    () => Promise.reject(Object.assign(new Error('busy'), { retryAfterMs: 2_000 })),
  ],
])('%s with Retry-After makes everybody wait, and no burst follows', async (_, ask) => {
  const { clock, limiter, begun, call, told } = setUp({ burst: 4, maxWaitMs: 5_000 });
  await settle(limiter.execute<unknown>(ask), clock);
  expect([limiter.pauseMs, limiter.tokens]).toEqual([2_000, 0]);
  expect(told.at(-1)).toEqual(['pause', 2_000]);
  const calls = ['a', 'b', 'c'].map(call);
  clock.advance(1_999);
  expect(begun).toEqual([]);
  clock.advance(501);
  await Promise.all(calls);
  expect(begun).toEqual(['a 2000', 'b 2250', 'c 2500']);
});

test('during a pause a call that could not wait it out is refused at once', async () => {
  const { limiter, call } = setUp({ maxWaitMs: 1_000 });
  await limiter.execute(() => busy('30'));
  expect(await failure(call('a'))).toMatchObject({
    reason: 'wait_too_long',
    retryAfterMs: 30_000,
    limitedBy: 'pause',
  });
});

test('a shorter pause does not shorten one that is on, a long one is cut, and nonsense is none', async () => {
  const { clock, limiter, told } = setUp({ burst: 10, maxPauseMs: 60_000 });
  const ask = (retryAfter: string) => limiter.execute(async () => busy(retryAfter));
  const late = [ask('90000'), ask('1')];
  await Promise.all(late);
  expect(limiter.pauseMs).toBe(60_000);
  expect(told.filter((one) => (one as unknown[])[0] === 'pause')).toEqual([['pause', 60_000]]);
  clock.advance(60_000);
  for (const answer of [Number.NaN, -5, Number.POSITIVE_INFINITY, 'soon' as never, undefined]) {
    const other = setUp({ maxPauseMs: 7, askedPauseMs: () => answer });
    await other.limiter.execute(() => 1);
    expect(other.limiter.pauseMs).toBe(answer === Number.POSITIVE_INFINITY ? 7 : 0);
  }
  const broken = setUp({
    askedPauseMs: () => {
      throw new Error('broken');
    },
  });
  expect(await broken.limiter.execute(() => 1)).toBe(1);
  expect([broken.limiter.pauseMs, broken.limiter.isolatedErrors]).toEqual([0, 1]);
});

test('an answer that nobody waits for any more still pauses; the rejection of another policy does not', async () => {
  const { limiter } = setUp();
  const caller = new AbortController();
  let answer: (response: Response) => void = () => {};
  const late = new Promise<Response>((resolve) => (answer = resolve));
  const gone = failure(limiter.execute(() => late, { signal: caller.signal }));
  caller.abort(new Error('gone'));
  await gone;
  answer(busy('2'));
  await turn();
  expect(limiter.pauseMs).toBe(2_000);
  const other = setUp();
  const breaker = new CircuitBreaker({ name: 'quotes', clock: other.clock });
  breaker.trip();
  expect(await failure(wrap(other.limiter, breaker).execute(() => 1))).toMatchObject({
    code: 'BREAKER_OPEN',
  });
  expect(other.limiter.pauseMs).toBe(0);
});

test('after a 429 it is slower for a while, then as fast as before', async () => {
  const { clock, limiter } = setUp({
    ratePerSecond: 4,
    burst: 1,
    slowRatio: 0.5,
    slowMs: 10_000,
    maxWaitMs: 1_000,
  });
  await limiter.execute(() => busy());
  expect(limiter.ratePerSecond).toBe(2);
  clock.advance(250);
  expect(limiter.tokens).toBeCloseTo(0.5);
  clock.advance(9_750);
  expect(limiter.ratePerSecond).toBe(4);
});

test('a retry outside of it does not try again what it refused', async () => {
  const { clock, limiter } = setUp({ burst: 1, maxWaitMs: 0 });
  const chain = wrap(new Retry({ name: 'quotes', clock, baseDelayMs: 1 }), limiter);
  await chain.execute(() => 1);
  const ending = await settle(
    chain.execute(() => 1),
    clock,
  );
  expect(ending).toMatchObject({ error: { code: 'RATE_LIMITED' } });
});

test('a waiting function that calls through the same limiter waits its turn behind the others', async () => {
  const { clock, limiter, begun, call } = setUp({ burst: 1, maxWaitMs: 5_000 });
  await call('first');
  const outer = limiter.execute(() => {
    begun.push(`outer ${clock.nowMs()}`);
    return call('inner');
  });
  const other = call('other');
  clock.advance(1_000);
  await Promise.all([outer, other]);
  expect(begun).toEqual(['first 0', 'outer 250', 'other 500', 'inner 750']);
});

test('on the real clock a call that waited runs as its own caller, and no timer is left', async () => {
  const clock = new TimerWheel();
  const caller = new AsyncLocalStorage<string>();
  const limiter = new RateLimiter({ name: 'quotes', ratePerSecond: 100, burst: 1, clock });
  const seen = await Promise.all(
    ['a', 'b', 'c'].map((name) => caller.run(name, () => limiter.execute(() => caller.getStore()))),
  );
  expect(seen).toEqual(['a', 'b', 'c']);
  expect(clock.size).toBe(0);
});

test('the last one to leave the queue leaves no timer behind', async () => {
  const { clock, limiter, call } = setUp({ burst: 1 });
  await call('a');
  const caller = new AbortController();
  const gone = failure(limiter.execute(() => 1, { signal: caller.signal }));
  expect(clock.size).toBe(2);
  caller.abort(new Error('gone'));
  await gone;
  expect([limiter.queued, clock.size]).toEqual([0, 0]);
});

test('nobody overtakes those that wait, not even in the moment between a token and the timer', async () => {
  const { clock, limiter, begun, call } = setUp({ ratePerSecond: 3, burst: 1 });
  const calls = ['a', 'b', 'c'].map(call);
  clock.advance(667);
  expect([limiter.queued, limiter.tokens]).toEqual([1, expect.closeTo(1.001)]);
  calls.push(call('d'));
  clock.advance(1_000);
  await Promise.all(calls);
  expect(begun.map((one) => one.split(' ')[0])).toEqual(['a', 'b', 'c', 'd']);
});
