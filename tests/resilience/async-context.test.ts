/** Checks that a guarded function runs in its caller's async context, whatever timer or permit started it. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { CircuitBreaker } from '../../src/resilience/breaker.js';
import { Fallback } from '../../src/resilience/fallback.js';
import { Limiter } from '../../src/resilience/limiter.js';
import { wrap } from '../../src/resilience/policy.js';
import { Retry } from '../../src/resilience/retry.js';
import { Timeout } from '../../src/resilience/timeout.js';

const caller = new AsyncLocalStorage<string>();

test('a repeated attempt runs as its own caller, not as the one whose wait started the shared timer', async () => {
  const retry = new Retry({ name: 'quotes', baseDelayMs: 20, jitter: 'none', maxRetries: 2 });
  const seen: (readonly [string, string | undefined])[] = [];
  const call = (name: string, order: number) =>
    caller.run(name, async () => {
      await pause(order);
      await retry.execute(async ({ attempt }) => {
        seen.push([name, caller.getStore()]);
        if (attempt < 3) throw Object.assign(new Error('down'), { code: 'ECONNRESET' });
      });
    });
  await Promise.all([call('a', 0), call('b', 3), call('c', 6)]);
  expect(seen).toHaveLength(9);
  for (const [name, store] of seen) expect(store).toBe(name);
});

test('a call that waited for a permit runs as its own caller, not as the one that gave the permit back', async () => {
  const limiter = new Limiter({ name: 'quotes', limit: 1 });
  const seen: (readonly [string, string | undefined])[] = [];
  const call = (name: string) =>
    caller.run(name, () =>
      limiter.execute(async () => {
        await pause(1);
        seen.push([name, caller.getStore()]);
      }),
    );
  await Promise.all(['a', 'b', 'c', 'd'].map(call));
  expect(seen.map(([, store]) => store)).toEqual(['a', 'b', 'c', 'd']);
});

test('all of them together keep the caller, before and after the call', async () => {
  const name = 'quotes';
  const policy = wrap(
    new Fallback({ name }),
    new Limiter({ name, limit: 1 }),
    new Retry({ name, baseDelayMs: 5, maxRetries: 1 }),
    new CircuitBreaker({ name }),
    new Timeout({ name, timeoutMs: 1_000 }),
  );
  const call = (who: string) =>
    caller.run(who, async () => {
      const inside = await policy.execute(async ({ attempt }) => {
        if (attempt === 1) throw Object.assign(new Error('down'), { code: 'ECONNRESET' });
        return caller.getStore();
      });
      return [who, inside, caller.getStore()];
    });
  for (const [who, inside, after] of await Promise.all(['a', 'b', 'c'].map(call))) {
    expect([inside, after]).toEqual([who, who]);
  }
});
