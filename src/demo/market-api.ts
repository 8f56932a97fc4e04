/** Owns the simulated market's HTTP face: pools of up to 30 tokens a request, with delays, errors and limits. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRandom, type Random, type Seed } from './random.js';
import type { ApiCondition } from './scenarios.js';
import type { Pool, Token, World } from './world.js';

/** The most addresses that one request may name. */
export const MAX_MINTS = 30;

export interface MarketApiOptions {
  readonly world: World;
  /** Market time in milliseconds, asked for at each request. */
  readonly marketMs: () => number;
  /** Real time in milliseconds on any steady clock; the limit and the outages follow it. */
  readonly nowMs: () => number;
  /** Chance of delays, errors and outages. */
  readonly seed: Seed;
  /** A fault that is in force now; it goes before the scheduled outages. */
  readonly condition: () => ApiCondition;
  /** Share of requests answered with 500, 0–1. Default 0.005. */
  readonly errorShare?: number;
  /** Median delay of an answer in milliseconds; log-normal, a few in a thousand take ten times as long. Default 20. */
  readonly latencyMedianMs?: number;
  /** Requests a second that are allowed on the long run. Default 5. */
  readonly ratePerSecond?: number;
  /** `scheduled` adds a short outage in about every second period of ten minutes. Default `scheduled`. */
  readonly outages?: 'scheduled' | 'none';
}

export interface MarketApi {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** Answers so far by status code; `silent` counts requests that got no answer. */
  answers(): Readonly<Record<string, number>>;
  /** Cuts every connection and frees the port. */
  stop(): Promise<void>;
}

const PATH = /^\/tokens\/v1\/solana\/([^/?]+)$/;
const BURST_REQUESTS = 20;
const MAX_LATENCY_MS = 4_000;
const OUTAGE_PERIOD_MS = 600_000;

/** Serves the market on a free loopback port. */
export async function startMarketApi(options: MarketApiOptions): Promise<MarketApi> {
  const random = createRandom(`api/${options.seed}`);
  const startedMs = options.nowMs();
  const admit = rateLimit(options.ratePerSecond ?? 5, options.nowMs);
  const answers: Record<string, number> = {};
  const timers = new Set<NodeJS.Timeout>();

  const answer = (
    response: ServerResponse,
    status: number,
    body: unknown,
    headers: Record<string, string> = {},
  ) => {
    answers[status] = (answers[status] ?? 0) + 1;
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };

  const handle = (request: IncomingMessage, response: ServerResponse) => {
    request.resume();
    const condition = conditionNow(options, options.nowMs() - startedMs);
    if (condition === 'silence') {
      answers.silent = (answers.silent ?? 0) + 1;
      return;
    }
    if (condition === 'errors') return answer(response, 503, { error: 'service unavailable' });
    const waitSeconds = admit();
    if (waitSeconds > 0) {
      return answer(response, 429, { error: 'too many requests' }, { 'retry-after': String(waitSeconds) });
    }
    const fails = random.chance(options.errorShare ?? 0.005);
    const delayMs = Math.min(random.lognormal(options.latencyMedianMs ?? 20, 0.8), MAX_LATENCY_MS);
    const timer = setTimeout(() => {
      timers.delete(timer);
      if (response.destroyed) return;
      if (fails) return answer(response, 500, { error: 'internal error' });
      const found = lookUp(options.world, request.url ?? '', options.marketMs());
      answer(response, found.status, found.body);
    }, delayMs);
    timers.add(timer);
  };

  const server = createServer({ requestTimeout: 10_000 }, handle);
  // A client that forgets its connections must not use up the process' file handles.
  server.maxConnections = 64;
  await listen(server);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answers: () => ({ ...answers }),
    stop: async () => {
      for (const timer of timers) clearTimeout(timer);
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // Without this the close waits for every request that silence left open.
      server.closeAllConnections();
      await closed;
    },
  };
}

/** The outage planned for a moment (milliseconds since the start), decided by the seed alone. */
export function plannedOutage(seed: Seed, elapsedMs: number): ApiCondition {
  const period = Math.floor(elapsedMs / OUTAGE_PERIOD_MS);
  const random: Random = createRandom(`outage/${seed}/${period}`);
  if (!random.chance(0.5)) return 'normal';
  const startMs = random.uniform(0.2, 0.9) * OUTAGE_PERIOD_MS;
  const lengthMs = random.uniform(4_000, 15_000);
  const kind: ApiCondition = random.chance(0.7) ? 'errors' : 'silence';
  const sinceMs = elapsedMs - period * OUTAGE_PERIOD_MS - startMs;
  return sinceMs >= 0 && sinceMs < lengthMs ? kind : 'normal';
}

function conditionNow(options: MarketApiOptions, elapsedMs: number): ApiCondition {
  const condition = options.condition();
  if (condition !== 'normal' || options.outages === 'none') return condition;
  return plannedOutage(options.seed, elapsedMs);
}

/** A bucket of requests; says how many whole seconds a refused caller must wait, 0 for admitted. */
function rateLimit(perSecond: number, nowMs: () => number): () => number {
  let tokens = BURST_REQUESTS;
  let filledMs = nowMs();
  return () => {
    const now = nowMs();
    tokens = Math.min(BURST_REQUESTS, tokens + (Math.max(0, now - filledMs) / 1000) * perSecond);
    filledMs = now;
    if (tokens < 1) return Math.max(1, Math.ceil((1 - tokens) / perSecond));
    tokens -= 1;
    return 0;
  };
}

function lookUp(world: World, url: string, atMs: number): { status: number; body: unknown } {
  const mints = PATH.exec(url)?.[1]?.split(',');
  if (mints === undefined) return { status: 404, body: { error: 'not found' } };
  if (mints.length > MAX_MINTS) return { status: 400, body: { error: `at most ${MAX_MINTS} addresses` } };
  const pairs = mints.flatMap((mint) => {
    const token = world.find(mint);
    return token === undefined ? [] : world.pools(token, atMs).map((pool) => pairOf(token, pool));
  });
  return { status: 200, body: pairs };
}

function pairOf(token: Token, pool: Pool): object {
  return {
    chainId: 'solana',
    dexId: pool.dexId,
    baseToken: { address: token.mint, name: token.name, symbol: token.symbol },
    quoteToken: { symbol: pool.quote },
    liquidity: { usd: pool.liquidityUsd },
    volume: { h1: pool.volumeUsdPerHour },
    txns: { h1: { buys: Math.ceil(pool.tradesPerHour / 2), sells: Math.floor(pool.tradesPerHour / 2) } },
    pairCreatedAt: Math.round(pool.openedMs),
  };
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
}
