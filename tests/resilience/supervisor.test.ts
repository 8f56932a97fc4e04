/** Checks how supervised jobs run: pauses, jitter, back-off, deadlines, abandoned runs. */

import { describe, expect, test } from 'vitest';
import { systemJobClock } from '../../src/resilience/job-clock.js';
import type { JobEvent } from '../../src/resilience/job-event.js';
import { createSupervisor } from '../../src/resilience/supervisor.js';
import { job, manualClock, never, setUp, untilAborted } from './job-bench.js';

describe('a job', () => {
  test('runs at once, then after each pause', async () => {
    const { time, lines, supervisor } = setUp();
    supervisor.start(job({}));
    expect(lines).toEqual([]);
    await time.advance(250);
    expect(lines).toEqual([
      '0 reader#1 started',
      '0 reader#1 succeeded took=0',
      '100 reader#2 started',
      '100 reader#2 succeeded took=0',
      '200 reader#3 started',
      '200 reader#3 succeeded took=0',
    ]);
  });

  test('asks a pause function after each good run, and takes the longest pause when it breaks', async () => {
    const { time, lines, supervisor } = setUp();
    const pauses = [10, Number.NaN, 20];
    const intervalMs = () => {
      const pauseMs = pauses.shift();
      if (pauseMs === undefined) throw new Error('no more pauses');
      return pauseMs;
    };
    supervisor.start(job({ intervalMs, backoff: { firstMs: 1, maxMs: 1_000 } }));
    await time.advance(2_100);
    expect(lines.filter((line) => line.includes('started'))).toEqual([
      '0 reader#1 started',
      '10 reader#2 started',
      '1010 reader#3 started',
      '1030 reader#4 started',
      '2030 reader#5 started',
    ]);
  });

  test('spreads its pauses by the jitter', async () => {
    const draws = [0, 0.5, 0.75];
    const { time, lines, supervisor } = setUp(() => draws.shift() ?? 0.5);
    supervisor.start(job({ jitter: 0.5 }));
    await time.advance(300);
    expect(lines.filter((line) => line.includes('started'))).toEqual([
      '0 reader#1 started',
      '50 reader#2 started',
      '150 reader#3 started',
      '275 reader#4 started',
    ]);
  });

  test('waits longer after each failure up to the cap, and forgets them after a success', async () => {
    const { time, lines, errors, supervisor } = setUp();
    let runs = 0;
    const run = async () => {
      runs += 1;
      if (runs <= 4) throw new Error(`failure ${runs}`);
    };
    supervisor.start(job({ run, backoff: { firstMs: 200, maxMs: 500 } }));
    await time.advance(1_800);
    expect(lines.filter((line) => !line.includes('started'))).toEqual([
      '0 reader#1 failed took=0 failures=1',
      '200 reader#2 failed took=0 failures=2',
      '600 reader#3 failed took=0 failures=3',
      '1100 reader#4 failed took=0 failures=4',
      '1600 reader#5 succeeded took=0',
      '1700 reader#6 succeeded took=0',
      '1800 reader#7 succeeded took=0',
    ]);
    expect(errors.map(String)).toEqual([
      'Error: failure 1',
      'Error: failure 2',
      'Error: failure 3',
      'Error: failure 4',
    ]);
  });

  test('takes up to half off a back-off at random', async () => {
    const { time, lines, supervisor } = setUp(() => 0.999_999);
    supervisor.start(
      job({ run: () => Promise.reject(new Error('down')), backoff: { firstMs: 200, maxMs: 500 } }),
    );
    await time.advance(101);
    expect(lines.filter((line) => line.includes('started'))).toHaveLength(2);
  });

  test('that throws before it returns a promise has failed like any other', async () => {
    const { time, lines, supervisor } = setUp();
    const run = () => {
      throw new TypeError('not even a promise');
    };
    supervisor.start(job({ run }));
    await time.advance(0);
    expect(lines).toEqual(['0 reader#1 started', '0 reader#1 failed took=0 failures=1']);
  });

  test('goes on although the listener throws', async () => {
    const time = manualClock();
    let runs = 0;
    const on = () => {
      throw new Error('reporter is broken');
    };
    const supervisor = createSupervisor({ clock: time.clock, random: () => 0, on });
    supervisor.start(job({ run: async () => runs++ }));
    await time.advance(200);
    expect(runs).toBe(3);
  });

  test('runs on the real clock', async () => {
    const kinds: string[] = [];
    await new Promise<void>((resolve) => {
      const on = (event: JobEvent) => {
        kinds.push(event.kind);
        if (kinds.length === 4) void supervisor.stopAll().then(() => resolve());
      };
      const supervisor = createSupervisor({ clock: systemJobClock({ unref: false }), random: () => 0, on });
      supervisor.start(job({ intervalMs: 1, deadlineMs: 10_000 }));
    });
    expect(kinds).toEqual(['started', 'succeeded', 'started', 'succeeded']);
  });
});

describe('a run past its deadline', () => {
  test('is aborted with a reason, counted once, and followed by the next run after a back-off', async () => {
    const { time, lines, supervisor } = setUp();
    let reason: unknown;
    const run = (signal: AbortSignal) => {
      signal.addEventListener('abort', () => {
        reason = signal.reason;
      });
      return untilAborted(signal);
    };
    supervisor.start(job({ run, backoff: { firstMs: 30, maxMs: 30 } }));
    await time.advance(80);
    expect(reason).toMatchObject({
      code: 'JOB_DEADLINE',
      message: 'job reader ran past its deadline of 50 ms',
    });
    expect(lines).toEqual([
      '0 reader#1 started',
      '50 reader#1 timedOut took=50 failures=1',
      '80 reader#2 started',
    ]);
  });

  test('counts as timed out even if it then ends well', async () => {
    const { time, lines, supervisor } = setUp();
    const run = (signal: AbortSignal) =>
      new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    supervisor.start(job({ run, backoff: { firstMs: 30, maxMs: 30 } }));
    await time.advance(60);
    expect(lines).toEqual(['0 reader#1 started', '50 reader#1 timedOut took=50 failures=1']);
  });

  test('that ignores its abort is left behind, and its late end changes nothing', async () => {
    const { time, lines, supervisor } = setUp();
    const ends: ((error: Error) => void)[] = [];
    const run = () => (ends.length === 0 ? new Promise<void>((_, reject) => ends.push(reject)) : never());
    supervisor.start(job({ run, graceMs: 40, backoff: { firstMs: 10, maxMs: 10 } }));
    await time.advance(100);
    ends[0]?.(new Error('far too late'));
    await time.advance(1);
    expect(lines).toEqual([
      '0 reader#1 started',
      '50 reader#1 timedOut took=50 failures=1',
      '90 reader#1 abandoned took=90',
      '100 reader#2 started',
    ]);
    await time.advance(49);
    expect(lines.at(-1)).toBe('150 reader#2 timedOut took=50 failures=2');
  });
});
