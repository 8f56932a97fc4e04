/** Shows a supervised job: it cannot overlap, a run that goes silent is aborted and replaced, and the end is orderly. */
import {
  type Beat,
  batchSize,
  createLogger,
  createMetrics,
  createSupervisor,
  inContext,
  jobSeries,
} from 'flowgauge';

const log = createLogger().named('worker');
const metrics = createMetrics();
const series = jobSeries(metrics, () => Date.now() / 1000);
const sizes = batchSize({ initial: 100, min: 10, max: 1_000 });
let size = sizes.initial;

/** Starts the worker; resolves the names of jobs that did not end when it is stopped. */
export function startWorker(check: (count: number, signal: AbortSignal, beat: Beat) => Promise<void>) {
  const supervisor = createSupervisor({
    on: (event) => {
      series.take(event);
      if (event.kind === 'failed') log.error('job failed', { job: event.job, err: event.error });
      if (event.kind === 'timedOut') log.warn('job was stuck', { job: event.job, cause: event.cause });
      if (event.kind === 'crashLooping') log.error('job rests', { job: event.job, restMs: event.restMs });
    },
  });
  series.follow(supervisor);
  supervisor.start({
    name: 'check',
    every: { periodMs: 1_000 },
    overlap: 'skip',
    deadlineMs: 30_000,
    heartbeatMs: 5_000,
    jitter: 0.1,
    backoff: { firstMs: 500, maxMs: 10_000 },
    crashLoop: { after: 5, withinMs: 600_000, restMs: 60_000 },
    run: (signal, beat) =>
      inContext({ flow: 'tokens' }, async () => {
        const before = process.cpuUsage();
        const startedMs = performance.now();
        await check(size, signal, beat);
        const { user, system } = process.cpuUsage(before);
        const cpuRatio = (user + system) / 1000 / Math.max(1, performance.now() - startedMs);
        size = sizes.next(size, { cpuRatio });
      }),
  });
  return () => supervisor.stopAll();
}
