/** Owns the refusal of wrong options: each option of each policy, with option, rule and value in the message. */
import { describe, expect, test } from 'vitest';
import { batchSize } from '../../src/resilience/batch-size.js';
import { CircuitBreaker } from '../../src/resilience/breaker.js';
import { PolicyOptionError } from '../../src/resilience/errors.js';
import { Fallback } from '../../src/resilience/fallback.js';
import { aimdLimit, fixedLimit, gradientLimit } from '../../src/resilience/limit.js';
import { Limiter } from '../../src/resilience/limiter.js';
import { LoadController } from '../../src/resilience/load-controller.js';
import { wrap } from '../../src/resilience/policy.js';
import { RateLimiter } from '../../src/resilience/rate-limiter.js';
import { Retry } from '../../src/resilience/retry.js';
import { RetryBudget } from '../../src/resilience/retry-budget.js';
import { Timeout } from '../../src/resilience/timeout.js';
import { WorkSizer } from '../../src/resilience/work-sizer.js';

const makers: Record<string, (options: never) => unknown> = {
  breaker: (options) => new CircuitBreaker(options),
  retry: (options) => new Retry(options),
  budget: (options) => new RetryBudget(options),
  timeout: (options) => new Timeout(options),
  fallback: (options) => new Fallback(options),
  limiter: (options) => new Limiter(options),
  rate: (options) => new RateLimiter(options),
  aimd: (options) => aimdLimit(options),
  gradient: (options) => gradientLimit(options),
  batch: (options) => batchSize(options),
  load: (options) => new LoadController(options),
  work: (options) => new WorkSizer(options),
};

