/** Owns the tests of a breaker's state over a restart: what is taken up, what is shortened, what is refused. */
import { expect, test } from 'vitest';
import { CircuitBreaker } from '../../src/resilience/breaker.js';
import type { BreakerOptions } from '../../src/resilience/breaker-options.js';
import { CallTimeoutError } from '../../src/resilience/errors.js';
import { ManualClock } from '../../src/resilience/manual-clock.js';
import { failure } from './drive.js';

function setUp(options: Partial<BreakerOptions> = {}) {
  const clock = new ManualClock();
  const breaker = new CircuitBreaker({ name: 'quotes', clock, ...options });
  const told: string[] = [];
  breaker.onEvent((event) => told.push(event.kind));
  const good = () => breaker.execute(async () => 'ok');
  const bad = () => failure(breaker.execute(() => Promise.reject(new Error('down'))));
  return { clock, breaker, told, good, bad };
}

test.each([
  ['closed with failures', () => {}, 0, { state: 'closed', consecutiveFailures: 3 }],
  ['open, back early', trip, 20_000, { state: 'open', retryAfterMs: 30_000 }],
  ['open, back late', trip, 60_000, { state: 'half_open', retryAfterMs: undefined }],
  ['open, wall clock set back', trip, -7_200_000, { state: 'open', retryAfterMs: 50_000 }],
  ['open, downtime unknown', trip, Number.NaN, { state: 'open', retryAfterMs: 50_000 }],
  ['forced open', (b: CircuitBreaker) => b.forceOpen(), 1e9, { state: 'forced_open' }],
  ['forced closed', (b: CircuitBreaker) => b.forceClose(), 1e9, { state: 'forced_closed' }],
])('survives a restart: %s', async (_, act, downtimeMs, expected) => {
  const before = setUp();
  for (let i = 0; i < 3; i++) await before.bad();
  act(before.breaker);
  before.clock.advance(10_000);
  const record = JSON.parse(JSON.stringify(before.breaker.exportState()));
  const clock = new ManualClock(987_654);
  const breaker = new CircuitBreaker({ name: 'quotes', clock });
  expect(breaker.restoreState(record, downtimeMs)).toBe(true);
  expect(breaker.status()).toMatchObject(expected);
});

test('takes up trials from before a restart without their callers', async () => {
  const before = setUp({ successThreshold: 2 });
  before.breaker.trip();
  before.clock.advance(60_000);
  await before.good();
  const hung = failure(before.breaker.execute(() => new Promise(() => {})));
  const after = setUp({ successThreshold: 2 });
  expect(after.breaker.restoreState(before.breaker.exportState())).toBe(true);
  await after.good();
  expect(after.breaker.state).toBe('closed');
  before.clock.advance(30_000);
  expect(await hung).toBeInstanceOf(CallTimeoutError);
});

test('refuses what is no record and bounds what is a damaged one', () => {
  const fine = { version: 1, state: 'open', consecutiveFailures: 0, trips: 1, remainingMs: 5, successes: 0 };
  const damaged = [
    null,
    7,
    'open',
    {},
    { ...fine, version: 2 },
    { ...fine, state: 'ajar' },
    { ...fine, remainingMs: -1 },
  ];
  for (const record of [...damaged, { ...fine, trips: Number.NaN }]) {
    const { breaker, told } = setUp();
    expect(breaker.restoreState(record)).toBe(false);
    expect(breaker.state).toBe('closed');
    expect(told).toEqual([]);
  }
  const { breaker } = setUp();
  breaker.restoreState({ ...fine, remainingMs: 1e300 });
  expect(breaker.status().retryAfterMs).toBe(600_000);
  breaker.restoreState({ ...fine, state: 'closed', consecutiveFailures: 1e9 });
  expect(breaker.status()).toMatchObject({ state: 'closed', consecutiveFailures: 4 });
});

function trip(breaker: CircuitBreaker): void {
  breaker.trip();
}
