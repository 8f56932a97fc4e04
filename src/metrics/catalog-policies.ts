/** Owns the series about the policies around calls: breakers, retries, timeouts, fallbacks, limiters and their caches. */
import type { MetricSpec } from './define.js';

const STABLE = { stability: 'stable', feature: 'dependency' } as const;

const BREAKER = 'name of the circuit breaker, fixed in the program';
const STATE = '`closed`, `open`, `half_open`, `forced_open`, `forced_closed`';
const POLICY = 'name of the policy, fixed in the program';
const LIMITER = 'name of the limiter, fixed in the program';
const CACHE = 'name of the fallback that keeps the values';

export const policyMetrics = {
  breakerState: {
    name: 'circuit_breaker_state',
    help: 'State of a circuit breaker: 1 for the one that holds, 0 for the others.',
    type: 'gauge',
    unit: undefined,
    labels: { breaker: BREAKER, state: STATE },
    ...STABLE,
  },
  breakerTransitions: {
    name: 'circuit_breaker_transitions_total',
    help: 'Changes of the state of a circuit breaker.',
    type: 'counter',
    unit: undefined,
    labels: { breaker: BREAKER, from: STATE, to: STATE },
    ...STABLE,
  },
  breakerStateSeconds: {
    name: 'circuit_breaker_state_seconds_total',
    help: 'Time that a circuit breaker has spent in a state, in seconds; shows an opening that no scrape has seen.',
    type: 'counter',
    unit: 'seconds',
    labels: { breaker: BREAKER, state: STATE },
    ...STABLE,
  },
  breakerCalls: {
    name: 'circuit_breaker_calls_total',
    help: 'Calls through a circuit breaker by how they ended; an ignored one says nothing about the dependency, a rejected one was not made.',
    type: 'counter',
    unit: undefined,
    labels: {
      breaker: BREAKER,
      outcome: '`success`, `slow`, `failure`, `timeout`, `ignored`, `aborted`, `rejected`',
    },
    ...STABLE,
  },
  breakerConsecutiveFailures: {
    name: 'circuit_breaker_consecutive_failures',
    help: 'Failures in a row of a closed circuit breaker; 0 in every other state.',
    type: 'gauge',
    unit: undefined,
    labels: { breaker: BREAKER },
    ...STABLE,
  },
  retryAttempts: {
    name: 'retry_attempts_total',
    help: 'Attempts under a retry by how they ended: retried is followed by another, every other outcome ends its call.',
    type: 'counter',
    unit: undefined,
    labels: {
      policy: POLICY,
      outcome:
        '`success`, `retried`, `not_retryable`, `exhausted`, `budget_empty`, `retry_after_too_long`, `out_of_time`, `aborted`',
    },
    ...STABLE,
  },
  retryRepeatedCalls: {
    name: 'retry_repeated_calls_total',
    help: 'Calls under a retry whose first attempt was followed by another; each once, however many followed.',
    type: 'counter',
    unit: undefined,
    labels: { policy: POLICY },
    ...STABLE,
  },
  retryBudgetTokens: {
    name: 'retry_budget_tokens',
    help: 'Retries that the budget of a retry allows now; retries that share a budget show the same.',
    type: 'gauge',
    unit: undefined,
    labels: { policy: POLICY },
    ...STABLE,
  },
  timeoutCalls: {
    name: 'timeout_calls_total',
    help: 'Calls through a timeout by how they ended.',
    type: 'counter',
    unit: undefined,
    labels: { policy: POLICY, outcome: '`success`, `failure`, `timeout`, `aborted`' },
    ...STABLE,
  },
  timeoutLimit: {
    name: 'timeout_limit_seconds',
    help: 'Longest time that a call would get now, in seconds; moves when the timeout is adaptive.',
    type: 'gauge',
    unit: 'seconds',
    labels: { policy: POLICY },
    ...STABLE,
  },
  fallbackServed: {
    name: 'fallback_served_total',
    help: 'Answers of a fallback by where they came from; none when every source failed.',
    type: 'counter',
    unit: undefined,
    labels: {
      policy: POLICY,
      answer: '`primary`, `last_good`, `alternative`, `reduced`, `static`, `none`',
    },
    ...STABLE,
  },
  fallbackActive: {
    name: 'fallback_active',
    help: 'Whether the latest answer of a fallback did not come from its primary (1), or did (0, as before the first).',
    type: 'gauge',
    unit: undefined,
    labels: { policy: POLICY },
    ...STABLE,
  },
  fallbackAnswerAge: {
    name: 'fallback_answer_age_seconds',
    help: 'Age that the latest answer of a fallback had when it was given, in seconds; 0 unless it was a last good value.',
    type: 'gauge',
    unit: 'seconds',
    labels: { policy: POLICY },
    ...STABLE,
  },
  limiterLimit: {
    name: 'limiter_limit',
    help: 'Calls that a limiter lets through at the same time now.',
    type: 'gauge',
    unit: undefined,
    labels: { limiter: LIMITER },
    ...STABLE,
  },
  limiterInFlight: {
    name: 'limiter_in_flight',
    help: 'Calls that hold a permit of a limiter at the moment of the scrape.',
    type: 'gauge',
    unit: undefined,
    labels: { limiter: LIMITER },
    ...STABLE,
  },
  limiterQueued: {
    name: 'limiter_queued',
    help: 'Calls that wait for a permit of a limiter at the moment of the scrape.',
    type: 'gauge',
    unit: undefined,
    labels: { limiter: LIMITER },
    ...STABLE,
  },
  limiterCalls: {
    name: 'limiter_calls_total',
    help: 'Calls that held a permit of a limiter by what their end says about the load.',
    type: 'counter',
    unit: undefined,
    labels: { limiter: LIMITER, outcome: '`success`, `overload`, `throttled`, `ignored`' },
    ...STABLE,
  },
  limiterRejected: {
    name: 'limiter_rejected_total',
    help: 'Calls that a limiter turned away.',
    type: 'counter',
    unit: undefined,
    labels: { limiter: LIMITER, reason: '`queue_full`, `wait_timeout`' },
    ...STABLE,
  },
  cacheRequests: {
    name: 'cache_requests_total',
    help: 'Looks into kept values by what they found.',
    type: 'counter',
    unit: undefined,
    labels: { cache: CACHE, outcome: '`hit`, `miss`, `expired`' },
    ...STABLE,
  },
  cacheEntries: {
    name: 'cache_entries',
    help: 'Values that are kept now.',
    type: 'gauge',
    unit: undefined,
    labels: { cache: CACHE },
    ...STABLE,
  },
} as const satisfies Readonly<Record<string, MetricSpec>>;
