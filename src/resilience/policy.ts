/** Owns what a policy is, and the composition of several into one. */
import { PolicyOptionError } from './errors.js';
import type { PolicyListener } from './events.js';

/** What the guarded function gets. Reading `signal` makes it; a function that does not need it costs nothing. */
export interface CallContext {
  /** Aborted when the caller gives up or a deadline falls; its reason is then the error of the call. */
  readonly signal: AbortSignal;
  /** Counts up from 1; above 1 under a retry. */
  readonly attempt: number;
  /** Milliseconds until the nearest deadline of all policies around the call; Infinity without one. */
  readonly remainingMs: number;
  /** Moment of that deadline on the policies' monotonic clock, milliseconds; Infinity without one. */
  readonly deadlineMs: number;
  /** The key that the caller gave, if any. */
  readonly key: string | undefined;
}

/** What the caller may give along. The context of an outer policy is one, and is how policies nest. */
export interface CallOptions {
  /** Names what is asked for, so that a fallback can keep and share answers; any text. None by default. Never a metric label. */
  readonly key?: string | undefined;
  /** Ends the call early: the promise rejects at once with the signal's reason. None by default. */
  readonly signal?: AbortSignal | undefined;
}

/** The function that a policy guards; a plain value or a throw is as good as a promise. */
export type Guarded<T> = (context: CallContext) => PromiseLike<T> | T;

/**
 * Wraps calls. Promises: an error of the function is passed on as the same object; `execute` never throws, it
 * rejects; when the call has ended, no timer and no listener on the caller's signal is left.
 */
export interface Policy {
  /** Label value of the policy's series. */
  readonly name: string;
  /** Runs the function under the policy. */
  execute<T>(fn: Guarded<T>, options?: CallOptions): Promise<T>;
  /** Adds a listener; the answer removes it. */
  onEvent(listener: PolicyListener): () => void;
}

/**
 * Composes policies, the first outermost: `wrap(fallback, retry, breaker, timeout)`.
 * Throws PolicyOptionError without a policy or with something else in the list.
 */
export function wrap(...policies: readonly Policy[]): Policy {
  if (policies.length === 0)
    throw new PolicyOptionError('wrap', 'policies', 'at least one policy', undefined);
  policies.forEach((policy, place) => {
    if (typeof policy?.execute === 'function' && typeof policy.onEvent === 'function') return;
    throw new PolicyOptionError('wrap', `policies[${place}]`, 'a policy', policy);
  });
  return new Chain(policies);
}

/** The policies that a policy is made of, outermost first; a policy that wraps nothing is its own only member. */
export function policiesOf(policy: Policy): readonly Policy[] {
  return policy instanceof Chain ? policy.members.flatMap(policiesOf) : [policy];
}

class Chain implements Policy {
  readonly name: string;
  readonly #policies: readonly Policy[];

  constructor(policies: readonly Policy[]) {
    this.#policies = policies;
    this.name = policies.map((policy) => policy.name).join('>');
  }

  get members(): readonly Policy[] {
    return this.#policies;
  }

  execute<T>(fn: Guarded<T>, options?: CallOptions): Promise<T> {
    return this.#from(0, fn, options);
  }

  onEvent(listener: PolicyListener): () => void {
    const removals = this.#policies.map((policy) => policy.onEvent(listener));
    return () => {
      for (const remove of removals) remove();
    };
  }

  #from<T>(place: number, fn: Guarded<T>, options: CallOptions | undefined): Promise<T> {
    const policy = this.#policies[place]!;
    if (place === this.#policies.length - 1) return policy.execute(fn, options);
    return policy.execute((context) => this.#from(place + 1, fn, context), options);
  }
}
