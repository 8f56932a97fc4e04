/** Checks how a supervisor finds runs that hang and jobs that crash again and again, and what a frozen process means. */
import { describe, expect, test } from 'vitest';
import type { Beat, Job } from '../../src/resilience/job.js';
import { job, never, setUp, untilAborted } from './job-bench.js';

const HOUR_MS = 3_600_000;
const backoff = { firstMs: 10, maxMs: 10 };

/** A job that has nothing but a heartbeat of 50 ms. */
const watched = (over: Partial<Job>): Job => {
  const { deadlineMs: _, ...rest } = job({ heartbeatMs: 50, backoff, graceMs: 20 });
  return { ...rest, ...over };
};
/** A run that beats at these moments and hangs then. */
const beating = (after: (ms: number, call: () => void) => unknown, ...atMs: number[]) => {
  return (signal: AbortSignal, beat: Beat) => {
    for (const ms of atMs) after(ms, () => beat());
    return untilAborted(signal);
  };
};

describe('a heartbeat', () => {
  test('keeps a run alive for as long as it comes, and its end is found although no deadline fell', async () => {
    const { time, lines, supervisor } = setUp();
    const run = beating((ms, call) => time.clock.after(ms, call), 40, 80, 120);
    supervisor.start(watched({ run }));
    await time.advance(169);
    expect(supervisor.states().get('reader')).toBe('running');
    await time.advance(12);
    expect(lines).toEqual([
      '0 reader#1 started',
      '40 reader#1 beat',
      '170 reader#1 timedOut took=170 failures=1',
      '180 reader#2 started',
    ]);
  });

  test('does not lengthen the deadline', async () => {
    const { time, lines, supervisor } = setUp();
    const run = beating((ms, call) => time.clock.after(ms, call), 40, 80);
    supervisor.start(watched({ run, deadlineMs: 100 }));
    await time.advance(100);
    expect(lines.at(-1)).toBe('100 reader#1 timedOut took=100 failures=1');
  });

  test('may announce a silent step, and then counts as usual again', async () => {
    const { time, lines, supervisor } = setUp();
    const run = (signal: AbortSignal, beat: Beat) => {
      beat(10_000);
      time.clock.after(9_000, () => beat());
      return untilAborted(signal);
    };
    supervisor.start(watched({ run }));
    await time.advance(9_049);
    expect(lines.filter((line) => line.includes('timedOut'))).toEqual([]);
    await time.advance(1);
    expect(lines.at(-1)).toBe('9050 reader#1 timedOut took=9050 failures=1');
  });

  test('that announces nonsense counts as an ordinary one, and one of a run that is over as none', async () => {
    const { time, lines, supervisor } = setUp();
    const beats: Beat[] = [];
    const run = (_: AbortSignal, beat: Beat) => {
      beats.push(beat);
      for (const ms of [Number.NaN, -1, Infinity, 2 ** 31]) beat(ms);
      return never();
    };
    supervisor.start(watched({ run }));
    await time.advance(71);
    expect(lines.slice(2)).toEqual([
      '50 reader#1 timedOut took=50 failures=1',
      '70 reader#1 abandoned took=70',
    ]);
    await time.advance(10);
    beats[0]!(10_000);
    await time.advance(50);
    expect(lines.at(-1)).toBe('130 reader#2 timedOut took=50 failures=2');
  });

  test('that is missing is the reason on the signal', async () => {
    const { time, supervisor } = setUp();
    let reason: unknown;
    const run = async (signal: AbortSignal) => {
      await untilAborted(signal).catch(() => {});
      reason = signal.reason;
    };
    supervisor.start(watched({ run }));
    await time.advance(50);
    expect(reason).toMatchObject({
      code: 'JOB_SILENT',
      message: 'job reader gave no sign of life in time (heartbeatMs 50)',
    });
  });
});

