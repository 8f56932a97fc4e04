/** Shows how a breaker is tested without waiting: a clock that stands still until it is told. */
import assert from 'node:assert/strict';
import { BreakerOpenError, CircuitBreaker, ManualClock } from 'flowgauge';

/** Opens a breaker, lets its recovery time pass in no time, and closes it by three good trials. */
export async function breakerRecovers(): Promise<void> {
  const clock = new ManualClock();
  const breaker = new CircuitBreaker({ name: 'quotes', failureThreshold: 1, clock });
  const down = () => Promise.reject(new Error('down'));
  await assert.rejects(breaker.execute(down), /down/);
  await assert.rejects(breaker.execute(down), BreakerOpenError);
  clock.advance(60_000);
  for (let trial = 0; trial < 3; trial++) await breaker.execute(() => 'up');
  assert.equal(breaker.state, 'closed');
}
