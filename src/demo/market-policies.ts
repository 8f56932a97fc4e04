/** Owns the policies around the demo's calls of the market API: what a real application would put there. */
import { CircuitBreaker } from '../resilience/breaker.js';
import { isRetryableAnswer, judgeAnswer } from '../resilience/classify.js';
import { Limiter } from '../resilience/limiter.js';
import { type Policy, wrap } from '../resilience/policy.js';
import { Retry } from '../resilience/retry.js';
import { RetryBudget } from '../resilience/retry-budget.js';
import { Timeout } from '../resilience/timeout.js';

/** Options that a test shortens. Milliseconds. */
export interface MarketPolicyOptions {
  /** How long the circuit stays open before a trial. Default 5,000. */
  readonly recoveryTimeoutMs?: number | undefined;
  /** Longest time of one request. Default 2,000. */
  readonly timeoutMs?: number | undefined;
}

/** Requests at the same time. */
export const REQUESTS_AT_ONCE = 4;
const NAME = 'market';
const TOO_MANY_REQUESTS = 429;

/** A gate, a retry with a budget, a breaker and a deadline, outermost first; all named `market`. */
export function marketPolicies(options: MarketPolicyOptions = {}): Policy {
  return wrap(
    new Limiter({ name: NAME, limit: REQUESTS_AT_ONCE, maxWaitMs: 10_000 }),
    new Retry({
      name: NAME,
      maxRetries: 2,
      baseDelayMs: 100,
      maxDelayMs: 1_000,
      budget: new RetryBudget({ name: NAME }),
      // The pipeline itself waits as long as the market asks it to.
      isRetryableAnswer: (answer) => statusOf(answer) !== TOO_MANY_REQUESTS && isRetryableAnswer(answer),
      whileWaiting: 'release',
    }),
    new CircuitBreaker({
      name: NAME,
      failureThreshold: 5,
      successThreshold: 2,
      recoveryTimeoutMs: options.recoveryTimeoutMs ?? 5_000,
      // A market that limits us is well.
      judgeAnswer: (answer) => (statusOf(answer) === TOO_MANY_REQUESTS ? 'success' : judgeAnswer(answer)),
    }),
    new Timeout({ name: NAME, timeoutMs: options.timeoutMs ?? 2_000 }),
  );
}

function statusOf(answer: unknown): unknown {
  return (answer as { readonly status?: unknown } | undefined)?.status;
}
