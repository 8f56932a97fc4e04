/** Owns the check of a supervised job against its model over seeded sequences of commands. */
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { JobEvent } from '../../src/resilience/job-event.js';
import { createSupervisor, type Supervisor } from '../../src/resilience/supervisor.js';
import { deferred, turn } from './drive.js';
import { manualClock } from './job-bench.js';
import { JobModel, type ModelJob } from './job-model.js';

interface Live {
  readonly work: ReturnType<typeof deferred<void>>;
  readonly beat: () => void;
}

interface Real {
  readonly time: ReturnType<typeof manualClock>;
  readonly supervisor: Supervisor;
  readonly runs: Live[];
  readonly told: string[];
  readonly seen: Set<string>;
  /** Runs that go on and were not said to be left behind. */
  readonly live: Set<number>;
}

const SEQUENCES = 1_500;
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

/** One command: what it does to both sides; afterwards everything that can be read must agree. */
class Command implements fc.AsyncCommand<JobModel, Real> {
  constructor(
    readonly text: string,
    readonly act: (model: JobModel, real: Real) => void | Promise<void>,
  ) {}

  check(): boolean {
    return true;
  }

  async run(model: JobModel, real: Real): Promise<void> {
    await this.act(model, real);
    // What is due at this very moment happens now: a triggered run, for instance.
    model.advance(0);
    await real.time.advance(0);
    expect(real.told).toEqual(model.told);
    expect(real.supervisor.states().get('model')).toBe(model.state);
    expect(real.time.pending()).toBe(model.timers);
    expect(real.live.size).toBeLessThanOrEqual(1);
    real.seen.add(model.state);
  }

  toString(): string {
    return this.text;
  }
}

const commands = [
  fc.integer({ min: 1, max: 60 }).map(
    (ms) =>
      new Command(`${ms} ms pass`, async (model, real) => {
        model.advance(ms);
        await real.time.advance(ms);
      }),
  ),
  fc.constant(new Command('ends well', (model, real) => finish(model, real, 'good'))),
  fc.constant(new Command('ends badly', (model, real) => finish(model, real, 'bad'))),
  fc.constant(
    new Command('beats', (model, real) => {
      for (const run of real.runs) run.beat();
      if (model.mode === 'run') model.beat();
    }),
  ),
  fc.constant(
    new Command('trigger', (model, real) => {
      if (model.mode !== 'stop') expect(real.supervisor.trigger('model')).toBe(model.trigger());
      else expect(() => real.supervisor.trigger('model')).toThrow('no job model is running');
    }),
  ),
  fc.constant(
    new Command('restart', (model, real) => {
      if (model.mode === 'stop') return;
      model.restart();
      real.supervisor.restart('model');
    }),
  ),
  fc.constant(
    new Command('a run of long ago ends', (_, real) => {
      for (const run of real.runs.slice(0, -1)) run.work.reject(new Error('far too late'));
    }),
  ),
];

const stop = new Command('stop', (model, real) => {
  model.stop();
  void real.supervisor.stop('model');
});

const span = (...ms: number[]) => fc.constantFrom(...ms);
const options: fc.Arbitrary<ModelJob> = fc
  .record({
    name: fc.constant('model'),
    plan: fc.oneof(
      fc.record({ kind: fc.constantFrom('interval' as const, 'every' as const), ms: span(20, 50) }),
      fc.constant({ kind: 'none' as const }),
    ),
    limits: fc.constantFrom({ deadlineMs: 33 }, { heartbeatMs: 17 }, { deadlineMs: 73, heartbeatMs: 27 }),
    overlap: fc.constantFrom('skip' as const, 'queue-one' as const, 'abort-previous' as const),
    graceMs: span(7, 21),
    onAbort: fc.constantFrom('ends' as const, 'ignores it' as const),
    crashLoop: fc.option(
      fc.record({
        after: fc.integer({ min: 1, max: 3 }),
        withinMs: span(150),
        restMs: span(90),
        counts: fc.constantFrom('failures' as const, 'restarts' as const),
      }),
      { nil: null },
    ),
  })
  .map(({ limits, crashLoop, ...rest }) => ({
    ...rest,
    ...limits,
    ...(crashLoop === null ? {} : { crashLoop }),
    backoff: { firstMs: 11, maxMs: 29 },
  }));

test(`a job does what its model does, in ${SEQUENCES} sequences`, { timeout: 180_000 }, async () => {
  const seen = new Set<string>();
  const all = fc.commands([...commands, fc.constant(stop)], { maxCommands: 40 });
  await fc.assert(
    fc.asyncProperty(options, all, async (chosen, steps) => {
      await fc.asyncModelRun(() => ({ model: new JobModel(chosen), real: realOf(chosen, seen) }), steps);
    }),
    { numRuns: SEQUENCES, seed: 20_251_121 },
  );
  // The sequences must have been everywhere, or the check means little.
  expect([...seen].sort()).toEqual(['crash_looping', 'idle', 'late', 'running', 'stopped', 'stuck']);
});

function realOf({ plan, onAbort, ...job }: ModelJob, seen: Set<string>): Real {
  const time = manualClock();
  const told: string[] = [];
  const runs: Live[] = [];
  const live = new Set<number>();
  const on = (event: JobEvent) => {
    if (event.kind === 'abandoned') live.delete(event.run);
    told.push(`${time.clock.now()} #${event.run} ${words(event)}`);
    // A listener that breaks, at once or later, must change nothing.
    if (told.length % 2 === 0) return Promise.reject(new Error('broken later'));
    throw new Error('broken');
  };
  const supervisor = createSupervisor({ clock: time.clock, random: () => 0, on });
  const rate =
    plan.kind === 'interval'
      ? { intervalMs: plan.ms }
      : plan.kind === 'every'
        ? { every: { periodMs: plan.ms } }
        : {};
  supervisor.start({
    ...job,
    ...rate,
    run: (signal, beat) => {
      const work = deferred<void>();
      const number = runs.push({ work, beat });
      live.add(number);
      if (onAbort === 'ends') signal.addEventListener('abort', () => work.reject(signal.reason));
      return work.promise.finally(() => live.delete(number));
    },
  });
  return { time, supervisor, runs, told, live, seen };
}

function words(event: JobEvent): string {
  if (event.kind === 'timedOut') return `timedOut ${event.cause}`;
  if (event.kind === 'missed') return `missed ${event.missed}`;
  return event.kind;
}

function finish(model: JobModel, real: Real, how: 'good' | 'bad'): void {
  if (model.mode !== 'run' && model.mode !== 'end') return;
  model.finish(how);
  const { work } = real.runs.at(-1)!;
  if (how === 'good') work.resolve();
  else work.reject(new Error('bad'));
}
