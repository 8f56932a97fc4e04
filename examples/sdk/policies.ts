/** Shows one call under all policies: a stale answer rather than none, few callers, few retries, a breaker, a deadline. */
import {
  aimdLimit,
  CircuitBreaker,
  createMetrics,
  Fallback,
  Limiter,
  Retry,
  RetryBudget,
  Timeout,
  watchPolicies,
  wrap,
} from 'flowgauge';

export const metrics = createMetrics();

// One budget for all callers of the dependency: retries stay a fifth of the calls, whatever breaks.
const budget = new RetryBudget({ name: 'quotes', ratio: 0.2 });

/** The first is outermost: it sees what all the others made of the call. */
export const quotes = wrap(
  new Fallback<number>({ name: 'quotes', maxAgeMs: 60_000 }),
  new Limiter({ name: 'quotes', limit: aimdLimit({ max: 50 }), maxWaitMs: 500 }),
  new Retry({ name: 'quotes', maxRetries: 2, baseDelayMs: 200, budget }),
  new CircuitBreaker({ name: 'quotes', failureThreshold: 5, recoveryTimeoutMs: 30_000 }),
  new Timeout({ name: 'quotes', timeoutMs: 2_000 }),
);
watchPolicies(metrics, [quotes]);

/** The price of a token. The signal ends the request at the deadline; the key names what a stale answer may stand for. */
export async function priceOf(token: string, signal?: AbortSignal): Promise<number> {
  return quotes.execute(
    async (context) => {
      const answer = await fetch(`https://quotes.example/${token}`, { signal: context.signal });
      if (!answer.ok) throw Object.assign(new Error('no quote'), { status: answer.status });
      return Number(await answer.text());
    },
    { key: token, signal },
  );
}
