/** Owns the commands with which a circuit breaker and its model are driven side by side. */
import fc from 'fast-check';
import { expect } from 'vitest';
import type { CircuitBreaker } from '../../src/resilience/breaker.js';
import type { BreakerRecord } from '../../src/resilience/breaker-record.js';
import { breakerStates } from '../../src/resilience/breaker-state.js';
import { BreakerOpenError, CallTimeoutError } from '../../src/resilience/errors.js';
import { breakerOutcomes } from '../../src/resilience/events.js';
import type { ManualClock } from '../../src/resilience/manual-clock.js';
import type { BreakerModel, ModelEnd } from './breaker-model.js';
import { deferred } from './drive.js';

/** The breaker under test with everything that was done to it. */
export interface Real {
  readonly clock: ManualClock;
  readonly breaker: CircuitBreaker;
  readonly calls: RealCall[];
  /** Changes of the state as its events told them. */
  readonly moves: string[];
}

interface RealCall {
  readonly work: ReturnType<typeof deferred<string>>;
  readonly caller: AbortController;
  wasCalled: boolean;
  ending: unknown;
}

const twoHoursMs = 7_200_000;

/** One command: what it does to both sides; afterwards everything that can be read must agree. */
class Command implements fc.AsyncCommand<BreakerModel, Real> {
  constructor(
    readonly text: string,
    readonly act: (model: BreakerModel, real: Real) => void,
  ) {}

  check(): boolean {
    return true;
  }

  async run(model: BreakerModel, real: Real): Promise<void> {
    this.act(model, real);
    for (let i = 0; i < 5; i++) await null;
    // Reading lets the breaker notice that time has passed. The next command must find it without that help, too.
    if (!this.text.endsWith('unread')) expectAgreement(model, real);
  }

  toString(): string {
    return this.text;
  }
}

function expectAgreement(model: BreakerModel, { breaker, clock, calls, moves }: Real): void {
  expect(breaker.state).toBe(model.state);
  expect(breaker.exportState()).toEqual(model.record());
  for (const state of breakerStates)
    expect(breaker.secondsIn(state)).toBeCloseTo(model.msIn[state] / 1000, 6);
  for (const outcome of breakerOutcomes)
    expect(`${outcome} ${breaker.callsEnded(outcome)}`).toBe(`${outcome} ${model.ended[outcome]}`);
  expect(moves.join('\n')).toBe(model.moves.join('\n'));
  expect(clock.size).toBe(model.waiting.size);
  expect(breaker.isolatedErrors).toBe(0);
  calls.forEach((call, id) => {
    expect(call.ending === 'waiting').toBe(model.waiting.has(id));
    // No caller is ever parked: one that was not let in has its answer at once.
    if (!call.wasCalled) expect(call.ending).toBeInstanceOf(BreakerOpenError);
  });
}

/** How long ago a record was written. */
const downtimes = fc.constantFrom(0, 15, 1_000);

