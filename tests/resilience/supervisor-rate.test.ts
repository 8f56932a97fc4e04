/** Checks jobs at a fixed rate and on demand: no drift, missed runs, overlap, the wall clock, triggers. */
import { describe, expect, test } from 'vitest';
import type { FixedRate, Job } from '../../src/resilience/job.js';
import type { JobEvent } from '../../src/resilience/job-event.js';
import { createSupervisor } from '../../src/resilience/supervisor.js';
import { job, manualClock, setUp, untilAborted } from './job-bench.js';

const HOUR_MS = 3_600_000;

/** A job without a pause, every 100 ms unless told otherwise. */
const rated = (over: Partial<Job> = {}, every: Partial<FixedRate> = {}): Job => {
  const { intervalMs: _, ...rest } = job({ deadlineMs: 9_000, ...over });
  return { every: { periodMs: 100, ...every }, ...rest };
};
const started = (lines: readonly string[]) => lines.filter((line) => line.includes('started'));
const at = (lines: readonly string[]) => started(lines).map((line) => Number(line.split(' ')[0]));

describe('a fixed rate', () => {
  test('does not drift with the length of the runs', async () => {
    const { time, lines, supervisor } = setUp();
    supervisor.start(rated({ run: () => new Promise<void>((resolve) => time.clock.after(30, resolve)) }));
    await time.advance(350);
    expect(at(lines)).toEqual([0, 100, 200, 300]);
  });

  test('lets go what comes due during a run, and says how many', async () => {
    const { time, lines, supervisor } = setUp();
    const run = () => new Promise<void>((resolve) => time.clock.after(250, resolve));
    supervisor.start(rated({ run }));
    await time.advance(320);
    expect(lines).toEqual([
      '0 reader#1 started',
      '250 reader#1 succeeded took=250',
      '250 reader#1 missed=2',
      '300 reader#2 started',
    ]);
  });

  test('with queue-one has one run follow, whatever came due', async () => {
    const { time, lines, supervisor } = setUp();
    const run = () => new Promise<void>((resolve) => time.clock.after(250, resolve));
    supervisor.start(rated({ run, overlap: 'queue-one' }));
    await time.advance(260);
    expect(lines).toEqual([
      '0 reader#1 started',
      '250 reader#1 succeeded took=250',
      '250 reader#2 started',
      '250 reader#2 missed=1',
    ]);
  });

  test('with abort-previous replaces the run when the next is due, never two at once', async () => {
    const { time, lines, supervisor } = setUp();
    const reasons: unknown[] = [];
    const run = (signal: AbortSignal) =>
      untilAborted(signal).catch((error) => {
        reasons.push(error);
        throw error;
      });
    supervisor.start(rated({ run, overlap: 'abort-previous' }));
    await time.advance(210);
    expect(lines).toEqual([
      '0 reader#1 started',
      '100 reader#1 cancelled took=100',
      '100 reader#2 started',
      '200 reader#2 cancelled took=100',
      '200 reader#3 started',
    ]);
    expect(reasons[0]).toMatchObject({ code: 'JOB_REPLACED' });
    expect(supervisor.states().get('reader')).toBe('running');
  });

  test('tries a failed run again after its back-off, and keeps its due moments', async () => {
    const { time, lines, supervisor } = setUp();
    let runs = 0;
    const run = async () => {
      runs += 1;
      if (runs === 2) throw new Error('no');
    };
    supervisor.start(rated({ run, backoff: { firstMs: 30, maxMs: 30 } }));
    await time.advance(310);
    expect(at(lines)).toEqual([0, 100, 130, 200, 300]);
  });

  test('is late while a due run cannot begin, and says what was missed in the end', async () => {
    const { time, lines, supervisor } = setUp();
    const down = rated({ run: () => Promise.reject(new Error('no')), toleranceMs: 40 });
    supervisor.start({ ...down, backoff: { firstMs: 260, maxMs: 260 } });
    await time.advance(140);
    expect(supervisor.states().get('reader')).toBe('idle');
    await time.advance(1);
    expect(supervisor.states().get('reader')).toBe('late');
    await time.advance(119);
    expect(lines.slice(2)).toEqual([
      '260 reader#2 started',
      '260 reader#2 missed=1',
      '260 reader#2 failed took=0 failures=2',
    ]);
  });

  test('begins at its offset, and is only ever delayed by its jitter', async () => {
    const draws = [0, 0.5, 0.9];
    const { time, lines, supervisor } = setUp(() => draws.shift() ?? 0);
    supervisor.start(rated({ jitter: 0.5 }, { offsetMs: 20 }));
    await time.advance(330);
    expect(at(lines)).toEqual([20, 145, 265, 320]);
  });

  test('serves each due moment once, also where moments are fractions of a millisecond', async () => {
    const { time, lines, supervisor } = setUp();
    await time.advance(0.1 + 0.2);
    supervisor.start(rated({}, { periodMs: 0.1 * 3 * 10 }));
    await time.advance(3_001);
    expect(started(lines)).toHaveLength(1_001);
    expect(lines.filter((line) => line.includes('missed'))).toEqual([]);
  });

  test('serves each due moment once, also when the timers of the process fire a little early', async () => {
    const time = manualClock();
    const after = (delayMs: number, call: () => void) =>
      time.clock.after(delayMs > 1 ? delayMs - 0.4 : delayMs, call);
    const atMs: number[] = [];
    const on = (event: JobEvent) => event.kind === 'started' && atMs.push(Math.round(time.clock.now()));
    createSupervisor({ clock: { ...time.clock, after }, random: () => 0, on }).start(rated());
    await time.advance(250);
    expect(atMs).toEqual([0, 100, 200]);
  });

  test('after a frozen hour runs once, not sixty times', async () => {
    const { time, lines, supervisor } = setUp();
    supervisor.start(rated({}, { periodMs: 60_000 }));
    await time.advance(1);
    time.freeze(HOUR_MS);
    await time.advance(0);
    expect(lines.slice(2)).toEqual([
      `${HOUR_MS + 1} reader#2 started`,
      `${HOUR_MS + 1} reader#2 missed=59`,
      `${HOUR_MS + 1} reader#2 succeeded took=0`,
    ]);
  });
});

