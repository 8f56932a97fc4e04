/** Checks the series of supervised jobs: outcomes, restarts, and a state that the scrape itself finds. */
import { expect, test } from 'vitest';
import { jobSeries } from '../../src/metrics/jobs.js';
import { createMetrics } from '../../src/metrics/registry.js';
import { createSupervisor } from '../../src/resilience/supervisor.js';
import { textOf } from './fixture.js';

/** Time and timers moved by hand. */
function handClock() {
  let nowMs = 0;
  const timers = new Set<{ atMs: number; call: () => void }>();
  return {
    now: () => nowMs,
    after(delayMs: number, call: () => void) {
      const timer = { atMs: nowMs + delayMs, call };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    async advance(ms: number) {
      nowMs += ms;
      for (const timer of [...timers].filter(({ atMs }) => atMs <= nowMs)) {
        timers.delete(timer);
        timer.call();
      }
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

test('a job is idle, running, late, stuck, begun anew and stopped; each run counts once', async () => {
  const metrics = createMetrics({ processMetrics: 'omit' });
  const series = jobSeries(metrics, () => 1_700_000_000);
  const clock = handClock();
  const supervisor = createSupervisor({ clock, random: () => 0, on: (event) => series.take(event) });
  series.follow(supervisor);
  const lines = async (name: string) => {
    metrics.refreshSelf();
    return (await textOf(metrics.registry)).split('\n').filter((line) => line.startsWith(`${name}{`));
  };
  const state = async () =>
    (await lines('job_state'))
      .filter((line) => line.endsWith(' 1'))
      .map((line) => /state="(.*)"/.exec(line)![1]);

  let finish: () => void = () => {};
  supervisor.start({
    name: 'work',
    intervalMs: 1_000,
    deadlineMs: 100,
    graceMs: 1_000,
    backoff: { firstMs: 10, maxMs: 10 },
    run: () => new Promise<void>((resolve) => (finish = resolve)),
  });
  expect(await state()).toEqual(['idle']);
  expect(await lines('job_state')).toHaveLength(6);
  expect(await lines('job_restarts_total')).toEqual(['job_restarts_total{job_name="work"} 0']);
  await clock.advance(0);
  expect(await state()).toEqual(['running']);
  await clock.advance(60);
  expect(await state()).toEqual(['late']);
  finish();
  await clock.advance(1);
  expect(await state()).toEqual(['idle']);

  await clock.advance(1_000);
  await clock.advance(100);
  expect(await state()).toEqual(['stuck']);
  expect(await lines('job_restarts_total')).toEqual(['job_restarts_total{job_name="work"} 1']);
  finish();
  await clock.advance(1);
  await clock.advance(10);
  expect(await state()).toEqual(['running']);

  const stopped = supervisor.stop('work');
  finish();
  await stopped;
  expect(await state()).toEqual(['stopped']);
  expect(await lines('job_runs_total')).toEqual([
    'job_runs_total{job_name="work",outcome="success"} 2',
    'job_runs_total{job_name="work",outcome="failure"} 0',
    'job_runs_total{job_name="work",outcome="timeout"} 1',
    'job_runs_total{job_name="work",outcome="abandoned"} 0',
    'job_runs_total{job_name="work",outcome="cancelled"} 0',
  ]);
  expect(await lines('job_last_success_timestamp_seconds')).toEqual([
    'job_last_success_timestamp_seconds{job_name="work"} 1700000000',
  ]);
});

test('signs of life, missed runs, restarts by hand and a crash loop are seen', async () => {
  const metrics = createMetrics({ processMetrics: 'omit' });
  const clock = handClock();
  const series = jobSeries(metrics, () => 1_700_000_000 + clock.now() / 1000);
  const supervisor = createSupervisor({ clock, random: () => 0, on: (event) => series.take(event) });
  series.follow(supervisor);
  const read = async (name: string) => {
    metrics.refreshSelf();
    const lines = (await textOf(metrics.registry)).split('\n');
    return lines.filter((line) => line.startsWith(`${name}{`) && !line.endsWith(' 0'));
  };
  let alive: () => void = () => {};
  let finish: () => void = () => {};
  supervisor.start({
    name: 'work',
    every: { periodMs: 10_000 },
    heartbeatMs: 4_000,
    graceMs: 0,
    backoff: { firstMs: 10, maxMs: 10 },
    crashLoop: { after: 2, withinMs: 60_000, restMs: 60_000 },
    run: (_, beat) => {
      alive = beat;
      return new Promise<void>((resolve) => (finish = resolve));
    },
  });
  expect(await read('job_last_heartbeat_timestamp_seconds')).toEqual([]);
  await clock.advance(0);
  await clock.advance(3_000);
  expect(await read('job_last_heartbeat_timestamp_seconds')).toEqual([
    'job_last_heartbeat_timestamp_seconds{job_name="work"} 1700000000',
  ]);
  alive();
  await clock.advance(1_000);
  expect(await read('job_last_heartbeat_timestamp_seconds')).toEqual([
    'job_last_heartbeat_timestamp_seconds{job_name="work"} 1700000003',
  ]);
  for (let n = 0; n < 8; n += 1) {
    await clock.advance(1_000);
    alive();
  }
  finish();
  await clock.advance(0);
  expect(await read('job_missed_runs_total')).toEqual(['job_missed_runs_total{job_name="work"} 1']);

  await clock.advance(8_000);
  await clock.advance(4_000);
  await clock.advance(0);
  expect(await read('job_restarts_total')).toEqual(['job_restarts_total{job_name="work"} 1']);
  await clock.advance(10);
  await clock.advance(4_000);
  await clock.advance(0);
  expect(await read('job_state')).toEqual(['job_state{job_name="work",state="crash_looping"} 1']);
  supervisor.restart('work');
  await clock.advance(0);
  expect(await read('job_state')).toEqual(['job_state{job_name="work",state="running"} 1']);
  expect(await read('job_restarts_total')).toEqual(['job_restarts_total{job_name="work"} 3']);
  expect(await read('job_runs_total')).toEqual([
    'job_runs_total{job_name="work",outcome="success"} 1',
    'job_runs_total{job_name="work",outcome="timeout"} 2',
    'job_runs_total{job_name="work",outcome="abandoned"} 2',
  ]);
  const stopped = supervisor.stopAll();
  await clock.advance(0);
  expect(await stopped).toEqual(['work']);
});

test('jobs that come and go leave the series of the last 20 behind, and a name that comes back begins at zero', async () => {
  const metrics = createMetrics({ processMetrics: 'omit' });
  const clock = handClock();
  const series = jobSeries(metrics);
  const supervisor = createSupervisor({ clock, random: () => 0, on: (event) => series.take(event) });
  series.follow(supervisor);
  const lines = async (name: string) => {
    metrics.refreshSelf();
    return (await textOf(metrics.registry)).split('\n').filter((line) => line.startsWith(`${name}{`));
  };
  const start = (name: string) =>
    supervisor.start({ name, intervalMs: 1_000, deadlineMs: 100, run: async () => {} });
  start('steady');
  await clock.advance(0);
  await lines('job_state');
  const before = metrics.budget.used;
  for (let n = 0; n < 100; n += 1) {
    start(`upload_${n}`);
    await clock.advance(0);
    await lines('job_state');
    await supervisor.stop(`upload_${n}`);
  }
  const names = (await lines('job_restarts_total')).map((line) => /"(.*)"/.exec(line)![1]);
  expect(names).toEqual(['steady', ...Array.from({ length: 20 }, (_, n) => `upload_${80 + n}`)]);
  const perJob = 6 + 5 + 4 + 16;
  expect(metrics.budget.used - before).toBe(20 * perJob);
  expect(await lines('job_state')).toContain('job_state{job_name="upload_99",state="stopped"} 1');

  start('upload_3');
  await clock.advance(0);
  expect(await lines('job_runs_total')).toContain('job_runs_total{job_name="upload_3",outcome="success"} 1');
  const [heartbeat] = (await lines('job_last_heartbeat_timestamp_seconds')).slice(-1);
  expect(Math.abs(Number(heartbeat!.split(' ')[1]) - Date.now() / 1000)).toBeLessThan(3_600);
});

test('a clock that is no function is refused', () => {
  expect(() => jobSeries(createMetrics({ processMetrics: 'omit' }), 5 as never)).toThrow(
    'jobSeries: option nowSeconds must be a function; got 5',
  );
});
