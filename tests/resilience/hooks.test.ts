/** Checks that no answer of the host's own functions harms a call: thrown, late, no number, no word of the list. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CircuitBreaker } from '../../src/resilience/breaker.js';
import { Fallback } from '../../src/resilience/fallback.js';
import { aimdLimit, type LimitState } from '../../src/resilience/limit.js';
import { Limiter } from '../../src/resilience/limiter.js';
import { ManualClock } from '../../src/resilience/manual-clock.js';
import { Retry } from '../../src/resilience/retry.js';
import { settle, turn } from './drive.js';

const name = 'quotes';
const down = Object.assign(new Error('busy'), { status: 503 });
const fails = () => Promise.reject(down);
const boom = () => {
  throw new Error('boom');
};
/** What a hook may not be: a function that answers later, well or with an error. */
const late: readonly (readonly [string, () => never])[] = [
  ['resolves later', (async () => false) as () => never],
  ['rejects later', (async () => boom()) as () => never],
  ['has a then that throws', (() => Object.defineProperty({}, 'then', { get: boom })) as () => never],
];

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

test.each<readonly [string, () => number]>([
  ['no number', () => Number.NaN],
  ['nothing', () => undefined as never],
  ['a text', () => '0.5' as never],
  ['too much', () => 17],
  ['an endless number', () => Number.POSITIVE_INFINITY],
  ...late,
])(
  'a random that answers %s neither hangs a retry nor shortens what the server asked for',
  async (_, random) => {
    const clock = new ManualClock();
    const retry = new Retry({ name, clock, random, maxRetries: 2 });
    const asked = { status: 429, headers: { 'retry-after': '20' } };
    const attempts: number[] = [];
    const ending = await settle(
      retry.execute(() => {
        attempts.push(clock.nowMs());
        if (attempts.length < 3) throw asked;
        return 'ok';
      }),
      clock,
    );
    expect(ending).toEqual({ value: 'ok' });
    // The middle of what chance may add: 20 seconds and a twentieth of them.
    expect(attempts).toEqual([0, 21_000, 42_000]);
  },
);

test.each(late)('an isRetryable that %s means no retry, and is counted', async (_, isRetryable) => {
  const clock = new ManualClock();
  const retry = new Retry({ name, clock, isRetryable, isRetryableAnswer: isRetryable });
  expect(await settle(retry.execute(fails), clock)).toEqual({ error: down });
  expect(
    await settle(
      retry.execute(() => 1),
      clock,
    ),
  ).toEqual({ value: 1 });
  expect(clock.nowMs()).toBe(0);
  expect(retry.isolatedErrors).toBe(2);
});

test.each([...late, ['answers no verdict', (() => 'ok') as () => never] as const])(
  'a breaker whose judge %s opens on failures and closes on answers, as if there were no judge',
  async (_, judge) => {
    const clock = new ManualClock();
    const breaker = new CircuitBreaker({
      name,
      clock,
      failureThreshold: 2,
      successThreshold: 1,
      judgeError: judge,
      judgeAnswer: judge,
    });
    for (let i = 0; i < 2; i++) await settle(breaker.execute(fails), clock);
    expect(breaker.state).toBe('open');
    clock.advance(60_000);
    expect(
      await settle(
        breaker.execute(() => 1),
        clock,
      ),
    ).toEqual({ value: 1 });
    expect(breaker.state).toBe('closed');
    expect([breaker.callsEnded('failure'), breaker.callsEnded('success')]).toEqual([2, 1]);
    expect(breaker.isolatedErrors).toBe(3);
  },
);

test.each([...late, ['answers no outcome', (() => 'ok') as () => never] as const])(
  'a limiter whose judge %s counts errors as overload and answers as success',
  async (_, judge) => {
    const clock = new ManualClock();
    const limiter = new Limiter({ name, clock, limit: aimdLimit(), judgeError: judge, judgeAnswer: judge });
    const told: string[] = [];
    limiter.onEvent((event) => event.kind === 'limiter_call' && told.push(event.outcome));
    await settle(limiter.execute(fails), clock);
    await settle(
      limiter.execute(() => 1),
      clock,
    );
    expect(told).toEqual(['overload', 'success']);
    expect(limiter.isolatedErrors).toBe(2);
  },
);

test.each([
  ...late,
  ['answers nothing', (() => undefined) as () => never] as const,
  ['answers no limit', (() => ({ limit: Number.NaN })) as () => never] as const,
  ['throws', boom] as const,
])('a rule that %s gives the permit back and leaves the limit as it was', async (_, next) => {
  const clock = new ManualClock();
  const initial = { ...aimdLimit().initial, limit: 1 } as LimitState;
  const limiter = new Limiter({ name, clock, limit: { needs: 'outcome', initial, next } });
  for (let i = 1; i <= 3; i++) {
    expect(
      await settle(
        limiter.execute(() => i),
        clock,
      ),
    ).toEqual({ value: i });
    expect([limiter.inFlight, limiter.limit, limiter.isolatedErrors]).toEqual([0, 1, i]);
  }
});

test.each(late)('a fallback whose questions %s answers as their defaults say', async (_, question) => {
  const clock = new ManualClock();
  const fallback = new Fallback<string>({
    name,
    clock,
    staticValue: 'n/a',
    isFailure: question,
    handles: question,
  });
  expect(
    await settle(
      fallback.execute(() => 'fresh'),
      clock,
    ),
  ).toEqual({ value: 'fresh' });
  expect(await settle(fallback.execute(fails), clock)).toEqual({ value: 'n/a' });
  expect(fallback.isolatedErrors).toBe(2);
});

test('a listener that answers a thenable which fails is counted', async () => {
  const breaker = new CircuitBreaker({ name, clock: new ManualClock() });
  // biome-ignore lint/suspicious/noThenProperty: the promises of other libraries are thenables of just this kind
  breaker.onEvent((() => ({ then: (_: unknown, no: (error: Error) => void) => no(down) })) as never);
  await breaker.execute(() => 1);
  await turn();
  expect(breaker.isolatedErrors).toBe(1);
});