/** The commands; `unread` ones leave it to the next to notice what time has done. */
export const commands = [
  fc.constant(new Command('call', startCall)),
  fc.constant(
    new Command('three calls at once', (model, real) => {
      for (let i = 0; i < 3; i++) startCall(model, real);
    }),
  ),
  fc.nat(20).map((pick) => ending(`good ${pick}`, pick, 'good')),
  fc.nat(20).map((pick) => ending(`bad ${pick}`, pick, 'bad')),
  fc.nat(20).map((pick) => ending(`not found ${pick}`, pick, 'not found')),
  fc.nat(20).map((pick) => ending(`says nothing ${pick}`, pick, 'ignored')),
  fc.nat(20).map((pick) => ending(`abort ${pick}`, pick, 'aborted')),
  fc.constant(
    new Command('all fail together', (model, real) => {
      for (let id = 0; id < real.calls.length; id++) finish(model, real, id, 'bad');
    }),
  ),
  fc.constantFrom(1, 5, 10, 20, 45, 190).map((ms) => new Command(`${ms} ms pass`, pass(ms))),
  fc.constantFrom(5, 10, 20, 45).map((ms) => new Command(`${ms} ms pass unread`, pass(ms))),
  fc
    .constantFrom(-twoHoursMs, twoHoursMs)
    .map((ms) => new Command(`wall clock ${ms}`, (_, real) => real.clock.stepWall(ms))),
  fc.constant(both('trip', 'trip', (model) => model.trip())),
  fc.constant(both('reset', 'reset', (model) => model.reset())),
  fc.constant(both('force open', 'forceOpen', (model) => model.force('forced_open'))),
  fc.constant(both('force closed', 'forceClose', (model) => model.force('forced_closed'))),
  fc.constant(both('clear force', 'clearForce', (model) => model.clear())),
  downtimes.map(
    (ms) => new Command(`restart of ${ms} ms`, (model, real) => restore(model, real, model.record(), ms)),
  ),
  fc
    .tuple(
      downtimes,
      fc.record({
        version: fc.constant(1 as const),
        state: fc.constantFrom(...breakerStates),
        consecutiveFailures: fc.nat(4),
        trips: fc.nat(3),
        remainingMs: fc.constantFrom(0, 20, 5_000),
        successes: fc.nat(4),
      }),
    )
    .map(([ms, record]) => {
      const text = `restore ${JSON.stringify(record)} after ${ms} ms`;
      return new Command(text, (model, real) => restore(model, real, record, ms));
    }),
];

function both(
  text: string,
  method: 'trip' | 'reset' | 'forceOpen' | 'forceClose' | 'clearForce',
  act: (model: BreakerModel) => void,
): Command {
  return new Command(text, (model, real) => {
    act(model);
    real.breaker[method]();
  });
}

function restore(model: BreakerModel, { breaker }: Real, record: BreakerRecord, downtimeMs: number): void {
  model.restore(record, downtimeMs);
  // As a file keeps it.
  expect(breaker.restoreState(JSON.parse(JSON.stringify(record)), downtimeMs)).toBe(true);
}

function pass(ms: number): (model: BreakerModel, real: Real) => void {
  return (model, real) => {
    model.advance(ms);
    real.clock.advance(ms);
  };
}

function startCall(model: BreakerModel, real: Real): void {
  const call: RealCall = {
    work: deferred<string>(),
    caller: new AbortController(),
    wasCalled: false,
    ending: 'waiting',
  };
  const isLetIn = model.call(real.calls.length);
  real.calls.push(call);
  const fn = () => {
    call.wasCalled = true;
    return call.work.promise;
  };
  real.breaker.execute(fn, { signal: call.caller.signal }).then(
    (value) => {
      call.ending = value;
    },
    (error: unknown) => {
      call.ending = error;
      if (call.wasCalled) expect(error).not.toBeInstanceOf(BreakerOpenError);
      if (error instanceof CallTimeoutError) expect(error.timeoutMs).toBe(model.options.callTimeoutMs);
    },
  );
  expect(call.wasCalled).toBe(isLetIn);
  // Nobody listens to the work of a call that was not made; the work of one that was made is the breaker's to hear.
  if (!isLetIn) call.work.promise.catch(() => {});
}

type Finish = 'good' | 'bad' | 'not found' | 'ignored' | 'aborted';

function ending(text: string, pick: number, how: Finish): Command {
  return new Command(text, (model, real) => {
    // Any call, also one that has ended or was given up long ago: its late end must change nothing.
    if (real.calls.length > 0) finish(model, real, pick % real.calls.length, how);
  });
}

const ENDS: Readonly<Record<Finish, ModelEnd>> = {
  good: 'good',
  bad: 'bad',
  'not found': 'good',
  ignored: 'ignored',
  aborted: 'aborted',
};

function finish(model: BreakerModel, real: Real, id: number, how: Finish): void {
  const call = real.calls[id]!;
  // A function answers once: what was resolved before stays so, and the caller got it then.
  if (how === 'aborted') call.caller.abort(new Error('gone'));
  else if (how === 'good') call.work.resolve('fine');
  else if (how === 'ignored') call.work.reject(new DOMException('gone', 'AbortError'));
  else call.work.reject(Object.assign(new Error(how), { status: how === 'bad' ? 503 : 404 }));
  model.end(id, ENDS[how]);
}
