/** Owns the measurement of what the policies cost around a call: each beside a bare `await` in the same run, and beside its peers where they are installed. */
import { CircuitBreaker } from '../src/resilience/breaker.js';
import { Fallback } from '../src/resilience/fallback.js';
import { aimdLimit } from '../src/resilience/limit.js';
import { Limiter } from '../src/resilience/limiter.js';
import { wrap } from '../src/resilience/policy.js';
import { Retry } from '../src/resilience/retry.js';
import { Timeout } from '../src/resilience/timeout.js';

type Call = () => Promise<unknown>;

const rounds = Number(process.argv[2] ?? 41);
const callsPerRound = 10_000;
const name = 'bench';

const bare = async () => 1;
let counted = 0;
const count = () => {
  counted++;
};

const breaker = new CircuitBreaker({ name });
const rates = new CircuitBreaker({ name, failureRateThreshold: 0.5, slowCallMs: 5_000 });
const trio = wrap(new Retry({ name }), new CircuitBreaker({ name }), new Timeout({ name }));
const fixed = new Limiter({ name, limit: 10 });
const aimd = new Limiter({ name, limit: aimdLimit() });
const keyed = new Fallback<number>({ name, maxAgeMs: 60_000, defaultKey: 'one' });
const open = new CircuitBreaker({ name });
for (const policy of [breaker, rates, trio, fixed, aimd, keyed, open]) policy.onEvent(count);
open.forceOpen();
const { signal } = new AbortController();

interface Case {
  readonly label: string;
  readonly call: Call;
  /** Highest ratio to the bare await that we aim for. */
  readonly aim?: number;
}

const reference: Case = { label: 'bare await', call: bare };

console.log(`Node ${process.version}; ${rounds} interleaved rounds of ${callsPerRound} calls`);
await measure('The aims, beside the peers', [
  reference,
  { label: 'breaker, events counted', call: () => breaker.execute(bare), aim: 4 },
  { label: 'retry + breaker + timeout, events counted', call: () => trio.execute(bare), aim: 20 },
  { label: 'one setTimeout + clearTimeout', call: nativeTimer },
  ...(await peers()),
]);
await measure('What else a call may cost', [
  reference,
  { label: 'breaker with rate and slow-call windows', call: () => rates.execute(bare) },
  { label: 'breaker, caller gives a signal', call: () => breaker.execute(bare, { signal }) },
  { label: 'breaker, function reads the signal', call: () => breaker.execute(async (c) => c.signal.aborted) },
  { label: 'open breaker rejects', call: () => open.execute(bare).catch(() => 0) },
  { label: 'limiter, fixed', call: () => fixed.execute(bare) },
  { label: 'limiter, AIMD', call: () => aimd.execute(bare) },
  { label: 'fallback with last good value', call: () => keyed.execute(bare) },
]);
console.log(`\n${counted} events counted`);

/** Prints per case the median, its median ratio to the reference of the same round, and the ratio of the fastest rounds. */
async function measure(title: string, cases: readonly Case[]): Promise<void> {
  const times = cases.map((): number[] => []);
  for (let round = -3; round < rounds; round++) {
    // Interleaved, so that a disturbance of the machine hits all cases of a round alike.
    for (const [place, { call }] of cases.entries()) {
      const startMs = performance.now();
      for (let i = 0; i < callsPerRound; i++) await call();
      if (round >= 0) times[place]!.push(((performance.now() - startMs) * 1e6) / callsPerRound);
    }
  }
  console.log(`\n${title.padEnd(44)}${'ns'.padStart(8)}${'× bare'.padStart(9)}${'fastest'.padStart(9)}  aim`);
  for (const [place, { label, aim }] of cases.entries()) {
    const ratio = median(times[place]!.map((ns, round) => ns / times[0]![round]!));
    const fastest = Math.min(...times[place]!) / Math.min(...times[0]!);
    const verdict = aim === undefined ? '' : `≤ ${aim} ${ratio <= aim ? 'met' : 'MISSED'}`;
    const numbers = [median(times[place]!).toFixed(0).padStart(8), ratio.toFixed(2).padStart(9)];
    console.log(`${label.padEnd(44)}${numbers.join('')}${fastest.toFixed(2).padStart(9)}  ${verdict}`);
  }
}

async function nativeTimer(): Promise<void> {
  clearTimeout(setTimeout(count, 30_000));
}

/** opossum and cockatiel, where they are installed; what is missing is said, never skipped in silence. */
async function peers(): Promise<{ label: string; call: Call }[]> {
  const found: { label: string; call: Call }[] = [];
  const load = async (peer: string) => {
    try {
      return (await import(peer)) as Record<string, never>;
    } catch {
      console.log(`peer ${peer} is not installed: npm install --no-save ${peer}`);
      return undefined;
    }
  };
  const opossum = await load('opossum');
  if (opossum !== undefined) {
    const Opossum = opossum.default as unknown as new (fn: Call, options: object) => { fire: Call };
    const peer = new Opossum(bare, { timeout: false });
    found.push({ label: 'opossum, no timeout', call: () => peer.fire() });
    const timed = new Opossum(bare, { timeout: 30_000 });
    found.push({ label: 'opossum with timeout', call: () => timed.fire() });
  }
  const cockatiel = (await load('cockatiel')) as unknown as
    | Record<string, (...args: unknown[]) => { execute(fn: Call): Promise<unknown> }>
    | undefined;
  if (cockatiel !== undefined) {
    const { circuitBreaker, wrap: join, retry, timeout, handleAll } = cockatiel;
    const Consecutive = cockatiel.ConsecutiveBreaker as unknown as new (failures: number) => unknown;
    const made = () => circuitBreaker!(handleAll, { halfOpenAfter: 60_000, breaker: new Consecutive(5) });
    const peer = made();
    found.push({ label: 'cockatiel breaker', call: () => peer.execute(bare) });
    const all = join!(retry!(handleAll, { maxAttempts: 3 }), made(), timeout!(30_000, 'aggressive'));
    found.push({ label: 'cockatiel retry + breaker + timeout', call: () => all.execute(bare) });
  }
  return found;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
