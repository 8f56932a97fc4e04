/** Owns the work under a load mode: what runs, what is turned away, and what waits until the machine has room again. */
import { AsyncResource } from 'node:async_hooks';
import { Call, type CallRules } from './call.js';
import { LoadShedError, type LoadShedReason } from './errors.js';
import { EventSource, type LoadMode, type LoadSignal } from './events.js';
import type { Adaptive } from './limit.js';
import {
  LOAD_FACTORS,
  LOAD_MODE_OPTIONS,
  type LoadModeOptions,
  type LoadReading,
  type LoadState,
  readLoadMode,
} from './load-mode.js';
import { OptionReader } from './options.js';
import type { CallOptions, Guarded } from './policy.js';
import type { PolicyClock } from './policy-clock.js';

/** Options of a load controller, beside those of `LoadModeOptions`. A wrong one throws PolicyOptionError at construction, an unknown one too. */
export interface LoadControllerOptions extends LoadModeOptions {
  /** In reduced mode work of this priority and below is off. Default 3; 0 (none) to 10. */
  readonly reducedPriority?: number | undefined;
  /** In minimal mode work of this priority and below is off. Default 5; `reducedPriority` to 10. */
  readonly minimalPriority?: number | undefined;
  /** Pieces of work that may wait, the oldest first. Default 1,000; 0 (none) to 100,000. */
  readonly maxDeferred?: number | undefined;
  /** Longest wait of deferred work, milliseconds; looked at with each reading. Default 3,600,000; 1 to 2,147,483,647. */
  readonly maxDeferMs?: number | undefined;
  /** CPU use below which deferred work is done. Default 0.75; above 0 to 1. */
  readonly drainCpuRatio?: number | undefined;
  /** Pieces of deferred work that are done at the same time. Default 1; 1 to 1,000. */
  readonly drainParallelism?: number | undefined;
  /** Time. Default the shared monotonic clock. */
  readonly clock?: PolicyClock | undefined;
}

const KNOWN = [
  ...LOAD_MODE_OPTIONS,
  'reducedPriority',
  'minimalPriority',
  'maxDeferred',
  'maxDeferMs',
  'drainCpuRatio',
  'drainParallelism',
  'clock',
] as const satisfies readonly (keyof LoadControllerOptions)[];

/**
 * Turns readings of the load into a mode, and lets work through by its priority: 1 may always wait, 10 never. It sets no
 * timer and reads nothing by itself: give it a reading every few seconds, for the mode and the deferred work move with
 * the readings alone. Deferred work is kept in memory: it dies with the process.
 */
export class LoadController extends EventSource {
  readonly #rule: Adaptive<LoadState, LoadReading>;
  readonly #clock: PolicyClock;
  readonly #off: Readonly<Record<LoadMode, number>>;
  readonly #maxDeferred: number;
  readonly #maxDeferMs: number;
  readonly #drainCpuRatio: number;
  readonly #drainParallelism: number;
  readonly #rules: CallRules<Work>;
  /** Each with the async context of its caller. */
  readonly #queue = new Map<WorkCall, AsyncResource>();
  #state: LoadState;
  #reading: LoadReading = {};
  #draining = 0;
  #turn: NodeJS.Immediate | undefined;
  #isStopped = false;

