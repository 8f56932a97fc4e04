/** Owns the series of a rate limiter: what became of its calls as they come, its budget as a scrape finds it. */
import { rateOutcomes } from '../resilience/events.js';
import type { RateLimiter } from '../resilience/rate-limiter.js';
import type { Metrics } from './registry.js';

/** Puts one rate limiter on the metrics; the answer ends that, and takes out the series that say what is now. */
export function watchRateLimiter(metrics: Metrics, source: RateLimiter): () => void {
  const rate_limiter = source.name;
  const calls = new Map(
    rateOutcomes.map((outcome) => [outcome, metrics.rateLimiterCalls.bind({ rate_limiter, outcome })]),
  );
  const waits = metrics.rateLimiterWait.bind({ rate_limiter });
  const pauses = metrics.rateLimiterPauses.bind({ rate_limiter });
  const silence = source.onEvent((event) => {
    if (event.kind === 'rate_limiter_pause') pauses.inc();
    if (event.kind !== 'rate_limiter_call') return;
    calls.get(event.outcome)?.inc();
    if (event.outcome === 'waited') waits.observe(event.waitedMs / 1000);
  });
  const now = [
    [metrics.rateLimiterTokens, () => source.tokens],
    [metrics.rateLimiterBudgetRemaining, () => source.remainingRatio],
    [metrics.rateLimiterRate, () => source.ratePerSecond],
    [metrics.rateLimiterQueued, () => source.queued],
    [metrics.rateLimiterPauseLeft, () => source.pauseMs / 1000],
  ] as const;
  const refresh = () => {
    for (const [gauge, read] of now) gauge.set({ rate_limiter }, read());
  };
  refresh();
  const forget = metrics.onScrape(refresh);
  return () => {
    silence();
    forget();
    for (const [gauge] of now) gauge.remove({ rate_limiter });
  };
}
