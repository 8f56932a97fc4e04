/** Owns the tests of the circuit breaker beside its model: defaults, rates, slow calls, deadlines, restart, real time. */
import { readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { CircuitBreaker } from '../../src/resilience/breaker.js';
import type { BreakerOptions } from '../../src/resilience/breaker-options.js';
import { CallTimeoutError } from '../../src/resilience/errors.js';
import { ManualClock } from '../../src/resilience/manual-clock.js';
import { wrap } from '../../src/resilience/policy.js';
import { Timeout } from '../../src/resilience/timeout.js';
import { TimerWheel } from '../../src/resilience/wheel.js';
import { deferred, failure, settle, turn } from './drive.js';

function setUp(options: Partial<BreakerOptions> = {}) {
  const clock = new ManualClock();
  const breaker = new CircuitBreaker({ name: 'quotes', clock, ...options });
  const told: string[] = [];
  breaker.onEvent((event) => {
    if (event.kind === 'breaker_call') told.push(event.outcome);
    if (event.kind === 'breaker_transition') told.push(`${event.from}>${event.to} ${event.cause}`);
  });
  const good = () => breaker.execute(async () => 'ok');
  const bad = (error: unknown = new Error('down')) => failure(breaker.execute(() => Promise.reject(error)));
  const slow = async (ms: number) => {
    const work = deferred<string>();
    const call = breaker.execute(() => work.promise);
    clock.advance(ms);
    work.resolve('late');
    return call;
  };
  return { clock, breaker, told, good, bad, slow };
}

test('opens after 5 failures in a row, tries again after 60 s, closes after 3 successes', async () => {
  const { clock, breaker, told, good, bad } = setUp();
  for (let i = 0; i < 4; i++) await bad();
  await good();
  for (let i = 0; i < 5; i++) await bad();
  clock.advance(59_999);
  expect(await failure(good())).toMatchObject({
    code: 'BREAKER_OPEN',
    breaker: 'quotes',
    state: 'open',
    retryAfterMs: 1,
    message: 'circuit breaker "quotes" is open; try again in 1 ms',
  });
  clock.advance(1);
  await good();
  await good();
  expect(breaker.state).toBe('half_open');
  await good();
  expect(told).toEqual([
    ...Array(4).fill('failure'),
    'success',
    ...Array(4).fill('failure'),
    'closed>open consecutive_failures',
    'failure',
    'rejected',
    'open>half_open recovery_elapsed',
    'success',
    'success',
    'half_open>closed trials_succeeded',
    'success',
  ]);
  expect(breaker.secondsIn('open')).toBe(60);
  expect(breaker.secondsIn('closed')).toBe(0);
});

test('counts 429, 5xx, deadlines and the unknown as failures; 4xx and refused statements as answers; aborts as neither', async () => {
  const failures = [
    { status: 503 },
    { statusCode: 429 },
    { response: { status: 500 } },
    { status: 408 },
    new DOMException('slow', 'TimeoutError'),
    Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNREFUSED' } }),
    new Error('?'),
    undefined,
  ];
  for (const error of failures) {
    const { breaker, bad } = setUp();
    await bad(error);
    expect(breaker.consecutiveFailures).toBe(1);
  }
  for (const error of [{ status: 404 }, { status: 401 }, { code: '23505' }]) {
    const { breaker, bad } = setUp();
    await bad();
    await bad(error);
    expect(breaker.consecutiveFailures).toBe(0);
  }
  const { breaker, told, bad } = setUp();
  await bad();
  await bad(new DOMException('gone', 'AbortError'));
  expect(breaker.consecutiveFailures).toBe(1);
  expect(told).toEqual(['failure', 'ignored']);
});

test('counts an answered 503 as a failure and still passes the answer on', async () => {
  const { breaker } = setUp();
  const answer = new Response('busy', { status: 503 });
  expect(await breaker.execute(() => answer)).toBe(answer);
  expect(breaker.consecutiveFailures).toBe(1);
  await breaker.execute(() => new Response('none', { status: 404 }));
  expect(breaker.consecutiveFailures).toBe(0);
});

test('holds its own judgement when the one that it was given throws', async () => {
  const { breaker, bad, good } = setUp({ judgeError: () => raise(), judgeAnswer: () => raise() });
  await bad();
  expect(breaker.consecutiveFailures).toBe(1);
  expect(await good()).toBe('ok');
  expect(breaker.consecutiveFailures).toBe(0);
  expect(breaker.isolatedErrors).toBe(2);
});

test('opens at the failure rate, not before the minimum of calls', async () => {
  const { breaker, good, bad } = setUp({ failureRateThreshold: 0.5, minimumCalls: 10, windowCalls: 10 });
  for (let i = 0; i < 4; i++) {
    await bad();
    await good();
  }
  await bad();
  expect(breaker.state).toBe('closed');
  await good();
  expect(breaker.state).toBe('open');
});

test('forgets calls that have left the window, by count and by time', async () => {
  const byCount = setUp({ failureRateThreshold: 0.5, minimumCalls: 4, windowCalls: 4 });
  await byCount.bad();
  for (let i = 0; i < 4; i++) await byCount.good();
  await byCount.bad();
  expect(byCount.breaker.state).toBe('closed');
  await byCount.bad();
  expect(byCount.breaker.state).toBe('open');
  for (const [ms, state] of [
    [1_000, 'closed'],
    [800, 'open'],
  ] as const) {
    const byTime = setUp({ failureRateThreshold: 0.6, minimumCalls: 5, windowMs: 1_000 });
    for (let i = 0; i < 4; i++) await byTime.bad();
    byTime.clock.advance(ms);
    await byTime.good();
    expect(byTime.breaker.state).toBe(state);
  }
});

test('calls that have left a time window do not count towards the minimum', async () => {
  const { clock, breaker, good, bad } = setUp({
    failureRateThreshold: 0.1,
    minimumCalls: 5,
    windowMs: 1_000,
  });
  for (let i = 0; i < 4; i++) await good();
  clock.advance(1_000);
  await bad();
  expect(breaker.state).toBe('closed');
  for (let i = 0; i < 4; i++) await good();
  expect(breaker.state).toBe('open');
});

test('opens at the rate of slow calls and reopens on a slow trial', async () => {
  const { clock, breaker, told, slow, good } = setUp({ slowCallMs: 5_000, minimumCalls: 4, windowCalls: 4 });
  await good();
  await slow(5_000);
  await slow(5_001);
  expect(await slow(5_001)).toBe('late');
  expect(breaker.state).toBe('open');
  expect(told).toEqual(['success', 'success', 'slow', 'closed>open slow_rate', 'slow']);
  clock.advance(60_000);
  await slow(6_000);
  expect(breaker.state).toBe('open');
});

test('its own deadline ends a hung call and a hung trial', async () => {
  const { clock, breaker, bad } = setUp({ failureThreshold: 1 });
  await bad();
  clock.advance(60_000);
  let signal: AbortSignal | undefined;
  const hung = failure(
    breaker.execute((context) => {
      signal = context.signal;
      return new Promise(() => {});
    }),
  );
  expect(await failure(breaker.execute(() => 1))).toMatchObject({ code: 'BREAKER_OPEN', state: 'half_open' });
  clock.advance(30_000);
  const error = await hung;
  expect(error).toMatchObject({
    code: 'CALL_TIMEOUT',
    timeoutMs: 30_000,
    message: '"quotes": no answer within 30000 ms',
  });
  expect(signal?.reason).toBe(error);
  expect(breaker.state).toBe('open');
});

test('a deadline of an outer policy counts as a failure, an abort by the caller as nothing', async () => {
  const { clock, breaker, told } = setUp({ failureThreshold: 2 });
  const both = wrap(new Timeout({ name: 'outer', clock, timeoutMs: 100 }), breaker);
  const hang = () => new Promise<never>(() => {});
  const ending = await settle(both.execute(hang), clock);
  expect(ending).toMatchObject({ error: { policy: 'outer' } });
  expect(breaker.consecutiveFailures).toBe(1);
  await settle(both.execute(hang), clock);
  expect(breaker.state).toBe('open');
  expect(told).toEqual(['timeout', 'closed>open consecutive_failures', 'timeout']);
});

test('lengthens the recovery with each opening in a row, up to the maximum, and starts again when closed', async () => {
  const { clock, breaker, good, bad } = setUp({
    failureThreshold: 1,
    successThreshold: 1,
    recoveryTimeoutMs: 60_000,
    recoveryFactor: 2,
    maxRecoveryTimeoutMs: 200_000,
  });
  for (const expected of [60_000, 120_000, 200_000, 200_000]) {
    await bad();
    expect(breaker.status().retryAfterMs).toBe(expected);
    clock.advance(expected);
  }
  await good();
  await bad();
  expect(breaker.status()).toEqual({
    name: 'quotes',
    state: 'open',
    consecutiveFailures: 0,
    trialSuccesses: 0,
    retryAfterMs: 60_000,
    generation: 11,
  });
});

test('a step of the wall clock by two hours moves nothing', async () => {
  for (const stepMs of [7_200_000, -7_200_000]) {
    const { clock, breaker, bad } = setUp({ failureThreshold: 1 });
    await bad();
    clock.stepWall(stepMs);
    expect(breaker.status()).toMatchObject({ state: 'open', retryAfterMs: 60_000 });
    clock.advance(60_000);
    expect(breaker.state).toBe('half_open');
  }
});

test('a success that comes after the trip changes nothing', async () => {
  const { breaker } = setUp();
  const work = deferred<string>();
  const call = breaker.execute(() => work.promise);
  breaker.trip();
  work.resolve('late');
  expect(await call).toBe('late');
  expect(breaker.state).toBe('open');
});

test('does not open when the host blocks its own event loop', async () => {
  // Real time: the wheel must not charge the calls in flight for a loop that the host held.
  const clock = new TimerWheel();
  const breaker = new CircuitBreaker({
    name: 'host',
    clock,
    failureThreshold: 1,
    callTimeoutMs: 200,
    slowCallMs: 150,
    minimumCalls: 1,
    windowCalls: 1,
  });
  const file = fileURLToPath(import.meta.url);
  for (let round = 0; round < 5; round++) {
    const call = breaker.execute(() => readFile(file, 'utf8'));
    await turn();
    const endMs = performance.now() + 400;
    while (performance.now() < endMs);
    expect(await call).toContain('Owns the tests');
    expect(breaker.state).toBe('closed');
  }
});

test('an answer that lay in the host during a block comes before the deadline that fell in it', async () => {
  const clock = new TimerWheel();
  const breaker = new CircuitBreaker({ name: 'host', clock, callTimeoutMs: 20 });
  const call = breaker.execute(() => stat(fileURLToPath(import.meta.url)));
  const endMs = performance.now() + 400;
  while (performance.now() < endMs);
  expect((await call).isFile()).toBe(true);
});

test('the deadline of a real call falls', async () => {
  const breaker = new CircuitBreaker({ name: 'real', callTimeoutMs: 20 });
  // The timer of the test itself: deadlines of policies do not keep a process alive.
  const alive = setTimeout(() => {}, 60_000);
  expect(await failure(breaker.execute(() => new Promise(() => {})))).toBeInstanceOf(CallTimeoutError);
  clearTimeout(alive);
});

function raise(): never {
  throw new Error('judge');
}
