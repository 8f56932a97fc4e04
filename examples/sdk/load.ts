/** Shows a service that stays within its limits: calls within a rate, less work under load, batches that fit the machine. */
import { availableParallelism, freemem, loadavg, totalmem } from 'node:os';
import {
  createMetrics,
  createSupervisor,
  LoadController,
  RateLimiter,
  Retry,
  WorkSizer,
  watchLoad,
  watchPolicies,
  watchWorkSizer,
  wrap,
} from 'flowgauge';

export const metrics = createMetrics();

// 4.5 calls a second and 10 after a rest; for a minute after a 429 a fifth less. Inside of the retry: each attempt counts.
const prices = wrap(
  new Retry({ name: 'prices', maxRetries: 2 }),
  new RateLimiter({ name: 'prices', ratePerSecond: 4.5, burst: 10, maxWaitMs: 5_000, slowRatio: 0.8 }),
);
watchPolicies(metrics, [prices]);

/** The price of a token, when its turn comes within five seconds. */
export function priceOf(token: string): Promise<Response> {
  return prices.execute((context) => fetch(`https://prices.example/${token}`, { signal: context.signal }));
}

const load = new LoadController();
watchLoad(metrics, load);

/** A picture is worth waiting for: it is drawn when the machine has room. */
export function drawChart(draw: () => Promise<void>): Promise<void> {
  return load.defer(2, draw);
}

/** Trades are done whatever the load; suggestions only in normal mode. */
export const tradeNow = (trade: () => Promise<void>) => load.execute(10, trade);
export const suggest = (find: () => Promise<string[]>) => load.execute(3, find);

const imports = new WorkSizer({ name: 'imports', maxBatch: 500, maxParallel: 6 });
watchWorkSizer(metrics, imports);

/** Reads the load every ten seconds, and imports in batches of the size that fits. */
export function startImports(
  waiting: () => number,
  importBatch: (size: number) => Promise<{ slowQueries: number }>,
): () => Promise<readonly string[]> {
  let slowQueries = 0;
  const supervisor = createSupervisor();
  supervisor.start({
    name: 'load',
    every: { periodMs: 10_000 },
    deadlineMs: 5_000,
    run: async () => {
      const cpuRatio = (loadavg()[0] ?? Number.NaN) / availableParallelism();
      const queueLength = waiting();
      load.sample({ cpuRatio, memoryRatio: 1 - freemem() / totalmem(), workRatio: queueLength / 1_000 });
      imports.sample({ cpuRatio, queueLength, slowQueries });
      slowQueries = 0;
    },
  });
  supervisor.start({
    name: 'imports',
    intervalMs: 1_000,
    deadlineMs: 300_000,
    run: async () => {
      const size = load.scaled(imports.batchSize);
      const batches = Array.from({ length: imports.parallelism }, () => importBatch(size));
      for (const { slowQueries: more } of await Promise.all(batches)) slowQueries += more;
    },
  });
  return async () => {
    load.stop();
    return supervisor.stopAll();
  };
}
