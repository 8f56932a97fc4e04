/** Owns the proof of the rules by which a token changes its status. */
import { describe, expect, test } from 'vitest';
import { decide, type LivingStatus, type PoolReading, TOKEN_MOVES } from '../../src/demo/lifecycle.js';

const HOUR = 3_600_000;
const pool = (dexId: string, liquidityUsd: number, quote = 'SOL', tradesPastHour = 40): PoolReading => ({
  dexId,
  liquidityUsd,
  quote,
  tradesPastHour,
});
const pad = pool('pumpfun', 90_000);

const cases: [string, LivingStatus, number, PoolReading[], string, string | undefined][] = [
  ['launch pool and one outside pool', 'monitoring', 0, [pad, pool('raydium', 200)], 'active', undefined],
  ['two outside pools', 'monitoring', 0, [pool('raydium', 200), pool('meteora', 200)], 'active', undefined],
  ['one outside pool alone', 'monitoring', 0, [pool('raydium', 5000)], 'monitoring', undefined],
  ['outside pool one cent short', 'monitoring', 0, [pad, pool('raydium', 199.99)], 'monitoring', undefined],
  ['a launch pool proves nothing', 'monitoring', 0, [pad, pool('pumpswap', 900)], 'monitoring', undefined],
  [
    'an odd quote proves nothing',
    'monitoring',
    0,
    [pad, pool('raydium', 900, 'PEPE')],
    'monitoring',
    undefined,
  ],
  ['no pool, young', 'monitoring', 12 * HOUR - 1, [], 'monitoring', undefined],
  ['no pool, twelve hours', 'monitoring', 12 * HOUR, [], 'archived', 'monitoring_timeout'],
  ['in time at the last moment', 'monitoring', 12 * HOUR, [pad, pool('raydium', 200)], 'active', undefined],
  ['stays', 'active', 99 * HOUR, [pad, pool('raydium', 200)], 'active', undefined],
  ['liquidity fell', 'active', 0, [pad, pool('raydium', 199)], 'monitoring', undefined],
  ['nobody trades', 'active', 0, [pad, pool('raydium', 900, 'SOL', 4)], 'archived', 'low_activity'],
  ['pools gone', 'active', 0, [], 'archived', 'low_activity'],
];

describe('decide', () => {
  test.each(cases)('%s', (_name, status, inStatusMs, pools, wanted, reason) => {
    const decision = decide(status, inStatusMs, pools);
    expect([decision.status, decision.reason]).toEqual([wanted, reason]);
  });

  test('the table above makes every move that the flow declares, and no other', () => {
    const made = cases.map(([, from, ms, pools]) => `${from}>${decide(from, ms, pools).status}`);
    const moves = new Set(made.filter((move) => new Set(move.split('>')).size === 2));
    expect([...moves].sort()).toEqual([...TOKEN_MOVES].sort());
  });

  test('the liquidity told is that of the largest outside pool', () => {
    expect(decide('monitoring', 0, [pad, pool('raydium', 150), pool('meteora', 170)]).liquidityUsd).toBe(170);
    expect(decide('monitoring', 0, [pad]).liquidityUsd).toBe(0);
  });
});
