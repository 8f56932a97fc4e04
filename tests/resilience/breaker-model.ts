/** Owns the model of the circuit breaker: the rules written a second time, plainly and slowly, to check the real one against. */

/** What the model is told of the options. */
export interface ModelOptions {
  readonly failureThreshold: number;
  readonly successThreshold: number;
  readonly maxTrials: number;
  readonly recoveryTimeoutMs: number;
  readonly recoveryFactor: number;
  readonly maxRecoveryTimeoutMs: number;
  readonly callTimeoutMs: number;
}

type ModelState = 'closed' | 'open' | 'half_open' | 'forced_open' | 'forced_closed';

interface ModelCall {
  readonly era: number;
  readonly deadlineMs: number;
}

/** The breaker as it should be. */
export class BreakerModel {
  state: ModelState = 'closed';
  failures = 0;
  nowMs = 0;
  readonly msIn = { closed: 0, open: 0, half_open: 0, forced_open: 0, forced_closed: 0 };
  /** Calls that the caller still waits for. */
  readonly waiting = new Map<number, ModelCall>();
  #era = 0;
  #opened = 0;
  #untilMs = 0;
  #good = 0;
  #trials = new Set<number>();

  constructor(readonly options: ModelOptions) {}

  /** True when the call is let through. */
  call(id: number): boolean {
    if (this.state === 'open' || this.state === 'forced_open') return false;
    if (this.state === 'half_open') {
      if (this.#trials.size >= this.options.maxTrials) return false;
      this.#trials.add(id);
    }
    this.waiting.set(id, { era: this.#era, deadlineMs: this.nowMs + this.options.callTimeoutMs });
    return true;
  }

  end(id: number, how: 'good' | 'bad' | 'neutral'): void {
    const call = this.waiting.get(id);
    if (call === undefined) return;
    this.waiting.delete(id);
    if (call.era !== this.#era) return;
    this.#trials.delete(id);
    if (how === 'neutral') return;
    if (this.state === 'closed') {
      this.failures = how === 'good' ? 0 : this.failures + 1;
      if (this.failures >= this.options.failureThreshold) this.open(1);
    } else if (this.state === 'half_open') {
      if (how === 'bad') this.open(this.#opened + 1);
      else if (++this.#good >= this.options.successThreshold) this.go('closed');
    }
  }

  open(times: number): void {
    this.go('open');
    this.#opened = times;
    const { recoveryTimeoutMs, recoveryFactor, maxRecoveryTimeoutMs } = this.options;
    this.#untilMs =
      this.nowMs + Math.min(maxRecoveryTimeoutMs, recoveryTimeoutMs * recoveryFactor ** (times - 1));
  }

  trip(): void {
    if (this.state === 'closed') this.open(1);
    else if (this.state === 'half_open') this.open(this.#opened + 1);
  }

  reset(): void {
    if (this.state === 'closed' || this.state === 'open' || this.state === 'half_open') this.go('closed');
  }

  force(state: 'forced_open' | 'forced_closed'): void {
    if (this.state !== state) this.go(state);
  }

  clear(): void {
    if (this.state === 'forced_closed') this.go('closed');
    else if (this.state === 'forced_open') {
      this.go('half_open');
      this.#opened = 1;
    }
  }

  /** Time passes, one millisecond after the other. */
  advance(ms: number): void {
    for (let i = 0; i < ms; i++) {
      this.msIn[this.state]++;
      this.nowMs++;
      for (const [id, call] of [...this.waiting]) if (call.deadlineMs <= this.nowMs) this.end(id, 'bad');
      if (this.state === 'open' && this.nowMs >= this.#untilMs) this.go('half_open');
    }
  }

  go(state: ModelState): void {
    this.state = state;
    this.#era++;
    this.failures = 0;
    this.#good = 0;
    this.#trials = new Set();
  }
}
