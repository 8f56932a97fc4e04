/** Owns the contract that every policy keeps: one suite over all of them. */
import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CircuitBreaker } from '../../src/resilience/breaker.js';
import type { PolicyEvent } from '../../src/resilience/events.js';
import { Fallback } from '../../src/resilience/fallback.js';
import { aimdLimit, gradientLimit } from '../../src/resilience/limit.js';
import { Limiter } from '../../src/resilience/limiter.js';
import { ManualClock } from '../../src/resilience/manual-clock.js';
import { type CallContext, type Policy, policiesOf, wrap } from '../../src/resilience/policy.js';
import { RateLimiter } from '../../src/resilience/rate-limiter.js';
import { Retry } from '../../src/resilience/retry.js';
import { RetryBudget } from '../../src/resilience/retry-budget.js';
import { Timeout } from '../../src/resilience/timeout.js';
import { deferred, failure, settle, turn } from './drive.js';

const name = 'quotes';
const members: Record<string, (clock: ManualClock) => Policy> = {
  breaker: (clock) => new CircuitBreaker({ name, clock }),
  'breaker with rates': (clock) =>
    new CircuitBreaker({ name, clock, failureRateThreshold: 0.5, slowCallMs: 1_000, windowMs: 10_000 }),
  'half-open breaker': (clock) => {
    const breaker = new CircuitBreaker({ name, clock });
    breaker.trip();
    clock.advance(60_000);
    return breaker;
  },
  'breaker forced closed': (clock) => {
    const breaker = new CircuitBreaker({ name, clock });
    breaker.forceClose();
    return breaker;
  },
  retry: (clock) => new Retry({ name, clock }),
  'retry with budget and limit': (clock) =>
    new Retry({ name, clock, budget: new RetryBudget({ name, clock }), totalTimeoutMs: 3_600_000 }),
  timeout: (clock) => new Timeout({ name, clock }),
  'adaptive timeout': (clock) => new Timeout({ name, clock, multiple: 3 }),
  fallback: (clock) => new Fallback({ name, clock }),
  'keyed fallback': (clock) => new Fallback({ name, clock, maxAgeMs: 1_000, defaultKey: 'one' }),
  limiter: (clock) => new Limiter({ name, clock, limit: 1 }),
  'AIMD limiter': (clock) => new Limiter({ name, clock, limit: aimdLimit() }),
  'gradient limiter': (clock) => new Limiter({ name, clock, limit: gradientLimit() }),
  'rate limiter': (clock) => new RateLimiter({ name, clock, ratePerSecond: 4.5, burst: 10 }),
  'rate limiter that slows down': (clock) =>
    new RateLimiter({ name, clock, ratePerSecond: 4.5, burst: 10, slowRatio: 0.8 }),
  'all of them': (clock) =>
    wrap(
      new Fallback({ name, clock }),
      new Limiter({ name, clock, limit: 2 }),
      new Retry({ name, clock, maxRetries: 1 }),
      new RateLimiter({ name, clock, ratePerSecond: 4.5, burst: 10 }),
      new CircuitBreaker({ name, clock }),
      new Timeout({ name, clock }),
    ),
};

const unhandled: unknown[] = [];
const note = (error: unknown) => void unhandled.push(error);

beforeEach(() => {
  unhandled.length = 0;
  process.on('unhandledRejection', note);
});

