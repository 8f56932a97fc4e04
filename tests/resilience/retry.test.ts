/** Owns the tests of the retry: waits, classification, Retry-After, budget, limits. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Backoff, backoffMs, retryAfterMs } from '../../src/resilience/backoff.js';
import { CircuitBreaker } from '../../src/resilience/breaker.js';
import { isRetryable } from '../../src/resilience/classify.js';
import { BreakerOpenError, CallTimeoutError, LimiterRejectedError } from '../../src/resilience/errors.js';
import { ManualClock } from '../../src/resilience/manual-clock.js';
import { wrap } from '../../src/resilience/policy.js';
import { Retry } from '../../src/resilience/retry.js';
import { RetryBudget } from '../../src/resilience/retry-budget.js';
import type { RetryOptions } from '../../src/resilience/retry-options.js';
import { settle } from './drive.js';

function setUp(options: Partial<RetryOptions> = {}) {
  const clock = new ManualClock();
  const retry = new Retry({ name: 'quotes', clock, jitter: 'none', ...options });
  const told: string[] = [];
  retry.onEvent((event) => {
    if (event.kind === 'retry_attempt') told.push(`${event.attempt} ${event.outcome} ${event.delayMs}`);
  });
  /** Runs a function that fails with these errors, one per attempt, and then succeeds. */
  const run = async (...errors: unknown[]) => {
    const attempts: number[] = [];
    const call = retry.execute(({ attempt }) => {
      attempts.push(attempt);
      if (attempts.length <= errors.length) throw errors[attempts.length - 1];
      return 'ok';
    });
    return { ending: await settle(call, clock), attempts };
  };
  return { clock, retry, told, run };
}

const down = Object.assign(new Error('busy'), { status: 503 });

test('makes four attempts, 1, 2 and 4 seconds apart, and ends with the last error itself', async () => {
  const { clock, run, told } = setUp();
  const last = new Error('last');
  const { ending, attempts } = await run(down, down, down, last);
  expect(ending).toEqual({ error: last });
  expect(attempts).toEqual([1, 2, 3, 4]);
  expect(told).toEqual(['1 retried 1000', '2 retried 2000', '3 retried 4000', '4 exhausted 0']);
  expect(clock.nowMs()).toBe(7_000);
});

test('stops at the first success', async () => {
  const { run, told } = setUp();
  expect((await run(down)).ending).toEqual({ value: 'ok' });
  expect(told).toEqual(['1 retried 1000', '2 success 0']);
});

const retryable: [string, unknown, boolean][] = [
  ...[408, 425, 429, 500, 502, 503, 504].map((status): [string, unknown, boolean] => [
    `${status}`,
    { status },
    true,
  ]),
  ...[400, 401, 403, 404, 409, 422, 501, 505].map((status): [string, unknown, boolean] => [
    `${status}`,
    { status },
    false,
  ]),
  ['axios 503', { response: { status: 503 } }, true],
  ['AWS 503', { $metadata: { httpStatusCode: 503 } }, true],
  [
    'a connection that was refused',
    Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNREFUSED' } }),
    true,
  ],
  ['a reset deep in the causes', { cause: { cause: { code: 'ECONNRESET' } } }, true],
  ['a deadlock', { code: '40P01' }, true],
  ['a duplicate key', { code: '23505' }, false],
  ['a deadline', new CallTimeoutError('x', 5), true],
  ['an abort', new DOMException('gone', 'AbortError'), false],
  ['an open breaker', new BreakerOpenError('x', 'open', 5), false],
  ['a full limiter', new LimiterRejectedError('x', 'queue_full', ''), false],
  ['a mistake of the program', new TypeError('undefined is not a function'), false],
  ['an error that nobody knows', new Error('?'), true],
  ['an error whose causes are a ring', ring(), true],
];

test.each(retryable)('%s', async (_, error, expected) => {
  expect(isRetryable(error)).toBe(expected);
  expect((await setUp().run(error)).attempts).toHaveLength(expected ? 2 : 1);
});

test('never retries into an open breaker, whatever its options say', async () => {
  const clock = new ManualClock();
  const breaker = new CircuitBreaker({ name: 'b', clock, failureThreshold: 2 });
  const retry = new Retry({ name: 'r', clock, isRetryable: () => true, maxRetries: 50 });
  let calls = 0;
  const ending = await settle(
    wrap(retry, breaker).execute(() => {
      calls++;
      throw down;
    }),
    clock,
  );
  expect(calls).toBe(2);
  expect(ending).toMatchObject({ error: { code: 'BREAKER_OPEN' } });
});

