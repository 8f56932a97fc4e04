/** Owns the model of the circuit breaker: the rules written a second time, plainly and slowly, to check the real one against. */

import type { BreakerRecord } from '../../src/resilience/breaker-record.js';

/** What the model is told of the options. */
export interface ModelOptions {
  readonly failureThreshold: number;
  readonly successThreshold: number;
  readonly maxTrials: number;
  readonly recoveryTimeoutMs: number;
  readonly recoveryFactor: number;
  readonly maxRecoveryTimeoutMs: number;
  readonly callTimeoutMs: number;
  readonly failureRateThreshold?: number;
  readonly slowCallMs?: number;
  readonly slowRateThreshold?: number;
  readonly minimumCalls?: number;
  readonly windowCalls?: number;
  readonly windowMs?: number;
}

/** How a call ends as its function, its caller or time has it. */
export type ModelEnd = 'good' | 'bad' | 'timeout' | 'ignored' | 'aborted';

type ModelState = 'closed' | 'open' | 'half_open' | 'forced_open' | 'forced_closed';

interface ModelCall {
  readonly era: number;
  readonly startMs: number;
  readonly deadlineMs: number;
}

/** The breaker as it should be. */
export class BreakerModel {
  state: ModelState = 'closed';
  failures = 0;
  nowMs = 0;
  readonly msIn = { closed: 0, open: 0, half_open: 0, forced_open: 0, forced_closed: 0 };
  readonly ended = { success: 0, slow: 0, failure: 0, timeout: 0, ignored: 0, aborted: 0, rejected: 0 };
  /** Every change of the state with its cause. */
  readonly moves: string[] = [];
  /** Calls that the caller still waits for. */
  readonly waiting = new Map<number, ModelCall>();
  #era = 0;
  #opened = 0;
  #untilMs = 0;
  #good = 0;
  /** Functions of trials that run, whether anybody waits for them or not, with the moment at which they lose their place. */
  #trials = new Map<number, number>();
  #recent: { atMs: number; failed: boolean; slow: boolean }[] = [];

  constructor(readonly options: ModelOptions) {}

