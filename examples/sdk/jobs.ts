/** Shows a supervised job: it cannot overlap, a stuck run is aborted and replaced, and the end is orderly. */
import { batchSize, createLogger, createMetrics, createSupervisor, inContext, jobSeries } from 'flowgauge';

const log = createLogger().named('worker');
const metrics = createMetrics();
const series = jobSeries(metrics, () => Date.now() / 1000);
const sizes = batchSize({ initial: 100, min: 10, max: 1_000 });
let size = sizes.initial;

/** Starts the worker; resolves the names of jobs that did not end when it is stopped. */
export function startWorker(check: (count: number, signal: AbortSignal) => Promise<void>) {
  const supervisor = createSupervisor({
    on: (event) => {
      series.take(event);
      if (event.kind === 'failed') log.error('job failed', { job: event.job, err: event.error });
      if (event.kind === 'timedOut') log.warn('job was stuck', { job: event.job });
    },
  });
  series.follow(supervisor);
  supervisor.start({
    name: 'check',
    intervalMs: 1_000,
    deadlineMs: 30_000,
    jitter: 0.1,
    backoff: { firstMs: 500, maxMs: 10_000 },
    run: (signal) =>
      inContext({ flow: 'tokens' }, async () => {
        const before = process.cpuUsage();
        const startedMs = performance.now();
        await check(size, signal);
        const { user, system } = process.cpuUsage(before);
        const cpuRatio = (user + system) / 1000 / Math.max(1, performance.now() - startedMs);
        size = sizes.next(size, { cpuRatio });
      }),
  });
  return () => supervisor.stopAll();
}
