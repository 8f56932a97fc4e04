/** Owns the limits about calls to other services and the policies around them: name, meaning, bounds, default. Pure. */

/** In the order in which the reference lists them; `thresholds.ts` has them checked. */
export const CALL_THRESHOLDS = [
  {
    name: 'api_error_ratio',
    meaning: 'Share of the requests to an API that failed, over 5 minutes.',
    bounds: [0, 1],
    side: 'above',
    defaults: { warning: 0.15, critical: 0.25 },
  },
  {
    name: 'api_latency_growth_ratio',
    meaning: 'How much slower an API is than its own last day, as a share; 0.2 is 20 % slower.',
    bounds: [0.01, 100],
    side: 'above',
    defaults: { warning: 0.2, error: 1 },
  },
  {
    name: 'breaker_open_ratio',
    meaning: 'Share of the last 5 minutes in which a circuit breaker was open.',
    bounds: [0, 1],
    side: 'above',
    defaults: { warning: 0.05, error: 0.5 },
  },
  {
    name: 'breaker_openings_per_hour',
    meaning: 'Openings of one circuit breaker within an hour.',
    bounds: [1, 3600],
    side: 'above',
    defaults: { warning: 5 },
  },
  {
    name: 'retried_calls_ratio',
    meaning: 'Share of the calls under a retry that had to be repeated, over 10 minutes.',
    bounds: [0, 1],
    side: 'above',
    defaults: { warning: 0.2 },
  },
  {
    name: 'fallback_stale_ratio',
    meaning: 'Share of the answers of a fallback that did not come from the primary, over 10 minutes.',
    bounds: [0, 1],
    side: 'above',
    defaults: { warning: 0.1, error: 0.5 },
  },
  {
    name: 'limiter_rejected_ratio',
    meaning: 'Share of the calls that a limiter turned away, over 5 minutes.',
    bounds: [0, 1],
    side: 'above',
    defaults: { warning: 0.05, error: 0.5 },
  },
] as const;
