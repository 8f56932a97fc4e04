/** Owns the check of the circuit breaker against its model over 10,000 seeded sequences of commands. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CircuitBreaker } from '../../src/resilience/breaker.js';
import { type BreakerStateName, breakerStates } from '../../src/resilience/breaker-state.js';
import { BreakerOpenError, CallTimeoutError } from '../../src/resilience/errors.js';
import { ManualClock } from '../../src/resilience/manual-clock.js';
import { BreakerModel, type ModelOptions } from './breaker-model.js';
import { deferred } from './drive.js';

interface Real {
  readonly clock: ManualClock;
  readonly breaker: CircuitBreaker;
  readonly calls: RealCall[];
  readonly told: { at: BreakerStateName };
}

interface RealCall {
  readonly work: ReturnType<typeof deferred<string>>;
  readonly caller: AbortController;
  wasCalled: boolean;
  ending: unknown;
}

type Step = fc.AsyncCommand<BreakerModel, Real>;

const sequences = 10_000;
const twoHoursMs = 7_200_000;

/** One command: what it does to both sides; afterwards everything that can be read must agree. */
class Command implements Step {
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
    const { breaker, clock } = real;
    // Reading lets the breaker notice that time has passed. The next command must find it without that help, too.
    if (this.text.endsWith('unread')) return;
    expect(breaker.state).toBe(model.state);
    expect(breaker.consecutiveFailures).toBe(model.failures);
    for (const state of breakerStates)
      expect(breaker.secondsIn(state)).toBeCloseTo(model.msIn[state] / 1000, 6);
    expect(real.told.at).toBe(model.state);
    expect(clock.size).toBe(model.waiting.size);
    real.calls.forEach((call, id) => {
      expect(call.ending === 'waiting').toBe(model.waiting.has(id));
      // No caller is ever parked: one that was not let in has its answer at once.
      if (!call.wasCalled) expect(call.ending).toBeInstanceOf(BreakerOpenError);
    });
  }

  toString(): string {
    return this.text;
  }
}

const commands = [
  fc.constant(new Command('call', startCall)),
  fc.constant(
    new Command('three calls at once', (model, real) => {
      for (let i = 0; i < 3; i++) startCall(model, real);
    }),
  ),
  fc.nat(20).map((pick) => ending(`good ${pick}`, pick, 'good')),
  fc.nat(20).map((pick) => ending(`bad ${pick}`, pick, 'bad')),
  fc.nat(20).map((pick) => ending(`not found ${pick}`, pick, 'answered')),
  fc.nat(20).map((pick) => ending(`abort ${pick}`, pick, 'aborted')),
  fc.constant(
    new Command('all fail together', (model, real) => {
      for (let id = 0; id < real.calls.length; id++) finish(model, real, id, 'bad');
    }),
  ),
  fc.constantFrom(1, 5, 10, 20, 45).map(
    (ms) =>
      new Command(`${ms} ms pass`, (model, real) => {
        model.advance(ms);
        real.clock.advance(ms);
      }),
  ),
  fc.constantFrom(5, 10, 20, 45).map(
    (ms) =>
      new Command(`${ms} ms pass unread`, (model, real) => {
        model.advance(ms);
        real.clock.advance(ms);
      }),
  ),
  fc
    .constantFrom(-twoHoursMs, twoHoursMs)
    .map((ms) => new Command(`wall clock ${ms}`, (_, real) => real.clock.stepWall(ms))),
  fc.constant(
    new Command('trip', (model, real) => {
      model.trip();
      real.breaker.trip();
    }),
  ),
  fc.constant(
    new Command('reset', (model, real) => {
      model.reset();
      real.breaker.reset();
    }),
  ),
  fc.constant(
    new Command('force open', (model, real) => {
      model.force('forced_open');
      real.breaker.forceOpen();
    }),
  ),
  fc.constant(
    new Command('force closed', (model, real) => {
      model.force('forced_closed');
      real.breaker.forceClose();
    }),
  ),
  fc.constant(
    new Command('clear force', (model, real) => {
      model.clear();
      real.breaker.clearForce();
    }),
  ),
];

const options: fc.Arbitrary<ModelOptions> = fc.record({
  failureThreshold: fc.integer({ min: 1, max: 3 }),
  successThreshold: fc.integer({ min: 1, max: 3 }),
  maxTrials: fc.integer({ min: 1, max: 3 }),
  recoveryTimeoutMs: fc.constantFrom(10, 30),
  recoveryFactor: fc.constantFrom(1, 2),
  maxRecoveryTimeoutMs: fc.constantFrom(40, 100),
  callTimeoutMs: fc.constantFrom(8, 25),
});

test(`a breaker does what its model does, in ${sequences} sequences`, { timeout: 180_000 }, async () => {
  const states = new Set<string>();
  let ended = 0;
  await fc.assert(
    fc.asyncProperty(options, fc.commands(commands, { maxCommands: 40 }), async (chosen, steps) => {
      const clock = new ManualClock();
      const breaker = new CircuitBreaker({ name: 'model', clock, ...chosen });
      const told: Real['told'] = { at: 'closed' };
      breaker.onEvent((event) => {
        if (event.kind !== 'breaker_transition') return;
        expect(event.from).toBe(told.at);
        told.at = event.to;
        states.add(`${event.from}>${event.to}`);
      });
      const setUp = () => ({ model: new BreakerModel(chosen), real: { clock, breaker, calls: [], told } });
      await fc.asyncModelRun(setUp, steps);
      ended++;
    }),
    { numRuns: sequences, seed: 20_251_121 },
  );
  expect(ended).toBeGreaterThanOrEqual(sequences);
  // The sequences must have been everywhere, or the check means little.
  expect([...states].sort()).toEqual([
    'closed>forced_closed',
    'closed>forced_open',
    'closed>open',
    'forced_closed>closed',
    'forced_closed>forced_open',
    'forced_open>forced_closed',
    'forced_open>half_open',
    'half_open>closed',
    'half_open>forced_closed',
    'half_open>forced_open',
    'half_open>open',
    'open>closed',
    'open>forced_closed',
    'open>forced_open',
    'open>half_open',
  ]);
});

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

function ending(text: string, pick: number, how: 'good' | 'bad' | 'answered' | 'aborted'): Command {
  return new Command(text, (model, real) => {
    // Any call, also one that has ended or was given up long ago: its late end must change nothing.
    if (real.calls.length > 0) finish(model, real, pick % real.calls.length, how);
  });
}

function finish(
  model: BreakerModel,
  real: Real,
  id: number,
  how: 'good' | 'bad' | 'answered' | 'aborted',
): void {
  const call = real.calls[id]!;
  if (how === 'aborted') {
    call.caller.abort(new Error('gone'));
    model.end(id, 'neutral');
    return;
  }
  // A function answers once: what was resolved before stays so, and the caller got it then.
  if (how === 'good') call.work.resolve('fine');
  else call.work.reject(Object.assign(new Error(how), { status: how === 'bad' ? 503 : 404 }));
  model.end(id, how === 'bad' ? 'bad' : 'good');
}
