/** Owns the rules of a token's life: what one look at its pools makes of its status. Pure. */

export const TOKEN_STATUSES = ['monitoring', 'active', 'archived'] as const;
export type TokenStatus = (typeof TOKEN_STATUSES)[number];
/** The statuses that the worker still looks at. */
export type LivingStatus = Exclude<TokenStatus, 'archived'>;

export const ARCHIVE_REASONS = ['monitoring_timeout', 'low_activity'] as const;
export type ArchiveReason = (typeof ARCHIVE_REASONS)[number];

/** The moves that `decide` can order. */
export const TOKEN_MOVES = [
  'monitoring>active',
  'active>monitoring',
  'monitoring>archived',
  'active>archived',
] as const;

/** Exchanges of the launch pad itself; a pool there proves nothing about outside interest. */
const LAUNCH_DEXES: ReadonlySet<string> = new Set(['pumpfun', 'pumpfun-amm', 'pumpswap', 'launchlab']);
const QUOTES: ReadonlySet<string> = new Set(['SOL', 'WSOL', 'USDC', 'USD1']);

/** What the market API says of one pool, as far as the rules care. */
export interface PoolReading {
  readonly dexId: string;
  readonly quote: string;
  readonly liquidityUsd: number;
  readonly tradesPastHour: number;
}

export interface Rules {
  /** USD that an outside pool must hold to count. */
  readonly minLiquidityUsd: number;
  /** Trades in the past hour, over all outside pools, below which an active token counts as dead. */
  readonly minTradesPerHour: number;
  /** Market time after which a token that is still not active is archived. */
  readonly monitoringTimeoutMs: number;
}

/** Limits of a usual scanner: 200 USD, and twelve hours of market time. */
export const RULES: Rules = {
  minLiquidityUsd: 200,
  minTradesPerHour: 5,
  monitoringTimeoutMs: 12 * 3_600_000,
};

export interface Decision {
  readonly status: TokenStatus;
  readonly reason: ArchiveReason | undefined;
  /** The largest outside pool, 0 without one. */
  readonly liquidityUsd: number;
}

/**
 * The status after one successful check. A token is worth trading with a launch-pad pool and one outside
 * pool, or with two outside pools. An unanswered check must not come here: it says nothing about the token.
 */
export function decide(
  status: LivingStatus,
  inStatusMs: number,
  pools: readonly PoolReading[],
  rules: Rules = RULES,
): Decision {
  const outside = pools.filter((pool) => !LAUNCH_DEXES.has(pool.dexId) && QUOTES.has(pool.quote));
  const liquidityUsd = Math.max(0, ...outside.map((pool) => pool.liquidityUsd));
  const deep = outside.filter((pool) => pool.liquidityUsd >= rules.minLiquidityUsd).length;
  const launched = pools.some((pool) => LAUNCH_DEXES.has(pool.dexId));
  const tradable = deep >= 2 || (deep === 1 && launched);

  if (status === 'monitoring') {
    if (tradable) return { status: 'active', reason: undefined, liquidityUsd };
    if (inStatusMs < rules.monitoringTimeoutMs) return { status, reason: undefined, liquidityUsd };
    return { status: 'archived', reason: 'monitoring_timeout', liquidityUsd };
  }
  const trades = outside.reduce((sum, pool) => sum + pool.tradesPastHour, 0);
  if (trades < rules.minTradesPerHour) return { status: 'archived', reason: 'low_activity', liquidityUsd };
  if (!tradable) return { status: 'monitoring', reason: undefined, liquidityUsd };
  return { status, reason: undefined, liquidityUsd };
}