test('a classification that throws means no retry', async () => {
  const { run, retry } = setUp({ isRetryable: () => raise() });
  expect((await run(down)).ending).toEqual({ error: down });
  expect(retry.isolatedErrors).toBe(1);
});

test('tries again after an answered 503, lets go of its body, and passes the last answer on', async () => {
  const { clock, retry, told } = setUp({ maxRetries: 1 });
  const answers = [new Response('busy', { status: 503 }), new Response('busy', { status: 503 })];
  let calls = 0;
  const ending = await settle(
    retry.execute(() => answers[calls++]!),
    clock,
  );
  expect('value' in ending && ending.value).toBe(answers[1]);
  expect(told).toEqual(['1 retried 1000', '2 exhausted 0']);
  expect(answers[0]!.bodyUsed).toBe(true);
  expect(await answers[1]!.text()).toBe('busy');
});

const date = 'Tue, 14 Nov 2023 22:13:20 GMT';
const wallMs = Date.parse(date);
test.each([
  ['seconds', { headers: { 'retry-after': '7' } }, 7_000],
  ['a number', { headers: { 'retry-after': 7 } }, 7_000],
  ['fetch headers', { headers: new Headers({ 'Retry-After': '7' }) }, 7_000],
  ['an axios error', { response: { headers: { 'retry-after': '7' } } }, 7_000],
  ['a date by our clock', { headers: { 'retry-after': 'Tue, 14 Nov 2023 22:13:50 GMT' } }, 30_000],
  [
    'a date by the clock of the server',
    { headers: { 'retry-after': 'Tue, 14 Nov 2023 20:00:05 GMT', date: 'Tue, 14 Nov 2023 20:00:00 GMT' } },
    5_000,
  ],
  ['a date that is past', { headers: { 'retry-after': 'Tue, 14 Nov 2023 22:00:00 GMT' } }, 0],
  ['a property', { retryAfterMs: 250 }, 250],
  ['nonsense', { headers: { 'retry-after': 'soon' } }, undefined],
  ['a negative number', { headers: { 'retry-after': '-5' } }, undefined],
  ['headers that throw', { headers: { get: () => raise() } }, undefined],
  ['nothing', new Error('x'), undefined],
])('reads Retry-After: %s', (_, subject, expected) => {
  expect(retryAfterMs(subject, wallMs)).toBe(expected);
});

test('waits as long as the server asked, and gives up when that is too long', async () => {
  const asked = (seconds: number) => ({ status: 429, headers: { 'retry-after': String(seconds) } });
  const patient = setUp({ random: () => 0 });
  await patient.run(asked(20));
  expect(patient.told).toEqual(['1 retried 20000', '2 success 0']);
  const error = asked(61);
  const hasty = setUp();
  expect((await hasty.run(error)).ending).toEqual({ error });
  expect(hasty.told).toEqual(['1 retry_after_too_long 0']);
});

test('a shared budget bounds the retries of all together and fills again with time', async () => {
  const clock = new ManualClock();
  const budget = new RetryBudget({ name: 'market', clock, ratio: 0.1, minPerSecond: 1, maxTokens: 5 });
  const retries = ['a', 'b'].map(
    (name) => new Retry({ name, clock, budget, baseDelayMs: 0, jitter: 'none' }),
  );
  const outcomes: string[] = [];
  let calls = 0;
  for (const retry of retries)
    retry.onEvent((event) => event.kind === 'retry_attempt' && outcomes.push(event.outcome));
  for (let i = 0; i < 100; i++) {
    const fn = () => {
      calls++;
      throw down;
    };
    expect(await settle(retries[i % 2]!.execute(fn), clock)).toEqual({ error: down });
  }
  // 100 calls, 5 retries saved up, one more for every ten calls (the first deposits find the bucket full).
  expect(calls).toBe(114);
  expect(outcomes.filter((one) => one === 'budget_empty').length).toBeGreaterThan(90);
  expect(budget.tokens).toBeLessThan(1);
  clock.advance(3_000);
  expect(Math.floor(budget.tokens)).toBe(3);
  clock.advance(60_000);
  expect(budget.tokens).toBe(5);
});

