/** Owns the proof that the simulated market is a function of seed and time, and that about 1 % graduate. */
import { describe, expect, test } from 'vitest';
import { decide, type LivingStatus } from '../../src/demo/lifecycle.js';
import {
  createWorld,
  MARKET_HOUR_MS,
  MARKET_MINUTE_MS,
  MAX_ARRIVALS_PER_SLOT,
  type Token,
  type World,
} from '../../src/demo/world.js';

function readings(world: World, token: Token, atMs: number) {
  return world.pools(token, atMs).map((pool) => ({ ...pool, tradesPastHour: pool.tradesPerHour }));
}

/** The statuses that a token takes when it is checked every ten market minutes. */
function lifeOf(world: World, token: Token): string[] {
  const life: string[] = ['monitoring'];
  let since = token.bornMs;
  for (let at = token.bornMs; at < token.bornMs + 240 * MARKET_HOUR_MS; at += 10 * MARKET_MINUTE_MS) {
    const status = life.at(-1) as LivingStatus;
    const next = decide(status, at - since, readings(world, token, at)).status;
    if (next === status) continue;
    life.push(next);
    since = at;
    if (next === 'archived') return life;
  }
  return life;
}

describe('world', () => {
  test('the same seed makes the same market, whatever was asked before', () => {
    const one = createWorld({ seed: 's' });
    const two = createWorld({ seed: 's' });
    for (let slot = 50; slot >= 0; slot--) one.arrivals(slot);
    const tokens = one.arrivals(0);
    expect(two.arrivals(0)).toEqual(tokens);
    const at = 90 * MARKET_MINUTE_MS;
    expect(tokens.map((token) => two.pools(token, at))).toEqual(tokens.map((token) => one.pools(token, at)));
    expect(createWorld({ seed: 't' }).arrivals(0)).not.toEqual(tokens);
  });

  test('a token is found by its address alone, and only in its own market', () => {
    const world = createWorld({ seed: 1 });
    for (const token of [...world.arrivals(0), ...world.arrivals(123_456, 100)]) {
      expect(world.find(token.mint)).toEqual(token);
      expect(token.mint).toMatch(/^[1-9A-HJ-NP-Za-km-z]{44}$/);
      expect(createWorld({ seed: 2 }).find(token.mint)).toBeUndefined();
    }
    for (const wrong of ['', 'x', '0'.repeat(44), 'l'.repeat(44), 'z'.repeat(44)]) {
      expect(world.find(wrong)).toBeUndefined();
    }
  });

  test('tokens are born in their minute, and have no pool before', () => {
    const world = createWorld({ seed: 4 });
    const tokens = [...world.arrivals(0), ...world.arrivals(700, 200)];
    expect(tokens.length).toBeGreaterThan(12);
    for (const token of world.arrivals(700, 200)) {
      expect(token.bornMs).toBeGreaterThanOrEqual(700 * MARKET_MINUTE_MS);
      expect(token.bornMs).toBeLessThan(701 * MARKET_MINUTE_MS);
    }
    for (const token of tokens) {
      expect(world.pools(token, token.bornMs - 1)).toEqual([]);
      expect(world.pools(token, token.bornMs).map((pool) => pool.dexId)).toEqual(['pumpfun']);
    }
  });

  test('arrivals have the asked rate, come in bursts, grow with the factor and are bounded', () => {
    const world = createWorld({ seed: 5, arrivalsPerHour: 60 });
    const perHour = (factor: number) => {
      const hours: number[] = [];
      for (let slot = 1; slot < 60 * 240; slot++) {
        hours[Math.floor(slot / 60)] =
          (hours[Math.floor(slot / 60)] ?? 0) + world.arrivals(slot, factor).length;
      }
      return hours;
    };
    const total = (hours: number[]) => hours.reduce((sum, count) => sum + count, 0) / hours.length;
    const usual = perHour(1);
    // 40 of 600 minutes bear four times as many, hence 1.2 times 60 on average.
    expect(Math.abs(total(usual) - 72)).toBeLessThan(4);
    expect(Math.max(...usual)).toBeGreaterThan(140);
    expect(total(perHour(3)) / total(usual)).toBeCloseTo(3, 0);
    expect(world.arrivals(9, 100_000 / 60)).toHaveLength(MAX_ARRIVALS_PER_SLOT);
  });

  test('about 1 % of the tokens ever graduate; most of them fall back at least once or die', () => {
    let born = 0;
    let graduated = 0;
    const endings = new Map<string, number>();
    for (const seed of [11, 12, 13]) {
      const world = createWorld({ seed });
      for (let slot = 0; slot < 60 * 24 * 60; slot++) {
        for (const token of world.arrivals(slot)) {
          born += 1;
          // A token without an outside pool ten days later never had one: its life needs no walk.
          if (world.pools(token, token.bornMs + 240 * MARKET_HOUR_MS).length === 1) continue;
          const life = lifeOf(world, token);
          if (!life.includes('active')) continue;
          graduated += 1;
          const ending = life.slice(-2).join('>');
          endings.set(ending, (endings.get(ending) ?? 0) + 1);
        }
      }
    }
    expect(born).toBeGreaterThan(10_000);
    expect(graduated / born).toBeGreaterThan(0.008);
    expect(graduated / born).toBeLessThan(0.014);
    expect(endings.get('monitoring>archived')).toBeGreaterThan(10);
    expect(endings.get('active>archived')).toBeGreaterThan(10);
  });

  test('options out of bounds are refused', () => {
    expect(() => createWorld({ seed: 1, arrivalsPerHour: 0 })).toThrow('arrivalsPerHour must be more than 0');
    expect(() => createWorld({ seed: 1, listedShare: 1.1 })).toThrow(
      'listedShare must be more than 0 and at most 1, got 1.1',
    );
  });
});