  /** True when the call is let through. */
  call(id: number): boolean {
    const isFull = this.state === 'half_open' && this.#trials.size >= this.options.maxTrials;
    if (this.state === 'open' || this.state === 'forced_open' || isFull) {
      this.ended.rejected++;
      return false;
    }
    const deadlineMs = this.nowMs + this.options.callTimeoutMs;
    if (this.state === 'half_open') this.#trials.set(id, deadlineMs);
    this.waiting.set(id, { era: this.#era, startMs: this.nowMs, deadlineMs });
    return true;
  }

  end(id: number, how: ModelEnd): void {
    const call = this.waiting.get(id);
    this.waiting.delete(id);
    // A caller that gives up leaves its function running, and that has the place.
    if (how !== 'aborted') this.#trials.delete(id);
    if (call === undefined) return;
    const { slowCallMs } = this.options;
    const slow = how !== 'timeout' && slowCallMs !== undefined && this.nowMs - call.startMs > slowCallMs;
    this.ended[how === 'good' ? (slow ? 'slow' : 'success') : how === 'bad' ? 'failure' : how]++;
    if (call.era !== this.#era || how === 'ignored' || how === 'aborted') return;
    if (this.state === 'closed') this.#judge(how !== 'good', slow);
    else if (this.state === 'half_open') {
      if (how !== 'good' || slow) this.open(this.#opened + 1, 'trial_failed');
      else if (++this.#good >= this.options.successThreshold) this.go('closed', 'trials_succeeded');
    }
  }

  #judge(failed: boolean, slow: boolean): void {
    const { failureThreshold, failureRateThreshold, slowCallMs, slowRateThreshold, minimumCalls } =
      this.options;
    this.#recent.push({ atMs: this.nowMs, failed, slow });
    this.failures = failed ? this.failures + 1 : 0;
    if (this.failures >= failureThreshold) {
      this.open(1, 'consecutive_failures');
      return;
    }
    const seen = this.#window();
    if (seen.length < (minimumCalls ?? 20)) return;
    const rate = (of: 'failed' | 'slow') => seen.filter((one) => one[of]).length / seen.length;
    if (failureRateThreshold !== undefined && rate('failed') >= failureRateThreshold) {
      this.open(1, 'failure_rate');
    } else if (slowCallMs !== undefined && rate('slow') >= (slowRateThreshold ?? 0.5)) {
      this.open(1, 'slow_rate');
    }
  }

  #window(): readonly { failed: boolean; slow: boolean }[] {
    const { windowCalls, windowMs } = this.options;
    if (windowMs === undefined) return this.#recent.slice(-(windowCalls ?? 100));
    const tenth = (ms: number) => Math.floor(ms / (windowMs / 10));
    return this.#recent.filter(({ atMs }) => tenth(atMs) > tenth(this.nowMs) - 10);
  }

  open(times: number, cause: string): void {
    this.go('open', cause);
    this.#opened = times;
    const { recoveryTimeoutMs, recoveryFactor, maxRecoveryTimeoutMs } = this.options;
    this.#untilMs =
      this.nowMs + Math.min(maxRecoveryTimeoutMs, recoveryTimeoutMs * recoveryFactor ** (times - 1));
  }

  trip(): void {
    if (this.state === 'closed') this.open(1, 'tripped');
    else if (this.state === 'half_open') this.open(this.#opened + 1, 'tripped');
  }

  reset(): void {
    if (!this.state.startsWith('forced')) this.go('closed', 'reset');
  }

  force(state: 'forced_open' | 'forced_closed'): void {
    if (this.state !== state) this.go(state, 'forced');
  }

  clear(): void {
    if (this.state === 'forced_closed') this.go('closed', 'force_cleared');
    else if (this.state === 'forced_open') {
      this.go('half_open', 'force_cleared');
      this.#opened = 1;
    }
  }

  /** What survives a restart. */
  record(): BreakerRecord {
    const { state } = this;
    return {
      version: 1,
      state,
      consecutiveFailures: this.failures,
      trips: state === 'open' || state === 'half_open' ? this.#opened : 0,
      remainingMs: state === 'open' ? this.#untilMs - this.nowMs : 0,
      successes: state === 'half_open' ? this.#good : 0,
    };
  }

  /** Takes up a record that was written so long ago. */
  restore(record: BreakerRecord, downtimeMs: number): void {
    const { failureThreshold, successThreshold, maxRecoveryTimeoutMs } = this.options;
    this.go(record.state, 'restored');
    if (this.state === 'closed') this.failures = Math.min(record.consecutiveFailures, failureThreshold - 1);
    if (this.state === 'half_open') this.#good = Math.min(record.successes, successThreshold - 1);
    this.#opened = Math.max(1, record.trips);
    const leftMs = Math.max(0, record.remainingMs - downtimeMs);
    this.#untilMs = this.nowMs + Math.min(maxRecoveryTimeoutMs, leftMs);
    if (this.state === 'open') this.#recover();
  }

  /** Time passes, one millisecond after the other. */
  advance(ms: number): void {
    for (let i = 0; i < ms; i++) {
      this.msIn[this.state]++;
      this.nowMs++;
      for (const [id, call] of [...this.waiting]) if (call.deadlineMs <= this.nowMs) this.end(id, 'timeout');
      for (const [id, untilMs] of [...this.#trials]) if (untilMs <= this.nowMs) this.#trials.delete(id);
      if (this.state === 'open') this.#recover();
    }
  }

  #recover(): void {
    if (this.nowMs >= this.#untilMs) this.go('half_open', 'recovery_elapsed');
  }

  go(state: ModelState, cause: string): void {
    if (state !== this.state) this.moves.push(`${this.state}>${state} ${cause}`);
    this.state = state;
    this.#era++;
    this.failures = 0;
    this.#good = 0;
    this.#trials = new Map();
    this.#recent = [];
  }
}
