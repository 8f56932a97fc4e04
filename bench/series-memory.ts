/** Owns measuring what 10,000 series of each kind hold in memory, beside the same label sets in prom-client. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as promClient from 'prom-client';
import { catalog } from '../src/metrics/catalog.js';
import { createMetrics } from '../src/metrics/registry.js';
import { type BenchResult, interleaved } from './result.js';

const SERIES = 10_000;
const ROUNDS = { rounds: 7, warmUp: 2 };
const { buckets } = catalog.flowStatusDuration;

export async function run(): Promise<BenchResult[]> {
  return [await counters(), await histograms()];
}

const labels = (i: number) => ({ flow: `f${i % 5}`, from: `s${i % 40}`, to: `t${i}` });
const dwell = (i: number) => ({ flow: `f${i % 5}`, status: `s${i % 40}`, to: `t${i}` });

/** No cap is reached: what is folded into one series would cost nothing. */
function roomy() {
  return createMetrics({ processMetrics: 'omit', maxSeriesPerMetric: 1e6, maxSeries: 1e7 });
}

async function counters(): Promise<BenchResult> {
  const figures = await interleaved(
    () =>
      grownBytes(() => {
        const { flowTransitions } = roomy();
        for (let i = 0; i < SERIES; i += 1) flowTransitions.bind(labels(i)).inc();
        return flowTransitions;
      }),
    () =>
      grownBytes(() => {
        const counter = new promClient.Counter({
          name: 'moves_total',
          help: 'x',
          labelNames: ['flow', 'from', 'to'],
          registers: [],
        });
        for (let i = 0; i < SERIES; i += 1) counter.inc(labels(i));
        return counter;
      }),
    ROUNDS,
  );
  return result('counter series', figures, '3 labels');
}

/** One label set of a histogram, which prints a line per bucket, counts as one series here on both sides. */
async function histograms(): Promise<BenchResult> {
  const figures = await interleaved(
    () =>
      grownBytes(() => {
        const { flowStatusDuration } = roomy();
        for (let i = 0; i < SERIES; i += 1) flowStatusDuration.bind(dwell(i)).observe(i % 900);
        return flowStatusDuration;
      }),
    () =>
      grownBytes(() => {
        const histogram = new promClient.Histogram({
          name: 'dwell_seconds',
          help: 'x',
          labelNames: ['flow', 'status', 'to'],
          buckets: [...buckets],
          registers: [],
        });
        for (let i = 0; i < SERIES; i += 1) histogram.observe(dwell(i), i % 900);
        return histogram;
      }),
    ROUNDS,
  );
  return result('histogram label sets', figures, `3 labels, ${buckets.length} buckets`);
}

function result(
  kind: string,
  figures: { readonly ours: number; readonly peer: number; readonly ratio: number },
  shape: string,
): BenchResult {
  return {
    name: `memory of ${SERIES.toLocaleString('en')} ${kind}`,
    ...figures,
    unit: `bytes/${SERIES.toLocaleString('en')} series`,
    method: `heap and array buffers after a full collection with and without the series, ${shape}, ${ROUNDS.rounds} interleaved rounds; peer prom-client`,
  };
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
/** Holds what is measured until it was measured. */
const keep: unknown[] = [];

function grownBytes(make: () => unknown): number {
  collect();
  const before = process.memoryUsage();
  keep[0] = make();
  collect();
  const after = process.memoryUsage();
  keep.length = 0;
  return after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
}
