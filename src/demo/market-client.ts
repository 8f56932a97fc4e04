/** Owns the question to the market API: one request, one deadline, and an answer that names what went wrong. */
import { BreakerOpenError, CallTimeoutError, LimiterRejectedError } from '../resilience/errors.js';
import type { Policy } from '../resilience/policy.js';
import type { PoolReading } from './lifecycle.js';
import { MAX_MINTS } from './market-api.js';

/** What one request came to. A failed one says nothing about its tokens. */
export type MarketAnswer =
  | { readonly outcome: 'ok'; readonly pools: ReadonlyMap<string, readonly PoolReading[]> }
  | { readonly outcome: 'limited'; readonly waitMs: number }
  /** `rejected`: no request was made, because the circuit is open or there was no permit. */
  | { readonly outcome: 'error' | 'timeout' | 'rejected' };

interface Reply {
  /** Status and headers in the shape of a fetch response, by which policies judge it. */
  readonly ok: boolean;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

const DEFAULT_WAIT_MS = 1_000;
const MAX_WAIT_MS = 30_000;

/** Asks for the pools of 1 to 30 tokens, under a policy. Never rejects; an answer of an unknown shape is an error. */
export async function askMarket(
  url: string,
  mints: readonly string[],
  options: { readonly policy: Policy; readonly signal: AbortSignal },
): Promise<MarketAnswer> {
  if (mints.length === 0 || mints.length > MAX_MINTS) {
    throw new RangeError(`ask for 1 to ${MAX_MINTS} tokens at once, got ${mints.length}`);
  }
  const { policy, signal } = options;
  let isAsked = false;
  try {
    const target = `${url}/tokens/v1/solana/${mints.join(',')}`;
    const reply = await policy.execute(
      (context) => {
        isAsked = true;
        return request(target, context.signal);
      },
      { signal },
    );
    if (reply.status === 429) return { outcome: 'limited', waitMs: waitOf(reply) };
    if (reply.status !== 200) return { outcome: 'error' };
    return { outcome: 'ok', pools: readPairs(JSON.parse(reply.text), mints) };
  } catch (error) {
    const isRejected = error instanceof BreakerOpenError || error instanceof LimiterRejectedError;
    // A circuit that opens between two attempts rejects the second; the first was a failed request all the same.
    if (isRejected && !isAsked) return { outcome: 'rejected' };
    return { outcome: error instanceof CallTimeoutError ? 'timeout' : 'error' };
  }
}

async function request(target: string, signal: AbortSignal): Promise<Reply> {
  const response = await fetch(target, { signal });
  const { ok, status, headers } = response;
  return { ok, status, headers, text: await response.text() };
}

function waitOf(response: Reply): number {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  if (!(seconds >= 0)) return DEFAULT_WAIT_MS;
  return Math.min(seconds * 1000, MAX_WAIT_MS);
}

function readPairs(body: unknown, mints: readonly string[]): Map<string, PoolReading[]> {
  const pools = new Map<string, PoolReading[]>(mints.map((mint) => [mint, []]));
  for (const pair of body as PairBody[]) {
    pools.get(pair.baseToken.address)?.push({
      dexId: pair.dexId,
      quote: pair.quoteToken.symbol,
      liquidityUsd: Number(pair.liquidity.usd),
      tradesPastHour: Number(pair.txns.h1.buys) + Number(pair.txns.h1.sells),
    });
  }
  return pools;
}

interface PairBody {
  readonly dexId: string;
  readonly baseToken: { readonly address: string };
  readonly quoteToken: { readonly symbol: string };
  readonly liquidity: { readonly usd: number };
  readonly txns: { readonly h1: { readonly buys: number; readonly sells: number } };
}
