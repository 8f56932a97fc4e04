/** Owns measuring a scrape's text beside prom-client: time, sameness of the bytes, and the event loop's longest block. */
import * as promClient from 'prom-client';
import { Counter } from '../src/metrics/counter.js';
import type { MetricSpec } from '../src/metrics/define.js';
import { render } from '../src/metrics/exposition.js';
import { type BenchResult, interleaved, median } from './result.js';

const LABELS = ['flow', 'from', 'to'] as const;
const METRICS = 10;

export async function run(): Promise<BenchResult[]> {
  return [...(await measure(1_000, 60, 0.2)), ...(await measure(100_000, 12, 1 / 15))];
}

async function measure(series: number, rounds: number, ratio: number): Promise<BenchResult[]> {
  const world = fill(series);
  await checkSameBytes(world);
  const name = `text of ${series.toLocaleString('en')} counters`;
  const method = `3 labels, every value changed before each round, ${rounds} interleaved rounds; peer prom-client registry.metrics(), same bytes`;
  const all = await interleaved(
    () => timed(world, ourText),
    () => timed(world, peerText),
    { rounds, warmUp: 4 },
  );
  const blocks = await interleaved(
    () => longestBlock(world, ourText),
    () => longestBlock(world, peerText),
    { rounds: 10 },
  );
  const worst: number[] = [];
  for (let i = 0; i < 10; i += 1) worst.push(await longestBlock(world, ourText));
  return [
    { name, ...all, unit: 'ms', method, atMost: { ratio } },
    {
      name: `longest block of the event loop, ${name}`,
      ...blocks,
      unit: 'ms',
      method: `processor time between two turns of the loop, collector threads included, 10 rounds; worst of ten more: ${Math.max(...worst).toFixed(1)} ms, median ${median(worst).toFixed(1)} ms`,
      atMost: { ours: 10 },
    },
  ];
}

interface World {
  readonly ours: promClient.Registry;
  readonly peer: promClient.Registry;
  /** Counts every series once in both. */
  advance(): void;
}

function fill(series: number): World {
  const ours = new promClient.Registry();
  const peer = new promClient.Registry();
  const moves: (() => void)[] = [];
  for (let m = 0; m < METRICS; m += 1) {
    const name = `flow_transitions_${m}_total`;
    const spec: MetricSpec<(typeof LABELS)[number]> = {
      name,
      help: 'Status changes that were observed.',
      type: 'counter',
      unit: undefined,
      labels: { flow: 'flow', from: 'status', to: 'status' },
      stability: 'stable',
      feature: 'flow',
    };
    const own = new Counter(spec, { maxSeries: series });
    ours.registerMetric(own as unknown as promClient.Metric);
    const other = new promClient.Counter({ name, help: spec.help, labelNames: LABELS, registers: [peer] });
    for (let i = 0; i < series / METRICS; i += 1) {
      const labels = { flow: `flow-number-${i % 50}`, from: `status-${i % 20}`, to: `status-${i}` };
      const [a, b] = [own.bind(labels), other.labels(labels)];
      // Different lengths of numbers, and lengths that change from round to round.
      const step = 1 + ((i * 7919) % 1_000);
      moves.push(() => {
        a.inc(step);
        b.inc(step);
      });
    }
  }
  const advance = (): void => {
    for (const move of moves) move();
  };
  return { ours, peer, advance };
}

async function ourText({ ours }: World): Promise<readonly Buffer[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of render(ours, { format: 'classic', deadlineMs: 1_000 })) chunks.push(chunk);
  return chunks;
}

/** With its encoding, which a response needs too. */
async function peerText({ peer }: World): Promise<readonly Buffer[]> {
  return [Buffer.from(await peer.metrics())];
}

async function timed(world: World, make: (world: World) => Promise<unknown>): Promise<number> {
  world.advance();
  const startMs = performance.now();
  await make(world);
  return performance.now() - startMs;
}

/** In processor time: on a busy machine the clock also shows the pauses in which other programs ran. */
async function longestBlock(world: World, make: (world: World) => Promise<unknown>): Promise<number> {
  world.advance();
  let longestMs = 0;
  let last = process.cpuUsage();
  let watching = true;
  const watch = (): void => {
    const { user, system } = process.cpuUsage(last);
    longestMs = Math.max(longestMs, (user + system) / 1000);
    last = process.cpuUsage();
    if (watching) setImmediate(watch);
  };
  setImmediate(watch);
  await new Promise((resolve) => setImmediate(resolve));
  await make(world);
  await new Promise((resolve) => setImmediate(resolve));
  watching = false;
  return longestMs;
}

async function checkSameBytes(world: World): Promise<void> {
  world.advance();
  const ours = Buffer.concat(await ourText(world));
  const peer = Buffer.concat(await peerText(world));
  if (!ours.equals(peer))
    throw new Error(`the texts differ: ${ours.length} bytes of ours, ${peer.length} of the peer`);
}
