/** Checks how supervised jobs stop: order, reasons, jobs that ignore it; and that no run overlaps another on the way. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JobEvent } from '../../src/resilience/job-event.js';
import { createSupervisor } from '../../src/resilience/supervisor.js';
import { job, manualClock, never, setUp, untilAborted } from './job-bench.js';

describe('stopping', () => {
  test('goes in reverse order of start and waits for each run before the next', async () => {
    const { time, lines, supervisor } = setUp();
    const slow = (ms: number) => (signal: AbortSignal) =>
      new Promise<void>((resolve) => signal.addEventListener('abort', () => time.clock.after(ms, resolve)));
    supervisor.start(job({ name: 'first', deadlineMs: 9_000, run: slow(10) }));
    supervisor.start(job({ name: 'second', deadlineMs: 9_000, run: slow(20) }));
    supervisor.start(job({ name: 'third', deadlineMs: 9_000 }));
    await time.advance(0);
    lines.length = 0;
    const stopped = supervisor.stopAll();
    await time.advance(100);
    expect(await stopped).toEqual([]);
    expect(lines).toEqual(['20 second#1 succeeded took=20', '30 first#1 succeeded took=30']);
    expect(time.pending()).toBe(0);
  });

  test('tells a run its reason and calls its error a cancellation, not a failure', async () => {
    const { time, lines, supervisor } = setUp();
    let reason: unknown;
    const run = (signal: AbortSignal) =>
      untilAborted(signal).catch((error) => {
        reason = error;
        throw error;
      });
    supervisor.start(job({ run }));
    await time.advance(10);
    const stopped = supervisor.stop('reader');
    await time.advance(0);
    expect(await stopped).toBe(true);
    expect(reason).toMatchObject({ code: 'JOB_STOPPED' });
    expect(lines).toEqual(['0 reader#1 started', '10 reader#1 cancelled took=10']);
  });

  test('names the jobs that ignore it, within their grace, and does not let them block a restart', async () => {
    const { time, lines, supervisor } = setUp();
    supervisor.start(job({ name: 'deaf', deadlineMs: 9_000, graceMs: 30, run: never }));
    await time.advance(0);
    const stopped = supervisor.stopAll();
    expect(() => supervisor.start(job({ name: 'deaf' }))).toThrow(
      'job deaf is still running: wait for stop() first',
    );
    await time.advance(30);
    expect(await stopped).toEqual(['deaf']);
    supervisor.start(job({ name: 'deaf' }));
    await time.advance(0);
    expect(lines).toEqual([
      '0 deaf#1 started',
      '30 deaf#1 abandoned took=30',
      '30 deaf#1 started',
      '30 deaf#1 succeeded took=0',
    ]);
  });

  test('counts a run once that was past its deadline already', async () => {
    const { time, lines, supervisor } = setUp();
    const run = (signal: AbortSignal) =>
      new Promise<void>((_, reject) =>
        signal.addEventListener('abort', () => time.clock.after(20, () => reject(new Error('late')))),
      );
    supervisor.start(job({ run }));
    await time.advance(60);
    const stopped = supervisor.stopAll();
    await time.advance(10);
    expect(await stopped).toEqual([]);
    expect(lines).toEqual(['0 reader#1 started', '50 reader#1 timedOut took=50 failures=1']);
  });

  test('may come from the listener, and twice', async () => {
    const time = manualClock();
    let runs = 0;
    const kinds: string[] = [];
    const on = (event: JobEvent) => {
      kinds.push(event.kind);
      void supervisor.stop('reader');
      void supervisor.stopAll();
    };
    const supervisor = createSupervisor({ clock: time.clock, random: () => 0, on });
    supervisor.start(job({ run: async () => runs++ }));
    await time.advance(1_000);
    expect({ runs, kinds, pending: time.pending() }).toEqual({
      runs: 0,
      kinds: ['started', 'cancelled'],
      pending: 0,
    });
  });

  test('names a job that was left behind only once', async () => {
    const { time, supervisor } = setUp();
    supervisor.start(job({ deadlineMs: 9_000, graceMs: 30, run: never }));
    await time.advance(0);
    const stopped = supervisor.stop('reader');
    await time.advance(30);
    expect([await stopped, await supervisor.stopAll()]).toEqual([false, []]);
  });

  test('of a job that is not there is done', async () => {
    expect(await setUp().supervisor.stop('reader')).toBe(true);
  });
});

test('whatever runs do, they never overlap unless left behind, and each is told once', async () => {
  const behaviour = fc.constantFrom('ok', 'throw', 'slow', 'hang', 'obey');
  await fc.assert(
    fc.asyncProperty(
      fc.array(behaviour, { minLength: 1, maxLength: 12 }),
      fc.nat({ max: 2_000 }),
      async (plan, stopAtMs) => {
        const time = manualClock();
        const live = new Set<number>();
        const outcomes = new Map<number, string[]>();
        let overlaps = 0;
        let last = 0;
        const on = (event: JobEvent) => {
          if (event.kind === 'started') {
            overlaps += live.size;
            live.add(event.run);
            last = event.run;
          } else {
            outcomes.set(event.run, [...(outcomes.get(event.run) ?? []), event.kind]);
            if (event.kind === 'abandoned') live.delete(event.run);
          }
        };
        const run = (signal: AbortSignal): Promise<void> => {
          const mine = last;
          const kind = plan[(mine - 1) % plan.length];
          const body = new Promise<void>((resolve, reject) => {
            if (kind === 'ok') resolve();
            if (kind === 'throw') reject(new Error('no'));
            if (kind === 'slow') time.clock.after(70, resolve);
            if (kind === 'obey') signal.addEventListener('abort', () => reject(signal.reason));
          });
          return body.finally(() => live.delete(mine));
        };
        const supervisor = createSupervisor({ clock: time.clock, random: () => 0.3, on });
        supervisor.start(job({ run, graceMs: 40, backoff: { firstMs: 10, maxMs: 100 } }));
        await time.advance(stopAtMs);
        const stopped = supervisor.stopAll();
        await time.advance(200);
        await stopped;
        expect(overlaps).toBe(0);
        expect(time.pending()).toBe(0);
        const told = (kinds: readonly string[]) => kinds.filter((kind) => kind !== 'abandoned').length;
        // Only a run that hangs at the very stop has no outcome but being abandoned.
        for (const [run, kinds] of outcomes) expect([1, ...(run === last ? [0] : [])]).toContain(told(kinds));
        expect(outcomes.size).toBe(last);
      },
    ),
    { numRuns: 60 },
  );
});