  /** Throws PolicyOptionError for a wrong option. */
  constructor(options: LoadControllerOptions = {}) {
    super();
    const read = new OptionReader('load controller', options, KNOWN, 'load');
    this.#rule = readLoadMode(read);
    this.#state = this.#rule.initial;
    this.#clock = read.clock();
    const reduced = read.whole('reducedPriority', 3, 0, 10);
    this.#off = {
      normal: 0,
      reduced,
      minimal: read.whole('minimalPriority', Math.max(5, reduced), reduced, 10),
    };
    this.#maxDeferred = read.whole('maxDeferred', 1_000, 0, 100_000);
    this.#maxDeferMs = read.ms('maxDeferMs', 3_600_000);
    this.#drainCpuRatio = read.share('drainCpuRatio', 0.75);
    this.#drainParallelism = read.whole('drainParallelism', 1, 1, 1_000);
    this.#rules = {
      returned: (call, value) => {
        if (!call.isSettled) call.succeed(value);
        this.#ended(call);
      },
      failed: (call, error) => {
        if (!call.isSettled) call.reject(error);
        this.#ended(call);
      },
      aborted: (call, reason) => {
        call.reject(reason);
        this.#queue.delete(call);
      },
      // No call is armed: what waits too long is found with the next reading.
      expired: () => {},
    };
  }

  /** The mode that holds. */
  get mode(): LoadMode {
    return this.#state.mode;
  }

  /** The signal that brought the mode about; `none` in normal mode. */
  get cause(): LoadSignal | 'none' {
    return this.#state.cause;
  }

  /** The last reading; empty before the first. */
  get reading(): LoadReading {
    return this.#reading;
  }

  /** Share of the usual work to take on: 1, 0.7 or 0.3. */
  get factor(): number {
    return LOAD_FACTORS[this.mode];
  }

  /** Pieces of work that wait. */
  get deferred(): number {
    return this.#queue.size;
  }

  /** A usual number of things, such as a batch, made smaller by the factor: whole, and at least 1. */
  scaled(usual: number): number {
    return Math.max(1, Math.floor(usual * this.factor));
  }

  /** Whether work of a priority, 1 to 10, runs now. A priority that is no number counts as 10: nothing critical is turned away by mistake. */
  allows(priority: number): boolean {
    return !(priority <= this.#off[this.mode]);
  }

  /** Takes a reading, and does what follows from it. The answer is the mode that holds now. */
  sample(reading: LoadReading): LoadMode {
    const from = this.mode;
    // A host whose reading failed altogether gives nothing, and must not be thrown at for it.
    this.#reading = reading ?? {};
    this.#state = this.#rule.next(this.#state, this.#reading);
    const { mode: to, cause } = this.#state;
    if (from !== to) this.emit({ kind: 'load_mode', from, to, cause });
    this.#dropExpired();
    this.#drain();
    return to;
  }

  /** Runs the function when its priority allows it now; rejects with LoadShedError otherwise. */
  execute<T>(priority: number, fn: Guarded<T>, options?: CallOptions): Promise<T> {
    return this.#begin(priority, fn, options, (call, mode) => this.#shed(call, mode));
  }

  /**
   * Runs the function now, or when there is room again: below `drainCpuRatio`, and never in minimal mode. Rejects with
   * LoadShedError when too much waits, when it has waited too long, and at `stop`.
   */
  defer<T>(priority: number, fn: Guarded<T>, options?: CallOptions): Promise<T> {
    return this.#begin(priority, fn, options, (call) => {
      if (this.#isStopped) this.#shed(call, 'stopped');
      else if (this.#queue.size >= this.#maxDeferred) this.#shed(call, 'queue_full');
      else {
        call.mark = this.#clock.nowMs();
        this.#queue.set(call, new AsyncResource('DeferredWork'));
      }
    });
  }

  /** Turns away what waits, and defers nothing any more. What runs goes on. */
  stop(): void {
    this.#isStopped = true;
    if (this.#turn !== undefined) clearImmediate(this.#turn);
    this.#turn = undefined;
    for (const call of [...this.#queue.keys()]) this.#shed(call, 'stopped');
  }

  #begin<T>(
    priority: number,
    fn: Guarded<T>,
    options: CallOptions | undefined,
    refuse: (call: WorkCall, mode: 'reduced' | 'minimal') => void,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const work: Work = { fn, priority, isDeferred: false };
      const call: WorkCall = new Call(this.#clock, this.#rules, work, resolve, reject, options);
      if (!call.join()) return;
      if (this.mode === 'normal' || this.allows(priority)) call.invoke(fn);
      else refuse(call, this.mode);
    });
  }

  #shed(call: WorkCall, reason: LoadShedReason): void {
    this.#queue.delete(call);
    call.reject(new LoadShedError(reason, call.detail.priority, this.mode));
    this.emit({ kind: 'load_shed', reason, priority: call.detail.priority });
  }

  #dropExpired(): void {
    const oldestMs = this.#clock.nowMs() - this.#maxDeferMs;
    for (const call of this.#queue.keys()) {
      if (call.mark > oldestMs) return;
      this.#shed(call, 'expired');
    }
  }

  /** Starts deferred work while there is room, a few at a time: all at once would be the next overload. */
  #drain(): void {
    for (let begun = this.#draining; begun < this.#drainParallelism && this.#hasRoom(); begun++) {
      const [first] = this.#queue;
      if (first === undefined) return;
      const [call, caller] = first;
      this.#queue.delete(call);
      call.detail.isDeferred = true;
      this.#draining++;
      this.emit({ kind: 'load_drained', waitedMs: this.#clock.nowMs() - call.mark });
      caller.runInAsyncScope(() => call.invoke(call.detail.fn));
    }
  }

  #hasRoom(): boolean {
    const { cpuRatio } = this.#reading;
    if (this.mode === 'minimal') return false;
    return cpuRatio === undefined ? this.mode === 'normal' : cpuRatio < this.#drainCpuRatio;
  }

  #ended(call: WorkCall): void {
    if (!call.detail.isDeferred) return;
    this.#draining--;
    if (this.#queue.size === 0 || this.#turn !== undefined) return;
    // Work that ends at once would be followed by all the rest in one turn of the loop.
    this.#turn = setImmediate(() => {
      this.#turn = undefined;
      this.#drain();
    });
  }
}

/** A piece of work with its priority; `mark` of its call is the moment at which it began to wait. */
interface Work {
  readonly fn: Guarded<unknown>;
  readonly priority: number;
  isDeferred: boolean;
}

type WorkCall = Call<Work>;