describe('a frozen process', () => {
  test('makes no job stuck when it wakes up: each gets the time to say that it lives', async () => {
    const { time, lines, supervisor } = setUp();
    const ends: (() => void)[] = [];
    const run = () => new Promise<void>((resolve) => ends.push(resolve));
    supervisor.start(job({ name: 'deadline', deadlineMs: 20_000, intervalMs: HOUR_MS, run }));
    supervisor.start(watched({ name: 'heartbeat', heartbeatMs: 7_000, intervalMs: HOUR_MS, run }));
    await time.advance(1_000);
    time.freeze(2 * HOUR_MS);
    await time.advance(900);
    for (const end of ends) end();
    await time.advance(0);
    expect(lines.filter((line) => !line.includes('started'))).toEqual([
      '7201900 deadline#1 succeeded took=7201900',
      '7201900 heartbeat#1 succeeded took=7201900',
    ]);
  });

  test('does not save a run that hangs all the same', async () => {
    const { time, lines, supervisor } = setUp();
    supervisor.start(job({ deadlineMs: 4_000, run: untilAborted }));
    await time.advance(1_000);
    time.freeze(HOUR_MS);
    await time.advance(1_000);
    expect(lines.at(-1)).toBe('3602000 reader#1 timedOut took=3602000 failures=1');
  });

  test('that freezes again and again does not keep a hung run for ever', async () => {
    const { time, lines, supervisor } = setUp();
    supervisor.start(job({ deadlineMs: 4_000, run: untilAborted }));
    await time.advance(0);
    for (let n = 0; n < 2; n += 1) {
      time.freeze(10_000);
      await time.advance(0);
    }
    expect(lines.at(-1)).toContain('timedOut');
  });

  test('does not have a run left behind that was only given no time to end', async () => {
    const { time, lines, supervisor } = setUp();
    const run = (signal: AbortSignal) =>
      new Promise<void>((resolve) =>
        signal.addEventListener('abort', () => time.clock.after(100, () => resolve())),
      );
    supervisor.start(job({ run, graceMs: 1_500, backoff }));
    await time.advance(50);
    time.freeze(HOUR_MS);
    await time.advance(1_000);
    expect(lines.filter((line) => line.includes('abandoned'))).toEqual([]);
  });
});

describe('a crash loop', () => {
  const cap = { after: 3, withinMs: 1_000, restMs: 10_000 };
  const failing = () => Promise.reject(new Error('no'));

  test('ends in a long rest that is told and seen; one more failure after it is enough for the next', async () => {
    const { time, lines, supervisor } = setUp();
    supervisor.start(job({ run: failing, backoff, crashLoop: cap }));
    await time.advance(20);
    expect(lines.at(-1)).toBe('20 reader#3 crashLooping rest=10000');
    expect(supervisor.states().get('reader')).toBe('crash_looping');
    expect(supervisor.trigger('reader')).toBe('skipped');
    await time.advance(10_000);
    expect(lines.slice(-3)).toEqual([
      '10020 reader#4 started',
      '10020 reader#4 failed took=0 failures=4',
      '10020 reader#4 crashLooping rest=10000',
    ]);
    expect(await supervisor.stop('reader')).toBe(true);
    expect(time.pending()).toBe(0);
  });

  test('is over with one good run after the rest', async () => {
    const { time, lines, supervisor } = setUp();
    let runs = 0;
    const run = async () => {
      runs += 1;
      if (runs !== 4) throw new Error('no');
    };
    supervisor.start(job({ run, backoff, crashLoop: cap }));
    await time.advance(10_140);
    expect(lines.slice(7)).toEqual([
      '10020 reader#4 started',
      '10020 reader#4 succeeded took=0',
      '10120 reader#5 started',
      '10120 reader#5 failed took=0 failures=1',
      '10130 reader#6 started',
      '10130 reader#6 failed took=0 failures=2',
      '10140 reader#7 started',
      '10140 reader#7 failed took=0 failures=3',
      '10140 reader#7 crashLooping rest=10000',
    ]);
  });

  test('is ended by hand', async () => {
    const { time, lines, supervisor } = setUp();
    supervisor.start(job({ run: failing, backoff, crashLoop: cap }));
    await time.advance(100);
    supervisor.restart('reader');
    await time.advance(0);
    expect(lines.slice(-3)).toEqual([
      '100 reader#3 restarted',
      '100 reader#4 started',
      '100 reader#4 failed took=0 failures=1',
    ]);
  });

  test('is no matter of failures that lie far apart, but one of every other run', async () => {
    const { time, lines, supervisor } = setUp();
    let runs = 0;
    const rare = job({ name: 'rare', run: failing, crashLoop: cap });
    supervisor.start({ ...rare, backoff: { firstMs: 500, maxMs: 500 } });
    const run = async () => {
      runs += 1;
      if (runs % 2 === 1) throw new Error('no');
    };
    supervisor.start(job({ name: 'flapping', run, backoff, crashLoop: cap }));
    await time.advance(3_000);
    expect(lines.filter((line) => line.includes('crashLooping'))).toEqual([
      '220 flapping#5 crashLooping rest=10000',
    ]);
  });

  test('may count only runs that hang: those that fail by themselves are tried on and on', async () => {
    const { time, lines, supervisor } = setUp();
    const crashLoop = { ...cap, counts: 'restarts' } as const;
    supervisor.start(job({ name: 'failing', run: failing, backoff, crashLoop }));
    supervisor.start(job({ name: 'hanging', run: never, graceMs: 5, backoff, crashLoop }));
    await time.advance(185);
    expect(lines.filter((line) => line.includes('crashLooping'))).toEqual([
      '185 hanging#3 crashLooping rest=10000',
    ]);
  });
});