test('the limit on the whole call ends a hung attempt, and keeps waits from outlasting it', async () => {
  const { clock, retry, told } = setUp({ totalTimeoutMs: 2_500 });
  let calls = 0;
  const hung = await settle(
    retry.execute(() => {
      if (++calls === 1) throw down;
      return new Promise(() => {});
    }),
    clock,
  );
  expect(hung).toMatchObject({ error: { code: 'CALL_TIMEOUT', timeoutMs: 2_500, cause: down } });
  expect(clock.nowMs()).toBe(2_500);
  expect(told).toEqual(['1 retried 1000', '2 out_of_time 0']);
  const { ending, attempts } = await setUp({ totalTimeoutMs: 2_500 }).run(down, down, down);
  expect(ending).toEqual({ error: down });
  expect(attempts).toHaveLength(2);
});

test('an abort ends a wait at once', async () => {
  const { clock, retry, told } = setUp();
  const caller = new AbortController();
  const call = retry.execute(() => raise(), { signal: caller.signal });
  const ending = settle(call, clock);
  caller.abort(new Error('gone'));
  expect(clock.size).toBe(0);
  expect(await ending).toMatchObject({ error: { message: 'gone' } });
  expect(told).toEqual(['1 retried 1000', '2 aborted 0']);
});

test('a deadline of the caller that falls while a call waits is told as out of time', async () => {
  const { clock, retry, told } = setUp();
  const caller = new AbortController();
  const ending = settle(
    retry.execute(() => raise(), { signal: caller.signal }),
    clock,
  );
  const reason = new DOMException('too late', 'TimeoutError');
  caller.abort(reason);
  expect(await ending).toEqual({ error: reason });
  expect(told).toEqual(['1 retried 1000', '2 out_of_time 0']);
});

test('a wait keeps the process alive unless told otherwise', async () => {
  const alive = () => process.getActiveResourcesInfo().filter((one) => one === 'Timeout').length;
  for (const [whileWaiting, extra] of [
    ['hold', 1],
    ['release', 0],
  ] as const) {
    const before = alive();
    const caller = new AbortController();
    const retry = new Retry({ name: 'real', whileWaiting, baseDelayMs: 60_000 });
    const call = retry.execute(() => raise(), { signal: caller.signal }).catch(() => 'gone');
    // Nothing is awaited between the counts: the test runner's own timers would come and go.
    expect(alive()).toBe(before + extra);
    caller.abort();
    expect(alive()).toBe(before);
    expect(await call).toBe('gone');
  }
});

test('a wait lies between the base and the maximum, whatever chance says', () => {
  const chance = fc.oneof(
    fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    fc.constantFrom(Number.NaN, -1, 2),
  );
  fc.assert(
    fc.property(
      fc.constantFrom('decorrelated', 'proportional', 'none' as const),
      fc.array(chance, { maxLength: 20 }),
      (jitter, chances) => {
        const backoff: Backoff = {
          baseDelayMs: 1_000,
          factor: 2,
          maxDelayMs: 30_000,
          jitter: jitter as Backoff['jitter'],
        };
        let previousMs = 0;
        chances.forEach((random, i) => {
          const ms = backoffMs(backoff, i + 1, previousMs, random);
          expect(ms).toBeLessThanOrEqual(30_000);
          expect(ms).toBeGreaterThanOrEqual(jitter === 'proportional' ? 800 : 1_000);
          if (jitter === 'decorrelated') expect(ms).toBeLessThanOrEqual(Math.max(1_000, previousMs) * 3);
          previousMs = ms;
        });
      },
    ),
    { seed: 3 },
  );
});

test.each([
  ['decorrelated', [0, 0, 0], [1_000, 1_000, 1_000]],
  ['decorrelated', [0.999_999, 0.999_999, 0.5], [3_000, 9_000, 14_000]],
  ['proportional', [0, 0.5, 0.999_999], [800, 2_000, 4_800]],
] as const)('%s jitter with %j waits %j', (jitter, chances, expected) => {
  const backoff: Backoff = { baseDelayMs: 1_000, factor: 2, maxDelayMs: 30_000, jitter };
  let previousMs = 0;
  const waits = chances.map((random, i) => {
    previousMs = backoffMs(backoff, i + 1, previousMs, random);
    return Math.round(previousMs);
  });
  expect(waits).toEqual(expected);
});

function raise(): never {
  throw down;
}

function ring(): unknown {
  const one: { cause?: unknown } = {};
  one.cause = { cause: one };
  return one;
}
