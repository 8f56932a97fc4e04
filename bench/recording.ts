/** Owns measuring what a recording costs beside prom-client: labelled and bound, counter and histogram. */
import * as promClient from 'prom-client';
import { Counter } from '../src/metrics/counter.js';
import type { MetricSpec } from '../src/metrics/define.js';
import { Histogram } from '../src/metrics/histogram.js';
import { type BenchResult, interleaved } from './result.js';

const LABELS = ['flow', 'from', 'to'] as const;
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const SETS = 100;
const CALLS = 200_000;
const ROUNDS = { rounds: 15, warmUp: 5 };

export async function run(): Promise<BenchResult[]> {
  const labels = { flow: 'flow', from: 'status', to: 'status' };
  const common = { help: 'x', unit: undefined, labels, stability: 'stable', feature: 'flow' } as const;
  const registry = new promClient.Registry();
  const peerOptions = { help: 'x', labelNames: LABELS, registers: [registry] };
  const ours = new Counter({ ...common, name: 'moves_total', type: 'counter' });
  const peer = new promClient.Counter({ ...peerOptions, name: 'moves_total' });
  const spec: MetricSpec<(typeof LABELS)[number]> = {
    ...common,
    name: 'dwell_seconds',
    type: 'histogram',
    unit: 'seconds',
    buckets: BUCKETS,
  };
  const ourHistogram = new Histogram(spec);
  const peerHistogram = new promClient.Histogram({ ...peerOptions, name: 'dwell_seconds', buckets: BUCKETS });
  const sets = Array.from({ length: SETS }, (_, i) => ({
    flow: `f${i % 5}`,
    from: `s${i % 10}`,
    to: `t${i}`,
  }));
  const values = Array.from({ length: SETS }, (_, i) => (i * 0.137) % 12);
  const children = sets.map((set) => ours.bind(set));
  const peerChildren = sets.map((set) => peer.labels(set));
  const histogramChildren = sets.map((set) => ourHistogram.bind(set));
  const peerHistogramChildren = sets.map((set) => peerHistogram.labels(set));

  const method = `${SETS} label sets of 3 in turn, ${CALLS} calls a round, ${ROUNDS.rounds} interleaved rounds; peer prom-client`;
  const cases: readonly [string, number, (i: number) => void, (i: number) => void][] = [
    ['counter inc, labelled', 0.2, (i) => ours.inc(sets[i]!), (i) => peer.inc(sets[i]!)],
    ['counter inc, bound', 0.03, (i) => children[i]!.inc(), (i) => peerChildren[i]!.inc()],
    [
      'histogram observe, labelled',
      0.2,
      (i) => ourHistogram.observe(sets[i]!, values[i]!),
      (i) => peerHistogram.observe(sets[i]!, values[i]!),
    ],
    [
      'histogram observe, bound',
      0.05,
      (i) => histogramChildren[i]!.observe(values[i]!),
      (i) => peerHistogramChildren[i]!.observe(values[i]!),
    ],
  ];
  const results: BenchResult[] = [];
  for (const [name, ratio, own, other] of cases) {
    const figures = await interleaved(timer(own), timer(other), ROUNDS);
    results.push({ name, ...figures, unit: 'ns/call', method, atMost: { ratio } });
  }
  return results;
}

/** A loop of its own for each case: one shared loop would call through a megamorphic site. */
function timer(call: (i: number) => void): () => number {
  const loop = new Function(
    'call',
    'calls',
    'sets',
    'for (let n = 0, i = 0; n < calls; n += 1) { call(i); i = i + 1 === sets ? 0 : i + 1; }',
  ) as (call: (i: number) => void, calls: number, sets: number) => void;
  return () => {
    const startMs = performance.now();
    loop(call, CALLS, SETS);
    return ((performance.now() - startMs) * 1e6) / CALLS;
  };
}
