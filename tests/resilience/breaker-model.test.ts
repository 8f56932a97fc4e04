/** Owns the check of the circuit breaker against its model over 10,000 seeded sequences of commands. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CircuitBreaker } from '../../src/resilience/breaker.js';
import { breakerStates } from '../../src/resilience/breaker-state.js';
import { ManualClock } from '../../src/resilience/manual-clock.js';
import { BreakerModel, type ModelOptions } from './breaker-model.js';
import { commands, type Real } from './breaker-steps.js';

const sequences = 10_000;

const rules = fc.record({
  successThreshold: fc.integer({ min: 1, max: 3 }),
  maxTrials: fc.integer({ min: 1, max: 3 }),
  recoveryTimeoutMs: fc.constantFrom(10, 30),
  recoveryFactor: fc.constantFrom(1, 2),
  maxRecoveryTimeoutMs: fc.constantFrom(40, 100),
  callTimeoutMs: fc.constantFrom(8, 25),
});

/** Failures in a row alone, or rates too, over a window of calls or of time. */
const thresholds = fc.oneof(
  fc.record({ failureThreshold: fc.integer({ min: 1, max: 3 }) }),
  fc
    .record({
      failureThreshold: fc.constantFrom(2, 50),
      minimumCalls: fc.constantFrom(2, 4),
      rate: fc.constantFrom({ failureRateThreshold: 0.5 }, { failureRateThreshold: 0.75 }, {}),
      slow: fc.constantFrom({ slowCallMs: 4 }, { slowCallMs: 7, slowRateThreshold: 0.3 }, {}),
      span: fc.constantFrom({ windowCalls: 4 }, { windowCalls: 6 }, { windowMs: 100 }),
    })
    .filter(({ rate, slow }) => Object.keys({ ...rate, ...slow }).length > 0)
    .map(({ rate, slow, span, ...plain }) => ({ ...plain, ...rate, ...slow, ...span })),
);

const options: fc.Arbitrary<ModelOptions> = fc
  .tuple(rules, thresholds)
  .map(([one, other]) => ({ ...one, ...other }));

test(`a breaker does what its model does, in ${sequences} sequences`, { timeout: 180_000 }, async () => {
  const seen = { moves: new Set<string>(), causes: new Set<string>() };
  let ended = 0;
  await fc.assert(
    fc.asyncProperty(options, fc.commands(commands, { maxCommands: 40 }), async (chosen, steps) => {
      const clock = new ManualClock();
      const breaker = new CircuitBreaker({ name: 'model', clock, ...chosen });
      const real: Real = { clock, breaker, calls: [], moves: [] };
      breaker.onEvent((event) => {
        if (event.kind !== 'breaker_transition') return;
        real.moves.push(`${event.from}>${event.to} ${event.cause}`);
        seen.moves.add(`${event.from}>${event.to}`);
        seen.causes.add(event.cause);
      });
      const model = new BreakerModel(chosen);
      await fc.asyncModelRun(() => ({ model, real }), steps);
      expectCountedMoves(breaker, model);
      ended++;
    }),
    { numRuns: sequences, seed: 20_251_121 },
  );
  expect(ended).toBeGreaterThanOrEqual(sequences);
  // The sequences must have been everywhere, or the check means little: a restart may lead from any state to any other.
  const everywhere = breakerStates.flatMap((from) =>
    breakerStates.filter((to) => to !== from).map((to) => `${from}>${to}`),
  );
  expect([...seen.moves].sort()).toEqual(everywhere.sort());
  expect([...seen.causes].sort()).toEqual([
    'consecutive_failures',
    'failure_rate',
    'force_cleared',
    'forced',
    'recovery_elapsed',
    'reset',
    'restored',
    'slow_rate',
    'trial_failed',
    'trials_succeeded',
    'tripped',
  ]);
});

/** The counts that a scrape reads must be those of the moves that were told. */
function expectCountedMoves(breaker: CircuitBreaker, model: BreakerModel): void {
  // A last unread command may have left a move unnoticed.
  expect(breaker.state).toBe(model.state);
  for (const from of breakerStates) {
    for (const to of breakerStates) {
      const times = model.moves.filter((move) => move.startsWith(`${from}>${to} `)).length;
      if (breaker.transitions(from, to) !== times)
        expect(`${from}>${to} ${breaker.transitions(from, to)}`).toBe(times);
    }
  }
}
