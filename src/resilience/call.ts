/** Owns one call under one policy: its context, deadline and abort, and the promise that ends exactly once. */
import { listen, unlisten } from './caller-signals.js';
import { isThenable } from './late-answer.js';
import type { CallContext, CallOptions, Guarded } from './policy.js';
import { type PolicyClock, Timer } from './policy-clock.js';

/** What a policy does at the events of its calls. One object per policy. */
export interface CallRules<D> {
  /** The function has answered, perhaps after the call was settled. */
  returned(call: Call<D>, value: unknown): void;
  /** The function has failed, perhaps after the call was settled. */
  failed(call: Call<D>, error: unknown): void;
  /** The caller gave up or an outer deadline fell. The policy must reject the call with the reason. */
  aborted(call: Call<D>, reason: unknown): void;
  /** The call's own deadline fell. */
  expired(call: Call<D>): void;
}

/**
 * Context, timer and settler in one object, with an AbortController only when somebody asks for the signal: that and
 * a native timer are most of what a policy would cost. One class for all policies, which differ in their rules and in
 * `detail`: with a subclass per policy V8 takes the slow path at each field, and every call costs ten times as much.
 */
export class Call<D> extends Timer implements CallContext {
  attempt = 1;
  /** True once the caller has the answer; what comes later is dropped. */
  isSettled = false;
  /** A number of the policy's own. */
  mark = 0;
  /** What else the policy keeps per call. */
  readonly detail: D;
  readonly clock: PolicyClock;
  readonly #rules: CallRules<D>;
  readonly #resolve: (value: never) => void;
  readonly #reject: (error: unknown) => void;
  /** The outer call or the caller's signal. */
  readonly #outer: Call<unknown> | AbortSignal | undefined;
  readonly #key: string | undefined;
  /** Nearly every call has one inner call at a time. */
  #child: Call<unknown> | undefined;
  /** What few calls need, apart, so that the others stay small. */
  #rare: Rare | undefined;

  constructor(
    clock: PolicyClock,
    rules: CallRules<D>,
    detail: D,
    resolve: (value: never) => void,
    reject: (error: unknown) => void,
    options: CallOptions | undefined,
  ) {
    super();
    this.clock = clock;
    this.#rules = rules;
    this.detail = detail;
    this.#resolve = resolve;
    this.#reject = reject;
    if (options === undefined) return;
    this.#key = options.key;
    if (options instanceof Call) {
      this.#outer = options;
      this.attempt = options.attempt;
    } else this.#outer = options.signal;
  }

  get key(): string | undefined {
    return this.#key;
  }

  get signal(): AbortSignal {
    this.#rare ??= new Rare();
    if (this.#rare.controller === undefined) {
      this.#rare.controller = new AbortController();
      if (this.#rare.isAborted) this.#rare.controller.abort(this.#rare.reason);
    }
    return this.#rare.controller.signal;
  }

  get remainingMs(): number {
    const own = this.stage === 'idle' ? Number.POSITIVE_INFINITY : this.dueMs - this.clock.aliveMs();
    const outer = this.#outer instanceof Call ? this.#outer.remainingMs : Number.POSITIVE_INFINITY;
    return Math.max(0, Math.min(own, outer));
  }

  get deadlineMs(): number {
    return this.clock.nowMs() + this.remainingMs;
  }

  /** The call that this one is inside of; undefined for a signal or none. */
  get outer(): Call<unknown> | undefined {
    return this.#outer instanceof Call ? this.#outer : undefined;
  }

  /** True once the call was aborted by its caller or by a deadline. */
  get isAborted(): boolean {
    return this.#rare?.isAborted === true;
  }

  /** Joins the caller's signal or outer call; false when that was aborted already, and the call is then rejected. */
  join(): boolean {
    const outer = this.#outer;
    if (outer === undefined) return true;
    if (!(outer instanceof Call)) {
      if (outer.aborted) this.abort(outer.reason);
      else listen(outer, this);
      return !outer.aborted;
    }
    if (outer.isAborted) {
      this.abort(outer.#rare?.reason);
      return false;
    }
    if (outer.#child === undefined) outer.#child = this;
    else {
      outer.#rare ??= new Rare();
      outer.#rare.moreChildren.add(this);
    }
    return true;
  }

  /** Calls the function; a throw counts as a rejection, a plain value as a resolution. */
  invoke(fn: Guarded<unknown>): void {
    let answer: unknown;
    let isLater: boolean;
    try {
      answer = fn(this);
      isLater = isThenable(answer);
    } catch (error) {
      this.#rules.failed(this, error);
      return;
    }
    if (!isLater) {
      this.#rules.returned(this, answer);
      return;
    }
    // A thenable that is no promise may answer twice: a permit would be given back twice, a retry begun twice.
    const once = answer instanceof Promise ? answer : Promise.resolve(answer);
    // Both handlers are always attached, so a late rejection is never an unhandled one.
    once.then(
      (value: unknown) => this.#rules.returned(this, value),
      (error: unknown) => this.#rules.failed(this, error),
    );
  }

  /** Gives the caller a value and lets go of everything. */
  succeed(value: unknown): void {
    this.#finish();
    this.#resolve(value as never);
  }

  /** Gives the caller an error and lets go of everything. */
  reject(error: unknown): void {
    this.#finish();
    this.#reject(error);
  }

  expire(): void {
    this.#rules.expired(this);
  }

  /** Ends the call early for everyone inside it. */
  abort(reason: unknown): void {
    if (this.isSettled || this.isAborted) return;
    this.#rules.aborted(this, reason);
    this.abortInside(reason);
  }

  /** Aborts the context: the function's signal and the inner calls. */
  abortInside(reason: unknown): void {
    if (this.isAborted) return;
    this.#rare ??= new Rare();
    this.#rare.isAborted = true;
    this.#rare.reason = reason;
    const child = this.#child;
    const more = [...this.#rare.moreChildren];
    this.#rare.controller?.abort(reason);
    child?.abort(reason);
    for (const one of more) one.abort(reason);
  }

  #finish(): void {
    this.isSettled = true;
    if (this.stage !== 'idle') this.clock.disarm(this);
    const outer = this.#outer;
    if (outer === undefined) return;
    if (!(outer instanceof Call)) unlisten(outer, this);
    else if (outer.#child === this) outer.#child = undefined;
    else outer.#rare?.moreChildren.delete(this);
  }
}

class Rare {
  isAborted = false;
  reason: unknown;
  controller: AbortController | undefined;
  readonly moreChildren = new Set<Call<unknown>>();
}

/** True for a caller that gave up before it called. */
export function hasGivenUp(options: CallOptions | undefined): boolean {
  return options instanceof Call ? options.isAborted : options?.signal?.aborted === true;
}
