/** Owns the proof of the market API over real HTTP: answers, limits, errors, silence and planned outages. */
import { afterEach, describe, expect, test } from 'vitest';
import {
  type MarketApi,
  type MarketApiOptions,
  plannedOutage,
  startMarketApi,
} from '../../src/demo/market-api.js';
import { askMarket } from '../../src/demo/market-client.js';
import type { ApiCondition } from '../../src/demo/scenarios.js';
import { createWorld, MARKET_HOUR_MS } from '../../src/demo/world.js';
import { Timeout } from '../../src/resilience/timeout.js';

const world = createWorld({ seed: 1, listedShare: 1 });
const tokens = world.arrivals(0);
const signal = new AbortController().signal;
/** Nothing but a deadline around the request. */
const within = (timeoutMs: number) => new Timeout({ name: 'market', timeoutMs });
let api: MarketApi | undefined;

afterEach(async () => {
  await api?.stop();
  api = undefined;
});

async function start(options: Partial<MarketApiOptions> = {}): Promise<MarketApi> {
  api = await startMarketApi({
    world,
    marketMs: () => 30 * MARKET_HOUR_MS,
    nowMs: () => 0,
    seed: 1,
    condition: () => 'normal',
    errorShare: 0,
    latencyMedianMs: 1,
    outages: 'none',
    ...options,
  });
  return api;
}

describe('market API', () => {
  test('answers with the pools that the world has at this moment', async () => {
    const { url } = await start();
    const mints = tokens.map((token) => token.mint);
    const answer = await askMarket(url, [...mints, 'unknown'], { policy: within(5_000), signal });
    expect(answer.outcome).toBe('ok');
    if (answer.outcome !== 'ok') return;
    for (const token of tokens) {
      expect(answer.pools.get(token.mint)).toEqual(
        world.pools(token, 30 * MARKET_HOUR_MS).map((pool) => ({
          dexId: pool.dexId,
          quote: pool.quote,
          liquidityUsd: pool.liquidityUsd,
          tradesPastHour: pool.tradesPerHour,
        })),
      );
    }
    expect(answer.pools.get('unknown')).toEqual([]);
  });

  test('speaks the shape of a market data service', async () => {
    const { url } = await start();
    const response = await fetch(`${url}/tokens/v1/solana/${tokens[0]!.mint}`);
    expect(response.headers.get('content-type')).toBe('application/json');
    const [pair] = (await response.json()) as Record<string, unknown>[];
    expect(pair).toMatchObject({
      chainId: 'solana',
      dexId: 'pumpfun',
      baseToken: { address: tokens[0]!.mint, symbol: tokens[0]!.symbol },
      quoteToken: { symbol: 'SOL' },
      liquidity: { usd: expect.any(Number) },
      txns: { h1: { buys: expect.any(Number), sells: expect.any(Number) } },
    });
  });

  test('refuses what the real one refuses', async () => {
    const { url } = await start();
    const many = Array.from({ length: 31 }, () => 'x').join(',');
    expect((await fetch(`${url}/tokens/v1/solana/${many}`)).status).toBe(400);
    expect((await fetch(`${url}/other`)).status).toBe(404);
    await expect(askMarket(url, [], { policy: within(1), signal })).rejects.toThrow(
      '1 to 30 tokens at once, got 0',
    );
  });

  test('limits the rate and says when to come again', async () => {
    let now = 0;
    const { url } = await start({ nowMs: () => now, ratePerSecond: 0.5 });
    const ask = () => askMarket(url, ['x'], { policy: within(5_000), signal });
    const outcomes = [];
    for (let at = 0; at < 21; at++) outcomes.push((await ask()).outcome);
    expect(outcomes).toEqual([...new Array(20).fill('ok'), 'limited']);
    expect(await ask()).toEqual({ outcome: 'limited', waitMs: 2_000 });
    now = 2_000;
    expect((await ask()).outcome).toBe('ok');
  });

  test('fails as often as asked', async () => {
    const { url, answers } = await start({ errorShare: 1 });
    expect(await askMarket(url, ['x'], { policy: within(5_000), signal })).toEqual({ outcome: 'error' });
    expect(answers()).toEqual({ 500: 1 });
  });

  test('a fault is switched on and off while it runs; a silent request ends by the deadline', async () => {
    let condition: ApiCondition = 'errors';
    const { url, answers } = await start({ condition: () => condition });
    const ask = () => askMarket(url, ['x'], { policy: within(100), signal });
    expect(await ask()).toEqual({ outcome: 'error' });
    condition = 'silence';
    expect(await ask()).toEqual({ outcome: 'timeout' });
    condition = 'normal';
    const answer = await askMarket(url, ['x'], { policy: within(5_000), signal });
    expect(answer.outcome).toBe('ok');
    expect(answers()).toEqual({ 200: 1, 503: 1, silent: 1 });
  });

  test('stop cuts silent requests and frees the port', async () => {
    const { url, stop } = await start({ condition: () => 'silence' });
    const pending = askMarket(url, ['x'], { policy: within(60_000), signal });
    await expect.poll(() => api!.answers().silent).toBe(1);
    await stop();
    expect(await pending).toEqual({ outcome: 'error' });
    await expect(fetch(url)).rejects.toThrow();
  });

  test('planned outages follow the seed: some periods have one of 4 to 15 s, of both kinds', () => {
    const seconds = { normal: 0, errors: 0, silence: 0 };
    const periods = new Map<number, number>();
    for (let second = 0; second < 86_400; second++) {
      const condition = plannedOutage('s', second * 1000);
      seconds[condition] += 1;
      const period = Math.floor(second / 600);
      if (condition !== 'normal') periods.set(period, (periods.get(period) ?? 0) + 1);
      expect(plannedOutage('s', second * 1000)).toBe(condition);
    }
    expect(periods.size).toBeGreaterThan(50);
    expect(periods.size).toBeLessThan(95);
    for (const length of periods.values()) expect(length).toBeGreaterThanOrEqual(3);
    expect(Math.max(...periods.values())).toBeLessThanOrEqual(15);
    expect(seconds.errors).toBeGreaterThan(seconds.silence);
    expect(seconds.silence).toBeGreaterThan(50);
  });
});
