/** Checks which repeats are held back, and which message is forgotten when there is no room. */

import { expect, test } from 'vitest';
import { createRepeatLimit } from '../../src/telemetry/repeat-limit.js';

test('the message written longest ago is forgotten first, not the one that is oldest', () => {
  const limit = createRepeatLimit({ windowMs: 10, maxEntries: 2 });
  const admitted = [limit.admit('a', 0), limit.admit('b', 1), limit.admit('a', 10), limit.admit('c', 11)];
  expect([...admitted, limit.admit('a', 12), limit.admit('b', 12)]).toEqual([0, 0, 0, 0, 'suppressed', 0]);
});

test('a span of 0 lifts the limit', () => {
  const limit = createRepeatLimit({ windowMs: 0, maxEntries: 2 });
  expect([limit.admit('a', 0), limit.admit('a', 0), limit.suppressed()]).toEqual([0, 0, 0]);
});
