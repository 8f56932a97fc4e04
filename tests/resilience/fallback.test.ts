/** Owns the tests of the fallback: its sources and their order, the age of answers, single flight, bounds. */
import { expect, test } from 'vitest';
import type { PolicyEvent } from '../../src/resilience/events.js';
import { Fallback } from '../../src/resilience/fallback.js';
import type { FallbackOptions } from '../../src/resilience/fallback-options.js';
import { ManualClock } from '../../src/resilience/manual-clock.js';
import { type CallContext, wrap } from '../../src/resilience/policy.js';
import { Retry } from '../../src/resilience/retry.js';
import { deferred, failure, settle, turn } from './drive.js';

function setUp(options: Partial<FallbackOptions<string>> = {}) {
  const clock = new ManualClock();
  const fallback = new Fallback<string>({ name: 'quotes', clock, ...options });
  const events: PolicyEvent[] = [];
  fallback.onEvent((event) => events.push(event));
  const sources = () => events.flatMap((event) => (event.kind === 'fallback_served' ? [event.source] : []));
  return { clock, fallback, events, sources };
}

const error = new Error('down');
const down = () => Promise.reject(error);

test('serves the last good value with its age until it is too old', async () => {
  const { clock, fallback, events } = setUp({ maxAgeMs: 300_000 });
  const options = { key: 'sol' };
  expect(await fallback.answer(() => 'fresh', options)).toEqual({
    value: 'fresh',
    source: 'primary',
    ageMs: 0,
  });
  clock.advance(300_000);
  expect(await fallback.answer(down, options)).toEqual({
    value: 'fresh',
    source: 'last-good',
    ageMs: 300_000,
  });
  expect(await fallback.execute(down, options)).toBe('fresh');
  clock.advance(1);
  expect(await failure(fallback.answer(down, options))).toBe(error);
  expect(await failure(fallback.answer(down, { key: 'btc' }))).toBe(error);
  expect(
    events.map((event) => ('outcome' in event ? event.outcome : 'source' in event ? event.source : '')),
  ).toEqual(['primary', 'hit', 'last-good', 'hit', 'last-good', 'expired', 'none', 'miss', 'none']);
});

test('without a key nothing is kept and nothing is shared', async () => {
  const { fallback } = setUp({ maxAgeMs: 300_000 });
  const answers = await Promise.all([
    fallback.execute(async () => 'one'),
    fallback.execute(async () => 'two'),
  ]);
  expect(answers).toEqual(['one', 'two']);
  expect(await failure(fallback.execute(down))).toBe(error);
  expect(fallback.entries).toBe(0);
});

test('tries its sources in the given order and says which answered', async () => {
  const asked: unknown[] = [];
  const options: Partial<FallbackOptions<string>> = {
    alternative: ({ key }: CallContext, cause) => {
      asked.push([key, cause]);
      throw new Error('down too');
    },
    reduced: () => 'lesser',
    staticValue: 'n/a',
  };
  const usual = setUp(options);
  expect(await usual.fallback.answer(down, { key: 'sol' })).toEqual({
    value: 'lesser',
    source: 'reduced',
    ageMs: 0,
  });
  expect(asked).toEqual([['sol', error]]);
  const own = setUp({ ...options, order: ['static', 'reduced'] });
  expect(await own.fallback.answer(down)).toEqual({ value: 'n/a', source: 'static', ageMs: 0 });
  expect([...usual.sources(), ...own.sources()]).toEqual(['reduced', 'static']);
});

test('a stand-in that hangs is given up at its deadline', async () => {
  const { clock, fallback } = setUp({ alternative: () => new Promise(() => {}), staticValue: 'n/a' });
  expect(await settle(fallback.answer(down), clock)).toMatchObject({ value: { source: 'static' } });
  expect(clock.nowMs()).toBe(10_000);
});

test('an answered 503 is a failure; when nothing stands in, it is the answer', async () => {
  const clock = new ManualClock();
  const busy = new Response('busy', { status: 503 });
  const fine = new Response('fine');
  const helped = new Fallback({ name: 'q', clock, alternative: () => fine });
  expect(await helped.execute(() => busy)).toBe(fine);
  const alone = new Fallback<Response>({ name: 'q', clock, maxAgeMs: 1_000 });
  expect(await alone.execute(() => busy, { key: 'a' })).toBe(busy);
  expect(alone.entries).toBe(0);
});

test('lets go of every answered failure that another answer replaced, and of no other', async () => {
  const clock = new ManualClock();
  const busy = () => new Response('busy', { status: 503 });
  const replaced = [busy(), busy()];
  const fine = new Response('fine');
  const helped = new Fallback<Response>({
    name: 'q',
    clock,
    alternative: () => replaced[1]!,
    reduced: () => fine,
  });
  expect(await helped.execute(() => replaced[0]!)).toBe(fine);
  expect(replaced.map(({ bodyUsed }) => bodyUsed)).toEqual([true, true]);
  expect(await fine.text()).toBe('fine');
  const alone = new Fallback<Response>({ name: 'q', clock });
  expect(await (await alone.execute(busy)).text()).toBe('busy');
  // A stand-in that hands the failure on has made it the answer.
  const same = busy();
  const through = new Fallback<Response>({
    name: 'q',
    clock,
    alternative: (_, failing) => failing as Response,
    isFailure: (value) => value === same && isFirst(),
  });
  let looks = 0;
  const isFirst = () => ++looks === 1;
  expect(await (await through.execute(() => same)).text()).toBe('busy');
});

