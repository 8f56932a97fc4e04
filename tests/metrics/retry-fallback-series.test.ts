/** Checks what /metrics says of repeated calls, and of what a fallback answers with while its primary is away. */
import { expect, test } from 'vitest';
import { watchPolicies } from '../../src/metrics/policies.js';
import { createMetrics } from '../../src/metrics/registry.js';
import { Fallback } from '../../src/resilience/fallback.js';
import { ManualClock } from '../../src/resilience/manual-clock.js';
import { Retry } from '../../src/resilience/retry.js';
import { textOf } from './fixture.js';

type Metrics = ReturnType<typeof createMetrics>;

async function linesOf(metrics: Metrics, ...names: string[]): Promise<string[]> {
  metrics.refreshSelf();
  const lines = (await textOf(metrics.registry)).split('\n');
  return lines.filter((line) => names.some((name) => line.startsWith(`${name}{`)));
}

test('a call that was repeated counts once, however often; one that succeeds at once does not', async () => {
  const metrics = createMetrics({ processMetrics: 'omit' });
  const retry = new Retry({ name: 'market', maxRetries: 3, baseDelayMs: 1, maxDelayMs: 1 });
  watchPolicies(metrics, [retry]);
  const repeated = () => linesOf(metrics, 'retry_repeated_calls_total');
  expect(await repeated()).toEqual(['retry_repeated_calls_total{policy="market"} 0']);
  await retry.execute(async () => 'well');
  expect(await repeated()).toEqual(['retry_repeated_calls_total{policy="market"} 0']);
  const failing = (times: number) => {
    let left = times;
    return async () => {
      left -= 1;
      if (left >= 0) throw Object.assign(new Error('away'), { code: 'ECONNRESET' });
      return 'well';
    };
  };
  await retry.execute(failing(3));
  await retry.execute(failing(1));
  await expect(retry.execute(failing(9))).rejects.toThrow('away');
  expect(await repeated()).toEqual(['retry_repeated_calls_total{policy="market"} 3']);
  expect(await linesOf(metrics, 'retry_attempts_total')).toEqual(
    expect.arrayContaining([
      'retry_attempts_total{policy="market",outcome="success"} 3',
      'retry_attempts_total{policy="market",outcome="retried"} 7',
      'retry_attempts_total{policy="market",outcome="exhausted"} 1',
    ]),
  );
});

test('a fallback is active while the latest answer came from elsewhere, and says how old a last good value was', async () => {
  const metrics = createMetrics({ processMetrics: 'omit' });
  const clock = new ManualClock();
  const prices = new Fallback<number>({ name: 'prices', maxAgeMs: 60_000, clock });
  const end = watchPolicies(metrics, [prices]);
  const now = async () => {
    const lines = await linesOf(metrics, 'fallback_active', 'fallback_answer_age_seconds');
    return lines.map((line) => line.replace('{policy="prices"}', ''));
  };
  const ask = (answer: () => Promise<number>) => prices.execute(answer, { key: 'sol' });
  const away = () => ask(() => Promise.reject(new Error('away')));
  expect(await now()).toEqual(['fallback_active 0', 'fallback_answer_age_seconds 0']);
  await ask(async () => 7);
  clock.advance(12_500);
  expect(await away()).toBe(7);
  expect(await now()).toEqual(['fallback_active 1', 'fallback_answer_age_seconds 12.5']);
  await ask(async () => 8);
  expect(await now()).toEqual(['fallback_active 0', 'fallback_answer_age_seconds 0']);
  clock.advance(60_001);
  await expect(away()).rejects.toThrow('away');
  expect(await now()).toEqual(['fallback_active 1', 'fallback_answer_age_seconds 0']);
  end();
  expect(await now()).toEqual([]);
});
