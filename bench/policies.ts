/** Owns measuring what the policies cost around a call, with their series: beside a bare `await` and beside the peers. */

import { createRequire } from 'node:module';
import {
  ConsecutiveBreaker,
  circuitBreaker,
  handleAll,
  wrap as join,
  retry,
  TimeoutStrategy,
  timeout,
} from 'cockatiel';
import Opossum from 'opossum';
import * as promClient from 'prom-client';
import { watchOpossum } from '../src/instrument/opossum.js';
import { watchPolicies } from '../src/metrics/policies.js';
import { createMetrics } from '../src/metrics/registry.js';
import { CircuitBreaker } from '../src/resilience/breaker.js';
import { Fallback } from '../src/resilience/fallback.js';
import { aimdLimit } from '../src/resilience/limit.js';
import { Limiter } from '../src/resilience/limiter.js';
import { wrap } from '../src/resilience/policy.js';
import { Retry } from '../src/resilience/retry.js';
import { Timeout } from '../src/resilience/timeout.js';
import type { BenchResult } from './result.js';

/** The package has no types. */
const OpossumPrometheus = createRequire(import.meta.url)('opossum-prometheus') as new (
  options: object,
) => unknown;

const ROUNDS = 150;
const WARM_UP = 10;
const CALLS = 2_000;

type Call = () => Promise<unknown>;
type Times = Readonly<Record<string, readonly number[]>>;

const bare: Call = async () => 1;

/** Each group begins with code that no other case has run through: what a program with one kind of policy pays. */
export async function run(): Promise<BenchResult[]> {
  const breakers = await measured(breakerCases());
  const chains = await measured(chainCases());
  const others = await measured(otherCases());
  return [
    compare(breakers, 'breaker with metrics', 'ours', 'bare', 4),
    compare(
      breakers,
      'breaker with metrics, beside opossum with its own',
      'ours',
      'opossum with metrics',
      1 / 15,
    ),
    compare(breakers, 'breaker with metrics, beside cockatiel without', 'ours', 'cockatiel'),
    compare(breakers, 'opossum on our series, beside its own', 'opossum adapted', 'opossum with metrics'),
    compare(breakers, 'opossum on our series, beside opossum alone', 'opossum adapted', 'opossum'),
    compare(chains, 'retry + breaker + timeout with metrics', 'ours', 'bare', 20),
    compare(chains, 'retry + breaker + timeout with metrics, beside cockatiel without', 'ours', 'cockatiel'),
    compare(others, 'breaker with rate and slow-call windows', 'rates', 'bare'),
    compare(others, 'open breaker rejects', 'open', 'bare'),
    compare(others, 'limiter, fixed', 'fixed', 'bare'),
    compare(others, 'limiter, AIMD', 'aimd', 'bare'),
    compare(others, 'fallback with last good value', 'kept', 'bare'),
  ];
}

function breakerCases(): Record<string, Call> {
  const metrics = createMetrics({ processMetrics: 'omit' });
  const breaker = new CircuitBreaker({ name: 'breaker' });
  watchPolicies(metrics, [breaker]);
  // With the deadline that our breaker has as well.
  const made = (name: string) => new Opossum(bare, { name, timeout: 30_000 } as never);
  const [alone, adapted, counted] = [made('alone'), made('adapted'), made('counted')];
  watchOpossum(metrics, adapted);
  new OpossumPrometheus({ circuits: [counted], registry: new promClient.Registry() });
  const peer = cockatielBreaker();
  return {
    bare,
    ours: () => breaker.execute(bare),
    opossum: () => alone.fire(),
    'opossum adapted': () => adapted.fire(),
    'opossum with metrics': () => counted.fire(),
    cockatiel: () => peer.execute(bare),
  };
}

function chainCases(): Record<string, Call> {
  const name = 'chain';
  const chain = wrap(new Retry({ name }), new CircuitBreaker({ name }), new Timeout({ name }));
  watchPolicies(createMetrics({ processMetrics: 'omit' }), [chain]);
  const limit = timeout(30_000, TimeoutStrategy.Aggressive);
  const peer = join(retry(handleAll, { maxAttempts: 3 }), cockatielBreaker(), limit);
  return { bare, ours: () => chain.execute(bare), cockatiel: () => peer.execute(bare) };
}

function otherCases(): Record<string, Call> {
  const rates = new CircuitBreaker({ name: 'rates', failureRateThreshold: 0.5, slowCallMs: 5_000 });
  const open = new CircuitBreaker({ name: 'open' });
  const fixed = new Limiter({ name: 'fixed', limit: 10 });
  const aimd = new Limiter({ name: 'aimd', limit: aimdLimit() });
  const kept = new Fallback<number>({ name: 'kept', maxAgeMs: 60_000, defaultKey: 'one' });
  watchPolicies(createMetrics({ processMetrics: 'omit' }), [rates, open, fixed, aimd, kept]);
  open.forceOpen();
  return {
    bare,
    rates: () => rates.execute(bare),
    open: () => open.execute(bare).catch(() => 0),
    fixed: () => fixed.execute(bare),
    aimd: () => aimd.execute(bare),
    kept: () => kept.execute(bare),
  };
}

function cockatielBreaker() {
  return circuitBreaker(handleAll, { halfOpenAfter: 60_000, breaker: new ConsecutiveBreaker(5) });
}

/** Nanoseconds per call and round; the cases take turns, so that a disturbance of the machine hits all alike. */
async function measured(cases: Readonly<Record<string, Call>>): Promise<Times> {
  const times: Record<string, number[]> = Object.fromEntries(Object.keys(cases).map((name) => [name, []]));
  for (let round = -WARM_UP; round < ROUNDS; round += 1) {
    for (const [name, call] of Object.entries(cases)) {
      const startMs = performance.now();
      for (let i = 0; i < CALLS; i += 1) await call();
      if (round >= 0) times[name]!.push(((performance.now() - startMs) * 1e6) / CALLS);
    }
  }
  return times;
}

function compare(times: Times, name: string, ours: string, peer: string, atMost?: number): BenchResult {
  const [own, other] = [quiet(times[ours]!), quiet(times[peer]!)];
  return {
    name,
    ours: own,
    peer: other,
    ratio: own / other,
    unit: 'ns/call',
    method: `${CALLS} awaited calls a round, ${ROUNDS} interleaved rounds, first quarter of the rounds' times; peer ${peer === 'bare' ? 'a bare await of the same function' : peer}`,
    ...(atMost === undefined ? {} : { atMost: { ratio: atMost } }),
  };
}

/** The time of the quiet rounds: a call of 200 ns is less than what a busy machine adds to it. */
function quiet(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[Math.floor(times.length / 4)]!;
}