describe('moments of the wall clock', () => {
  const daily = rated({}, { periodMs: 24 * HOUR_MS, from: 'wall', offsetMs: 3 * HOUR_MS });

  test('are kept: 03:00 UTC each day', async () => {
    const { time, lines, supervisor } = setUp(() => 0, Date.UTC(2026, 0, 1, 1));
    supervisor.start(daily);
    await time.advance(27 * HOUR_MS);
    expect(at(lines)).toEqual([2 * HOUR_MS, 26 * HOUR_MS]);
  });

  test('follow a clock that is set while a run is waited for', async () => {
    const { time, lines, supervisor } = setUp(() => 0, Date.UTC(2026, 0, 1, 1));
    supervisor.start(daily);
    await time.advance(HOUR_MS / 2);
    time.stepWall(HOUR_MS);
    await time.advance(2 * HOUR_MS);
    expect(at(lines)).toEqual([HOUR_MS]);
  });

  test('come once when the clock is set back a little, and go on when it is set back by hours', async () => {
    const { time, lines, supervisor } = setUp();
    supervisor.start(rated({}, { periodMs: 60_000, from: 'wall' }));
    await time.advance(60_010);
    time.stepWall(-50);
    await time.advance(60_100);
    expect(at(lines)).toEqual([60_000, 120_050]);
    time.stepWall(-2 * HOUR_MS);
    await time.advance(120_000);
    expect(at(lines).slice(2)).toEqual([180_050, 240_050]);
    time.stepWall(2 * HOUR_MS);
    await time.advance(60_000);
    expect(lines.filter((line) => line.includes('missed'))).toEqual([]);
  });

  test('need a clock that knows them', () => {
    const { wallMs: _, ...clock } = manualClock().clock;
    expect(() => createSupervisor({ clock }).start(daily)).toThrow(
      'job reader: every.from is "wall", but must be start, unless the clock has wallMs',
    );
  });
});

describe('by hand', () => {
  test('a job without a plan runs only when triggered; several triggers make one run', async () => {
    const { time, lines, supervisor } = setUp();
    const { intervalMs: _, ...onDemand } = job({});
    supervisor.start(onDemand);
    await time.advance(1_000);
    expect([time.pending(), supervisor.states().get('reader')]).toEqual([0, 'idle']);
    expect([supervisor.trigger('reader'), supervisor.trigger('reader')]).toEqual(['started', 'started']);
    expect(lines).toEqual([]);
    await time.advance(1_000);
    expect(lines).toEqual(['1000 reader#1 started', '1000 reader#1 succeeded took=0']);
    await supervisor.stopAll();
    expect(() => supervisor.trigger('reader')).toThrow('no job reader is running: start() it first');
    expect(() => supervisor.restart('reader')).toThrow('no job reader is running: start() it first');
  });

  test.each([
    ['skip', ['skipped', 'skipped'], 1],
    ['queue-one', ['queued', 'skipped'], 2],
    ['abort-previous', ['queued', 'skipped'], 2],
  ] as const)('a trigger during a run follows the policy %s', async (overlap, answers, runs) => {
    const { time, lines, supervisor } = setUp();
    const run = () => new Promise<void>((resolve) => time.clock.after(40, resolve));
    supervisor.start(job({ overlap, run, deadlineMs: 9_000 }));
    await time.advance(10);
    expect([supervisor.trigger('reader'), supervisor.trigger('reader')]).toEqual(answers);
    await time.advance(35);
    expect(started(lines)).toHaveLength(runs);
  });

  test('a restart aborts the run with its reason and begins anew at once', async () => {
    const { time, lines, supervisor } = setUp();
    let reason: unknown;
    const run = (signal: AbortSignal) =>
      untilAborted(signal).catch((error) => {
        reason = error;
        throw error;
      });
    supervisor.start(job({ run }));
    await time.advance(10);
    supervisor.restart('reader');
    await time.advance(0);
    expect(reason).toMatchObject({ code: 'JOB_RESTARTED', message: 'job reader is being restarted' });
    expect(lines).toEqual([
      '0 reader#1 started',
      '10 reader#1 restarted',
      '10 reader#1 cancelled took=10',
      '10 reader#2 started',
    ]);
  });
});
