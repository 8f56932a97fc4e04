/** Owns the question to the market API: one request, one deadline, and an answer that names what went wrong. */
import type { PoolReading } from './lifecycle.js';
import { MAX_MINTS } from './market-api.js';

/** What one request came to. A failed one says nothing about its tokens. */
export type MarketAnswer =
  | { readonly outcome: 'ok'; readonly pools: ReadonlyMap<string, readonly PoolReading[]> }
  | { readonly outcome: 'limited'; readonly waitMs: number }
  | { readonly outcome: 'error' | 'timeout' };

const DEFAULT_WAIT_MS = 1_000;
const MAX_WAIT_MS = 30_000;

/** Asks for the pools of 1 to 30 tokens. Never rejects; an answer of an unknown shape is an error. */
export async function askMarket(
  url: string,
  mints: readonly string[],
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<MarketAnswer> {
  if (mints.length === 0 || mints.length > MAX_MINTS) {
    throw new RangeError(`ask for 1 to ${MAX_MINTS} tokens at once, got ${mints.length}`);
  }
  const deadline = AbortSignal.timeout(options.timeoutMs);
  try {
    const response = await fetch(`${url}/tokens/v1/solana/${mints.join(',')}`, {
      signal: AbortSignal.any([options.signal, deadline]),
    });
    const text = await response.text();
    if (response.status === 429) return { outcome: 'limited', waitMs: waitOf(response) };
    if (response.status !== 200) return { outcome: 'error' };
    return { outcome: 'ok', pools: readPairs(JSON.parse(text), mints) };
  } catch {
    return { outcome: deadline.aborted ? 'timeout' : 'error' };
  }
}

function waitOf(response: Response): number {
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