afterEach(async () => {
  await turn();
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

describe.each(Object.entries(members))('%s', (_, make) => {
  const setUp = () => {
    const clock = new ManualClock();
    const policy = make(clock);
    const events: PolicyEvent[] = [];
    const remove = policy.onEvent((event) => events.push(event));
    return { clock, policy, events, remove };
  };

  test.each([
    ['a promise', async () => 7],
    ['a plain value', () => 7],
    // biome-ignore lint/suspicious/noThenProperty: query builders are thenables of just this kind
    ['a thenable', () => ({ then: (ok: (value: number) => void) => ok(7) }) as PromiseLike<number>],
  ])('passes the value of %s and leaves no timer', async (_, fn) => {
    const { clock, policy, events } = setUp();
    expect(await policy.execute(fn)).toBe(7);
    expect(clock.size).toBe(0);
    expect(events.length).toBeGreaterThan(0);
    for (const event of events) expect(Object.values(event)).toContain(name);
  });

  test.each([
    ['an error', new Error('out of stock')],
    ['a frozen error', Object.freeze(new Error('frozen'))],
    ['undefined', undefined],
    ['a text', 'nope'],
    ['an error whose properties throw', new Proxy(new Error('hostile'), { get: () => fail() })],
  ])('passes %s untouched, thrown at once or later, and leaves no timer', async (_, error) => {
    for (const fn of [() => Promise.reject(error), () => raise(error)]) {
      const { clock, policy, events } = setUp();
      const ending = await settle(policy.execute(fn), clock);
      expect('error' in ending && Object.is(ending.error, error)).toBe(true);
      expect(clock.size).toBe(0);
      expect(events.length).toBeGreaterThan(0);
    }
  });

  test('does not call the function for a caller that has given up', async () => {
    const { clock, policy } = setUp();
    const reason = new Error('gone');
    let calls = 0;
    const options = { signal: AbortSignal.abort(reason) };
    expect(await failure(policy.execute(() => void calls++, options))).toBe(reason);
    expect(calls).toBe(0);
    expect(clock.size).toBe(0);
  });

  test('tells a caller that has given up its own reason also when the policy would turn the call away', async () => {
    const { clock, policy } = setUp();
    for (const part of policiesOf(policy)) if (part instanceof CircuitBreaker) part.forceOpen();
    const reason = new Error('gone');
    expect(await failure(policy.execute(() => 1, { signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(clock.size).toBe(0);
  });

  test('answers an aborting caller at once, hands the reason in, and drops what comes later', async () => {
    for (const late of ['value', 'error'] as const) {
      const { clock, policy } = setUp();
      const caller = new AbortController();
      const work = deferred<number>();
      let seen: AbortSignal | undefined;
      const fn = (context: CallContext) => {
        seen = context.signal;
        return work.promise;
      };
      const result = failure(policy.execute(fn, { signal: caller.signal }));
      await turn();
      const reason = new Error('gone');
      caller.abort(reason);
      expect(await result).toBe(reason);
      expect(seen?.aborted).toBe(true);
      expect(seen?.reason).toBe(reason);
      expect(clock.size).toBe(0);
      expect(getEventListeners(caller.signal, 'abort')).toHaveLength(0);
      if (late === 'value') work.resolve(1);
      else work.reject(new Error('too late'));
      await turn();
    }
  });

  test('leaves no listener on the signal of the caller, and one at most while calls run', async () => {
    const { policy } = setUp();
    const { signal } = new AbortController();
    const work = deferred<number>();
    const calls = [1, 2].map(() => policy.execute(() => work.promise, { signal }).catch(() => 0));
    await turn();
    expect(getEventListeners(signal, 'abort').length).toBeLessThanOrEqual(1);
    work.resolve(1);
    await Promise.all(calls);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  test('keeps the accidents of listeners from the call and still tells the others', async () => {
    const { clock, policy, events } = setUp();
    policy.onEvent(() => raise(new Error('listener')));
    policy.onEvent((async () => raise(new Error('async listener'))) as () => void);
    const later: PolicyEvent[] = [];
    policy.onEvent((event) => later.push(event));
    expect(
      await settle(
        policy.execute(() => 1),
        clock,
      ),
    ).toEqual({ value: 1 });
    expect(later).toEqual(events);
    expect(later.length).toBeGreaterThan(0);
  });

  test('does not tell a listener that was removed', async () => {
    const { policy, events, remove } = setUp();
    remove();
    await policy.execute(() => 1);
    expect(events).toEqual([]);
  });

  test('survives a thenable that misbehaves', async () => {
    const { clock, policy } = setUp();
    const error = new Error('getter');
    const trap = Object.defineProperty({}, 'then', { get: () => raise(error) });
    expect(
      await settle(
        policy.execute(() => trap as never),
        clock,
      ),
    ).toEqual({ error });
    const both = {
      // biome-ignore lint/suspicious/noThenProperty: a thenable that answers twice is the point
      then(ok: (value: number) => void, no: (error: unknown) => void) {
        ok(1);
        no(error);
        ok(2);
      },
    };
    const second = setUp();
    const answer = second.policy.execute(() => both as PromiseLike<number>);
    expect(await settle(answer, second.clock)).toEqual({ value: 1 });
  });

  test('hands in the attempt, the key and the time that is left', async () => {
    const { policy } = setUp();
    const seen = await policy.execute(
      ({ attempt, key, remainingMs, deadlineMs }) => {
        expect(deadlineMs).toBeGreaterThanOrEqual(remainingMs);
        return { attempt, key, remainingMs };
      },
      { key: 'sol' },
    );
    expect(seen.attempt).toBe(1);
    expect(seen.key).toBe('sol');
    expect(seen.remainingMs).toBeGreaterThan(0);
  });
});

function raise(error: unknown): never {
  throw error;
}

function fail(): never {
  throw new Error('a getter of the host');
}