const name = 'x';
/** Maker, options that are right but for the named one, the option. */
const wrong: [string, object, string][] = [
  ['breaker', { name: '' }, 'name'],
  ['breaker', { name: 'n'.repeat(101) }, 'name'],
  ['breaker', { name, failureThreshold: 0 }, 'failureThreshold'],
  ['breaker', { name, failureThreshold: 1.5 }, 'failureThreshold'],
  ['breaker', { name, recoveryTimeoutMs: 0 }, 'recoveryTimeoutMs'],
  ['breaker', { name, recoveryTimeoutMs: 2 ** 31 }, 'recoveryTimeoutMs'],
  ['breaker', { name, recoveryFactor: 0.9 }, 'recoveryFactor'],
  ['breaker', { name, maxRecoveryTimeoutMs: 59_999 }, 'maxRecoveryTimeoutMs'],
  ['breaker', { name, successThreshold: -1 }, 'successThreshold'],
  ['breaker', { name, maxTrials: 0 }, 'maxTrials'],
  ['breaker', { name, callTimeoutMs: Number.NaN }, 'callTimeoutMs'],
  ['breaker', { name, callTimeoutMs: Number.POSITIVE_INFINITY }, 'callTimeoutMs'],
  ['breaker', { name, failureRateThreshold: 0 }, 'failureRateThreshold'],
  ['breaker', { name, failureRateThreshold: 1.01 }, 'failureRateThreshold'],
  ['breaker', { name, slowCallMs: 30_001 }, 'slowCallMs'],
  ['breaker', { name, slowRateThreshold: 0.5 }, 'slowRateThreshold'],
  ['breaker', { name, minimumCalls: 5 }, 'minimumCalls'],
  ['breaker', { name, failureRateThreshold: 0.5, minimumCalls: 101 }, 'minimumCalls'],
  ['breaker', { name, windowCalls: 5 }, 'windowCalls'],
  ['breaker', { name, failureRateThreshold: 0.5, windowCalls: 0 }, 'windowCalls'],
  ['breaker', { name, failureRateThreshold: 0.5, windowMs: 99 }, 'windowMs'],
  ['breaker', { name, failureRateThreshold: 0.5, windowMs: 1_000, windowCalls: 50 }, 'windowMs'],
  ['breaker', { name, judgeError: true }, 'judgeError'],
  ['breaker', { name, judgeAnswer: 'x' }, 'judgeAnswer'],
  ['breaker', { name, recoverTimeoutMs: 5 }, 'recoverTimeoutMs'],
  ['retry', { name, maxRetries: 101 }, 'maxRetries'],
  ['retry', { name, baseDelayMs: -1 }, 'baseDelayMs'],
  ['retry', { name, factor: 0 }, 'factor'],
  ['retry', { name, maxDelayMs: 999 }, 'maxDelayMs'],
  ['retry', { name, jitter: 'full' }, 'jitter'],
  ['retry', { name, maxRetryAfterMs: -1 }, 'maxRetryAfterMs'],
  ['retry', { name, totalTimeoutMs: 0 }, 'totalTimeoutMs'],
  ['retry', { name, budget: {} }, 'budget'],
  ['retry', { name, isRetryable: 1 }, 'isRetryable'],
  ['retry', { name, isRetryableAnswer: 1 }, 'isRetryableAnswer'],
  ['retry', { name, whileWaiting: 'keep' }, 'whileWaiting'],
  ['retry', { name, random: 0.5 }, 'random'],
  ['budget', { name, ratio: -0.1 }, 'ratio'],
  ['budget', { name, minPerSecond: 10_001 }, 'minPerSecond'],
  ['budget', { name, maxTokens: 0 }, 'maxTokens'],
  ['timeout', { name, timeoutMs: '30s' }, 'timeoutMs'],
  ['timeout', { name, multiple: 0.5 }, 'multiple'],
  ['timeout', { name, minTimeoutMs: 5 }, 'minTimeoutMs'],
  ['timeout', { name, multiple: 2, minTimeoutMs: 30_001 }, 'minTimeoutMs'],
  ['timeout', { name, multiple: 2, maxTimeoutMs: 29_999 }, 'maxTimeoutMs'],
  ['timeout', { name, multiple: 2, minimumCalls: 9 }, 'minimumCalls'],
  ['timeout', { name, atDeadline: 'throw' }, 'atDeadline'],
  ['fallback', { name, maxAgeMs: 0 }, 'maxAgeMs'],
  ['fallback', { name, maxEntries: 5 }, 'maxEntries'],
  ['fallback', { name, maxAgeMs: 5, maxEntries: 0 }, 'maxEntries'],
  ['fallback', { name, defaultKey: 5 }, 'defaultKey'],
  ['fallback', { name, alternative: 'https://b.example' }, 'alternative'],
  ['fallback', { name, reduced: 1 }, 'reduced'],
  ['fallback', { name, standInTimeoutMs: 0 }, 'standInTimeoutMs'],
  ['fallback', { name, order: ['static', 'static'] }, 'order'],
  ['fallback', { name, order: ['primary'] }, 'order'],
  ['fallback', { name, handles: 1 }, 'handles'],
  ['fallback', { name, isFailure: 1 }, 'isFailure'],
  ['limiter', { name }, 'limit'],
  ['limiter', { name, limit: 0 }, 'limit'],
  ['limiter', { name, limit: {} }, 'limit'],
  ['limiter', { name, limit: 1, maxQueue: -1 }, 'maxQueue'],
  ['limiter', { name, limit: 1, maxWaitMs: 0 }, 'maxWaitMs'],
  ['limiter', { name, limit: 1, judgeError: 1 }, 'judgeError'],
  ['limiter', { name, limit: 1, judgeAnswer: 1 }, 'judgeAnswer'],
  ['rate', { name }, 'ratePerSecond'],
  ['rate', { name, ratePerSecond: 0 }, 'ratePerSecond'],
  ['rate', { name, ratePerSecond: Number.NaN }, 'ratePerSecond'],
  ['rate', { name, ratePerSecond: 1, burst: 0 }, 'burst'],
  ['rate', { name, ratePerSecond: 1, burst: 1.5 }, 'burst'],
  ['rate', { name, ratePerSecond: 1, maxQueue: -1 }, 'maxQueue'],
  ['rate', { name, ratePerSecond: 1, maxWaitMs: -1 }, 'maxWaitMs'],
  ['rate', { name, ratePerSecond: 1, maxPauseMs: 2 ** 31 }, 'maxPauseMs'],
  ['rate', { name, ratePerSecond: 1, slowRatio: 0 }, 'slowRatio'],
  ['rate', { name, ratePerSecond: 1, slowMs: 5 }, 'slowMs'],
  ['rate', { name, ratePerSecond: 1, slowRatio: 0.5, slowMs: 0 }, 'slowMs'],
  ['rate', { name, ratePerSecond: 1, askedPauseMs: 5 }, 'askedPauseMs'],
  ['rate', { name, ratePerSecond: 1, whileWaiting: 'keep' }, 'whileWaiting'],
  ['rate', { name, ratePerSecond: 1, perSecond: 1 }, 'perSecond'],
  ['aimd', { min: 0 }, 'min'],
  ['aimd', { min: 5, max: 4 }, 'max'],
  ['aimd', { initial: 201 }, 'initial'],
  ['aimd', { backoffRatio: 1 }, 'backoffRatio'],
  ['gradient', { tolerance: 0.5 }, 'tolerance'],
  ['gradient', { smoothing: 0 }, 'smoothing'],
  ['load', { cpuReducedRatio: 1.1 }, 'cpuReducedRatio'],
  ['load', { cpuReducedRatio: 0.9, cpuMinimalRatio: 0.8 }, 'cpuMinimalRatio'],
  ['load', { memoryReducedRatio: -1 }, 'memoryReducedRatio'],
  ['load', { memoryMinimalRatio: 0.7 }, 'memoryMinimalRatio'],
  ['load', { workReducedRatio: Number.NaN }, 'workReducedRatio'],
  ['load', { workMinimalRatio: 0.7 }, 'workMinimalRatio'],
  ['load', { hysteresisRatio: 0.6 }, 'hysteresisRatio'],
  ['load', { samples: 0 }, 'samples'],
  ['load', { reducedPriority: 11 }, 'reducedPriority'],
  ['load', { minimalPriority: 2 }, 'minimalPriority'],
  ['load', { maxDeferred: -1 }, 'maxDeferred'],
  ['load', { maxDeferMs: 0 }, 'maxDeferMs'],
  ['load', { drainCpuRatio: 0 }, 'drainCpuRatio'],
  ['load', { drainParallelism: 0 }, 'drainParallelism'],
  ['load', { clock: {} }, 'clock'],
  ['load', { cpuRatio: 0.5 }, 'cpuRatio'],
  ['work', { name: '' }, 'name'],
  ['work', { name, batch: 5 }, 'batch'],
  ['work', { name, minBatch: 0 }, 'minBatch'],
  ['work', { name, maxBatch: 5 }, 'maxBatch'],
  ['work', { name, parallel: 11 }, 'parallel'],
  ['work', { name, minParallel: 0 }, 'minParallel'],
  ['work', { name, maxParallel: 0 }, 'maxParallel'],
  ['work', { name, highCpuRatio: 2 }, 'highCpuRatio'],
  ['work', { name, lowCpuRatio: 0.9 }, 'lowCpuRatio'],
  ['work', { name, longQueue: 0 }, 'longQueue'],
  ['work', { name, maxStepRatio: 0 }, 'maxStepRatio'],
  ['work', { name, pauseMs: -1 }, 'pauseMs'],
  ['work', { name, adapts: true }, 'adapts'],
  ['batch', { min: 0 }, 'min'],
  ['batch', { max: 5 }, 'max'],
  ['batch', { initial: 5 }, 'initial'],
  ['batch', { highCpuRatio: 1.1 }, 'highCpuRatio'],
  ['batch', { lowCpuRatio: 0.9 }, 'lowCpuRatio'],
  ['batch', { shrinkFactor: 1 }, 'shrinkFactor'],
  ['batch', { growFactor: 1 }, 'growFactor'],
  ['batch', { maxStepRatio: 0 }, 'maxStepRatio'],
];