test('a call that its callers gave up tells no answer, whoever was being asked', async () => {
  for (const whom of ['primary', 'alternative']) {
    const work = deferred<string>();
    const { fallback, events } = setUp({ alternative: () => work.promise });
    const fn = whom === 'primary' ? () => work.promise : down;
    const caller = new AbortController();
    const ending = failure(fallback.execute(fn, { signal: caller.signal }));
    await turn();
    caller.abort(new Error('gone'));
    expect(await ending).toMatchObject({ message: 'gone' });
    await turn();
    work.resolve('too late');
    await turn();
    expect(events).toEqual([]);
  }
});

test('a run that asks for its own key is refused instead of waiting for itself, also round a corner', async () => {
  const { clock, fallback } = setUp({ maxAgeMs: 1_000 });
  const refused = { code: 'FALLBACK_RECURSION', fallback: 'quotes', key: 'sol' };
  const retry = new Retry({ name: 'again', clock, isRetryable: () => false });
  const inside = (context: CallContext) => wrap(retry, fallback).execute(async () => 'inner', context);
  expect(await failure(fallback.execute(inside, { key: 'sol' }))).toMatchObject(refused);
  const other = new Fallback<string>({ name: 'other', clock });
  const corner = wrap(fallback, other).execute(inside, { key: 'sol' });
  expect(await failure(corner)).toMatchObject(refused);
  // Another key, or another policy, is no recursion.
  const apart = fallback.execute(
    ({ signal }) => fallback.execute(async () => 'btc', { key: 'btc', signal }),
    {
      key: 'sol',
    },
  );
  expect(await apart).toBe('btc');
  expect(await wrap(fallback, other).execute(async () => 'fine', { key: 'sol' })).toBe('fine');
});

test('leaves alone what it does not handle, aborts first of all', async () => {
  const { fallback } = setUp({ staticValue: 'n/a' });
  const abort = new DOMException('gone', 'AbortError');
  expect(await failure(fallback.execute(() => Promise.reject(abort)))).toBe(abort);
  const choosy = setUp({ staticValue: 'n/a', handles: (one) => one !== error });
  expect(await failure(choosy.fallback.execute(down))).toBe(error);
  const broken = setUp({
    staticValue: 'n/a',
    handles: () => {
      throw new Error('predicate');
    },
  });
  expect(await broken.fallback.execute(down)).toBe('n/a');
});

test('callers with one key at one time share one run; the next run is a new one', async () => {
  const { fallback, sources } = setUp({ maxAgeMs: 1_000 });
  let runs = 0;
  const work = deferred<string>();
  const fn = () => {
    runs++;
    return work.promise;
  };
  const calls = Array.from({ length: 50 }, () => fallback.answer(fn, { key: 'sol' }));
  const other = fallback.execute(async () => 'other', { key: 'btc' });
  work.resolve('one');
  expect(new Set(await Promise.all(calls))).toEqual(new Set([{ value: 'one', source: 'primary', ageMs: 0 }]));
  expect(await other).toBe('other');
  expect(runs).toBe(1);
  await fallback.execute(fn, { key: 'sol' });
  expect(runs).toBe(2);
  expect(sources()).toEqual(['primary', 'primary', 'primary']);
});

test('a caller that leaves a shared run does not end it for the others; the last one does', async () => {
  const { fallback } = setUp({ maxAgeMs: 1_000, staticValue: 'n/a' });
  const callers = [new AbortController(), new AbortController()];
  let signal: AbortSignal | undefined;
  let runs = 0;
  const fn = (context: CallContext) => {
    runs++;
    signal = context.signal;
    return new Promise<string>(() => {});
  };
  const calls = callers.map((caller) => failure(fallback.execute(fn, { key: 'sol', signal: caller.signal })));
  await turn();
  callers[0]!.abort(new Error('first'));
  expect(await calls[0]).toMatchObject({ message: 'first' });
  expect(signal?.aborted).toBe(false);
  callers[1]!.abort(new Error('second'));
  expect(await calls[1]).toMatchObject({ message: 'second' });
  expect(signal?.aborted).toBe(true);
  // The abandoned run must not catch those who come later.
  expect(await fallback.execute(() => 'new', { key: 'sol' })).toBe('new');
  expect(runs).toBe(1);
});

test('keeps a bounded number of values, the longest unused dropped first', async () => {
  const { fallback } = setUp({ maxAgeMs: 1_000, maxEntries: 2 });
  for (const key of ['a', 'b']) await fallback.execute(() => key, { key });
  expect(await fallback.execute(down, { key: 'a' })).toBe('a');
  await fallback.execute(() => 'c', { key: 'c' });
  expect(fallback.entries).toBe(2);
  expect(await failure(fallback.execute(down, { key: 'b' }))).toBe(error);
  expect(await fallback.execute(down, { key: 'a' })).toBe('a');
  fallback.clear();
  expect(fallback.entries).toBe(0);
});
