/** Owns the timeout: a deadline on each call, fixed or drawn from the latencies that were seen. */
import { Call, type CallRules } from './call.js';
import { CallTimeoutError } from './errors.js';
import { EventSource, type PolicyEvent, type TimeoutOutcome, timeoutOutcomes } from './events.js';
import { LatencySketch } from './latency-sketch.js';
import { OptionReader } from './options.js';
import type { CallOptions, Guarded, Policy } from './policy.js';
import type { PolicyClock } from './policy-clock.js';

/** Options of a timeout. A wrong one throws PolicyOptionError at construction, an unknown one too. */
export interface TimeoutOptions {
  /** Label value of its series, 1 to 100 characters. */
  readonly name: string;
  /** Longest time of a call, milliseconds; under `multiple` the limit until enough calls were seen. Default 30,000; 1 to 2,147,483,647. */
  readonly timeoutMs?: number | undefined;
  /** Makes the limit adaptive: this many times the p99 of recent calls. Off by default; 1 to 100. */
  readonly multiple?: number | undefined;
  /** Lowest adaptive limit, milliseconds. Default 100; 1 to `timeoutMs`. Only with `multiple`. */
  readonly minTimeoutMs?: number | undefined;
  /** Highest adaptive limit, milliseconds. Default `timeoutMs`; `timeoutMs` to 2,147,483,647. Only with `multiple`. */
  readonly maxTimeoutMs?: number | undefined;
  /** Calls that must be seen before the limit adapts. Default 100; 10 to 100,000. Only with `multiple`. */
  readonly minimumCalls?: number | undefined;
  /**
   * `reject` (default): the caller is answered at the deadline even if the function ignores its signal.
   * `signal`: the signal is aborted and the call ends when the function does.
   */
  readonly atDeadline?: 'reject' | 'signal' | undefined;
  /** Time. Default the shared monotonic clock. */
  readonly clock?: PolicyClock | undefined;
}

const KNOWN = [
  'timeoutMs',
  'multiple',
  'minTimeoutMs',
  'maxTimeoutMs',
  'minimumCalls',
  'atDeadline',
  'clock',
] as const satisfies readonly (keyof TimeoutOptions)[];

/** Calls between two looks at the quantile: reading it costs more than adding to it. */
const ADAPT_EVERY = 50;

/** Ends calls that take too long, with CallTimeoutError. A result that comes later is dropped. */
export class Timeout extends EventSource implements Policy {
  readonly name: string;
  readonly #clock: PolicyClock;
  readonly #rules: CallRules<Timing | undefined>;
  readonly #multiple: number;
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #minimumCalls: number;
  readonly #sketch: LatencySketch | undefined;
  #limitMs: number;
  #sinceAdapted = 0;

  /** Throws PolicyOptionError for a wrong option. */
  constructor(options: TimeoutOptions) {
    super();
    const read = new OptionReader('timeout', options, KNOWN);
    this.name = read.name;
    this.#limitMs = read.ms('timeoutMs', 30_000);
    const isAdaptive = read.has('multiple');
    for (const option of ['minTimeoutMs', 'maxTimeoutMs', 'minimumCalls']) {
      if (read.has(option) && !isAdaptive) throw read.refusal(option, 'left out without multiple');
    }
    this.#multiple = read.number('multiple', 1, 1, 100);
    this.#minMs = read.number('minTimeoutMs', Math.min(100, this.#limitMs), 1, this.#limitMs);
    this.#maxMs = read.ms('maxTimeoutMs', this.#limitMs, this.#limitMs);
    this.#minimumCalls = read.whole('minimumCalls', 100, 10, 100_000);
    this.#sketch = isAdaptive ? new LatencySketch(Math.max(1_000, this.#minimumCalls)) : undefined;
    const event = (outcome: TimeoutOutcome): PolicyEvent =>
      Object.freeze({ kind: 'timeout_call', timeout: this.name, outcome });
    const events = Object.fromEntries(timeoutOutcomes.map((one) => [one, event(one)])) as Record<
      TimeoutOutcome,
      PolicyEvent
    >;
    this.#clock = read.clock();
    this.#rules = timeoutCallRules({
      name: this.name,
      atDeadline: read.oneOf('atDeadline', 'reject', ['reject', 'signal']),
      limitMs: () => this.#limitMs,
      ended: (outcome, ms) => {
        if (isAdaptive) this.#learn(outcome, ms);
        this.emit(events[outcome]);
      },
    });
  }

  /** The limit that a call would get now, milliseconds. */
  get limitMs(): number {
    return this.#limitMs;
  }

  execute<T>(fn: Guarded<T>, options?: CallOptions): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const limitMs = this.#limitMs;
      const timing = this.#sketch === undefined ? undefined : { limitMs, startMs: this.#clock.nowMs() };
      const call = new Call(this.#clock, this.#rules, timing, resolve, reject, options);
      if (!call.join()) return;
      this.#clock.arm(call, limitMs);
      call.invoke(fn);
    });
  }

  #learn(outcome: TimeoutOutcome, ms: number): void {
    // Quick failures would pull the limit down. Calls that were cut off count at the limit: leaving them out would
    // show only the survivors and lower the limit further with each cut.
    if (outcome !== 'success' && outcome !== 'timeout') return;
    const sketch = this.#sketch!;
    sketch.add(ms);
    if (++this.#sinceAdapted < ADAPT_EVERY || sketch.count < this.#minimumCalls) return;
    this.#sinceAdapted = 0;
    const wishedMs = sketch.quantile(0.99)! * this.#multiple;
    const limitMs = Math.round(Math.min(this.#maxMs, Math.max(this.#minMs, wishedMs)));
    if (limitMs === this.#limitMs) return;
    this.#limitMs = limitMs;
    this.emit({ kind: 'timeout_limit', timeout: this.name, limitMs });
  }
}

/** What an adaptive timeout keeps per call; a fixed one needs none of it. */
interface Timing {
  readonly limitMs: number;
  readonly startMs: number;
}

interface TimeoutCore {
  readonly name: string;
  readonly atDeadline: 'reject' | 'signal';
  limitMs(): number;
  ended(outcome: TimeoutOutcome, ms: number): void;
}

function timeoutCallRules(core: TimeoutCore): CallRules<Timing | undefined> {
  function end(call: Call<Timing | undefined>, outcome: TimeoutOutcome): void {
    core.ended(outcome, call.detail === undefined ? 0 : call.clock.nowMs() - call.detail.startMs);
  }

  return {
    returned(call, value) {
      if (call.isSettled) return;
      // Under `signal` the function's own end comes after the deadline has been told.
      const isTold = call.isAborted;
      call.succeed(value);
      if (!isTold) end(call, 'success');
    },
    failed(call, error) {
      if (call.isSettled) return;
      const isTold = call.isAborted;
      call.reject(error);
      if (!isTold) end(call, 'failure');
    },
    aborted(call, reason) {
      call.reject(reason);
      end(call, 'aborted');
    },
    expired(call) {
      const limitMs = call.detail?.limitMs ?? core.limitMs();
      const error = new CallTimeoutError(core.name, limitMs);
      if (core.atDeadline === 'reject') call.reject(error);
      core.ended('timeout', limitMs);
      call.abortInside(error);
    },
  };
}