describe('wrong options', () => {
  test.each(wrong)('%s %j is refused for %s', (maker, options, option) => {
    const error = refusal(() => makers[maker]!(options as never));
    expect(error).toMatchObject({ code: 'POLICY_OPTION', name: 'PolicyOptionError', option });
    expect(error.message).toMatch(new RegExp(`: option ${option} must be .+; got .+`));
  });

  test('the message reads well', () => {
    expect(refusal(() => new CircuitBreaker({ name: 'quotes', failureThreshold: 0 })).message).toBe(
      'circuit breaker "quotes": option failureThreshold must be a whole number from 1 to 1000000; got 0',
    );
    expect(
      refusal(() => new Retry({ name: 'quotes', budget: { password: 'hunter2' } as never })).message,
    ).toBe('retry "quotes": option budget must be a RetryBudget; got an object');
    expect(refusal(() => fixedLimit(0)).message).toContain('a whole number from 1 to 100000; got 0');
    expect(refusal(() => wrap()).message).toContain('at least one policy');
    expect(refusal(() => wrap({} as never)).message).toContain('policies[0] must be a policy');
    expect(refusal(() => new Timeout(undefined as never)).message).toContain(
      'options must be an object; got undefined',
    );
  });

  test('undefined means the default', () => {
    expect(new Timeout({ name, timeoutMs: undefined, multiple: undefined }).limitMs).toBe(30_000);
  });
});

function refusal(make: () => unknown): PolicyOptionError {
  try {
    make();
  } catch (error) {
    if (error instanceof PolicyOptionError) return error;
    throw error;
  }
  throw new Error('the option was taken');
}
