/** Checks the bound on trials at once: callers that give up free no place while the function that they began still runs. */
import { expect, test } from 'vitest';
import { CircuitBreaker } from '../../src/resilience/breaker.js';
import type { BreakerOptions } from '../../src/resilience/breaker-options.js';
import { ManualClock } from '../../src/resilience/manual-clock.js';
import { deferred, failure, turn } from './drive.js';

function halfOpen(options: Partial<BreakerOptions> = {}) {
  const clock = new ManualClock();
  const breaker = new CircuitBreaker({ name: 'quotes', clock, callTimeoutMs: 5_000, ...options });
  breaker.trip();
  clock.advance(60_000);
  let running = 0;
  let most = 0;
  /** A trial whose function runs until it is told otherwise, and whose caller gives up at once. */
  const abandon = async () => {
    const caller = new AbortController();
    const work = deferred<number>();
    const call = failure(
      breaker.execute(
        () => {
          running++;
          most = Math.max(most, running);
          return work.promise.finally(() => running--);
        },
        { signal: caller.signal },
      ),
    );
    caller.abort(new Error('gone'));
    const error = await call;
    return { work, isLetIn: (error as Error).message === 'gone' };
  };
  return { clock, breaker, abandon, most: () => most };
}

test('of twenty callers that give up one after the other only as many trials run as may at once', async () => {
  for (const maxTrials of [1, 3]) {
    const { clock, breaker, abandon, most } = halfOpen({ maxTrials });
    for (let i = 0; i < 20; i++) await abandon();
    expect(most()).toBe(maxTrials);
    expect([breaker.callsEnded('aborted'), breaker.callsEnded('rejected')]).toEqual([
      maxTrials,
      20 - maxTrials,
    ]);
    expect(breaker.state).toBe('half_open');
    expect(clock.size).toBe(0);
  }
});

test.each(['answers', 'fails'] as const)('the place is free when the function itself %s', async (how) => {
  const { breaker, abandon } = halfOpen();
  const { work } = await abandon();
  expect(await failure(breaker.execute(() => 1))).toMatchObject({ code: 'BREAKER_OPEN', state: 'half_open' });
  if (how === 'answers') work.resolve(1);
  else work.reject(new Error('too late'));
  await turn();
  // What comes too late says nothing: neither a success to the trials nor a failure that opens the circuit.
  expect(breaker.status()).toMatchObject({ state: 'half_open', trialSuccesses: 0 });
  expect(await breaker.execute(() => 1)).toBe(1);
  expect(breaker.status().trialSuccesses).toBe(1);
});

test('a function that never ends holds its place as long as a call may take, and gives it back once', async () => {
  const { clock, breaker, abandon } = halfOpen();
  clock.advance(1);
  const first = await abandon();
  clock.advance(4_999);
  expect((await abandon()).isLetIn).toBe(false);
  clock.advance(1);
  const second = await abandon();
  expect(second.isLetIn).toBe(true);
  // The first has lost its place to time: its own end must not free that of the second.
  first.work.resolve(1);
  await turn();
  expect((await abandon()).isLetIn).toBe(false);
  second.work.resolve(1);
  await turn();
  expect(await breaker.execute(() => 1)).toBe(1);
});

test('a place of an earlier half-open state is none of the next', async () => {
  const { clock, breaker, abandon } = halfOpen();
  const early = await abandon();
  breaker.trip();
  clock.advance(60_000);
  const late = await abandon();
  expect(late.isLetIn).toBe(true);
  early.work.resolve(1);
  await turn();
  expect((await abandon()).isLetIn).toBe(false);
  breaker.reset();
  late.work.reject(new Error('late'));
  await turn();
  expect(breaker.state).toBe('closed');
  expect(breaker.consecutiveFailures).toBe(0);
});
