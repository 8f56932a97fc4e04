/** Checks that a supervisor refuses wrong options with what, value and rule, and survives a host's broken functions. */

import { describe, expect, test } from 'vitest';
import { createSupervisor as createHostSupervisor } from '../../src/instrument/host-supervisor.js';
import type { Job } from '../../src/resilience/job.js';
import { createSupervisor, type SupervisorOptions } from '../../src/resilience/supervisor.js';
import { job, never, setUp } from './job-bench.js';

const MS = 'but must be a number from';
const TOP = '2147483647 ms';

describe('a job is refused with option, value and rule', () => {
  const cases: readonly [unknown, string][] = [
    [{ name: 'Reader 1' }, 'job: name is "Reader 1", but must be lower-case words joined by _'],
    [{ name: undefined }, 'job: name is undefined, but must be lower-case words joined by _'],
    [{ name: 'a'.repeat(101) }, 'but must be lower-case words joined by _, at most 100 characters'],
    [{ intervalMs: -1 }, `job reader: intervalMs is -1, ${MS} 0 to ${TOP}`],
    [{ intervalMs: Number.NaN }, `intervalMs is NaN, ${MS} 0 to ${TOP}`],
    [{ intervalMs: '50' }, `intervalMs is "50", ${MS} 0 to ${TOP}`],
    [{ interval: 5 }, 'interval is 5, but must be left out: the options are name, intervalMs, every,'],
    [{ deadlineMs: 0 }, `deadlineMs is 0, ${MS} 1 to ${TOP}`],
    [{ deadlineMs: 2 ** 31 }, `deadlineMs is 2147483648, ${MS} 1 to ${TOP}`],
    [{ deadlineMs: undefined }, 'deadlineMs is undefined, but must be given unless heartbeatMs is'],
    [{ heartbeatMs: 0 }, `heartbeatMs is 0, ${MS} 1 to ${TOP}`],
    [{ heartbeatMs: null }, `heartbeatMs is null, ${MS} 1 to ${TOP}`],
    [{ toleranceMs: -1 }, `toleranceMs is -1, ${MS} 0 to ${TOP}`],
    [{ graceMs: Infinity }, `graceMs is Infinity, ${MS} 0 to ${TOP}`],
    [{ jitter: 1.1 }, `jitter is 1.1, ${MS} 0 to 1`],
    [{ overlap: 'pile-up' }, 'overlap is "pile-up", but must be one of skip, queue-one, abort-previous'],
    [{ run: undefined }, 'run is undefined, but must be a function'],
    [{ every: { periodMs: 10 } }, 'intervalMs is 100, but must be left out where every is given'],
    [{ intervalMs: undefined, every: {} }, 'every.periodMs is undefined, but must be given'],
    [
      { intervalMs: undefined, every: { period: 50 } },
      'every.period is 50, but must be left out: the options are periodMs, offsetMs, from',
    ],
    [
      { intervalMs: undefined, every: 50 },
      'every is 50, but must be an object with periodMs, offsetMs, from',
    ],
    [
      { intervalMs: undefined, every: { periodMs: 10, from: 'noon' } },
      'every.from is "noon", but must be one of start, wall',
    ],
    [{ backoff: { firstMs: 0, maxMs: 1 } }, `backoff.firstMs is 0, ${MS} 1 to ${TOP}`],
    [{ backoff: { firstMs: 9, maxMs: 8 } }, `backoff.maxMs is 8, ${MS} 9 to ${TOP}`],
    [{ backoff: { firstMs: 9 } }, 'backoff.maxMs is undefined, but must be given'],
    [
      { crashLoop: { after: 0, withinMs: 1, restMs: 1 } },
      'crashLoop.after is 0, but must be a whole number from 1 to 1000',
    ],
    [
      { crashLoop: { withinMs: 1, restMs: 1 } },
      'crashLoop.after is undefined, but must be a whole number from 1 to 1000',
    ],
    [{ crashLoop: { after: 1, withinMs: 0, restMs: 1 } }, `crashLoop.withinMs is 0, ${MS} 1 to ${TOP}`],
  ];
  test.each(cases)('%o', (over, message) => {
    const { supervisor, time } = setUp();
    const start = () => supervisor.start(job(over as Partial<Job>));
    expect(start).toThrow(message);
    expect(start).toThrow(expect.objectContaining({ code: 'JOB_INVALID' }));
    expect(time.pending()).toBe(0);
  });

  test.each([undefined, null, 'reader', [job({})]])('%o is no job', (given) => {
    expect(() => setUp().supervisor.start(given as never)).toThrow(
      expect.objectContaining({ code: 'JOB_INVALID' }),
    );
  });

  test('a second job of one name', () => {
    const { supervisor } = setUp();
    supervisor.start(job({}));
    expect(() => supervisor.start(job({}))).toThrow('job reader is still running: wait for stop() first');
  });
});

test.each([
  [{ random: 0.5 }, 'supervisor: random is 0.5, but must be a function'],
  [{ on: [] }, 'supervisor: on is an array, but must be a function'],
  [{ clock: {} }, 'supervisor: clock is an object, but must be an object with the functions now and after'],
  [{ onEvent: () => {} }, 'onEvent is a function, but must be left out: the options are on, clock, random'],
  [null, 'supervisor: options is null, but must be an object'],
])('a supervisor is refused: %o', (options, message) => {
  expect(() => createSupervisor(options as SupervisorOptions)).toThrow(message);
  expect(() => createHostSupervisor(options as SupervisorOptions)).toThrow(message);
});

const brokenChance: readonly [string, () => number][] = [
  [
    'throws',
    () => {
      throw new Error('no chance');
    },
  ],
  ['is not a number', () => Number.NaN],
  ['is above 1', () => 7],
];
test.each(brokenChance)('chance that %s counts as a half, and ends no job', async (_how, random) => {
  const { time, lines, supervisor } = setUp(random);
  let runs = 0;
  const run = async () => {
    runs += 1;
    if (runs === 1) throw new Error('once');
  };
  supervisor.start(job({ run, jitter: 0.5, backoff: { firstMs: 40, maxMs: 40 } }));
  await time.advance(130);
  expect(lines).toEqual([
    '0 reader#1 started',
    '0 reader#1 failed took=0 failures=1',
    '30 reader#2 started',
    '30 reader#2 succeeded took=0',
    '130 reader#3 started',
    '130 reader#3 succeeded took=0',
  ]);
});

test('without a clock of its own a service has the moments of the wall clock', async () => {
  const supervisor = createHostSupervisor({ clock: undefined });
  supervisor.start({
    name: 'nightly',
    every: { periodMs: 86_400_000, offsetMs: 10_800_000, from: 'wall' },
    deadlineMs: 60_000,
    run: async () => {},
  });
  expect(supervisor.states().get('nightly')).toBe('idle');
  expect(await supervisor.stopAll()).toEqual([]);
});

test('a job that is started while all are stopped is stopped, too', async () => {
  const { time, supervisor } = setUp();
  supervisor.start(job({ name: 'deaf', deadlineMs: 9_000, graceMs: 30, run: never }));
  await time.advance(0);
  const stopped = supervisor.stopAll();
  supervisor.start(job({ name: 'latecomer' }));
  await time.advance(30);
  expect(await stopped).toEqual(['deaf']);
  expect(supervisor.states().get('latecomer')).toBe('stopped');
  expect(time.pending()).toBe(0);
});
