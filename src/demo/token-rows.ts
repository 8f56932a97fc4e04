/** Owns the statements of the demo's application on its `tokens` table. */
import type postgres from 'postgres';
import type { ArchiveReason, LivingStatus, TokenStatus } from './lifecycle.js';
import { ensureTokenTables, MARKETS_TABLE, TOKENS_TABLE } from './schema.js';
import type { Token } from './world.js';

/** A living token as the worker takes it up. */
export interface DueToken {
  readonly id: string;
  readonly mint: string;
  readonly status: LivingStatus;
  readonly createdMs: number;
}

/** What a check made of a token. The row changes only if it still has the status `from`. */
export interface Outcome {
  readonly id: string;
  readonly from: LivingStatus;
  readonly to: TokenStatus;
  readonly reason: ArchiveReason | undefined;
  readonly liquidityUsd: number;
}

/** Creates the demo's tables (inside a transaction) and says since when (epoch ms), and as which edition, this market is open. */
export async function openMarket(
  sql: postgres.Sql,
  market: { readonly seed: string; readonly speed: number; readonly nowMs: number },
): Promise<{ edition: string; openedMs: number }> {
  await ensureTokenTables(sql);
  const [latest] = await sql<{ edition: string; seed: string; speed: number; opened_ms: number }[]>`
    SELECT edition::text, seed, speed, (extract(epoch FROM opened_at) * 1000)::float8 AS opened_ms
    FROM ${sql(MARKETS_TABLE)} ORDER BY demo_markets.edition DESC LIMIT 1`;
  if (latest?.seed === market.seed && latest.speed === market.speed && latest.opened_ms <= market.nowMs) {
    return { edition: latest.edition, openedMs: latest.opened_ms };
  }
  const [opened] = await sql<{ edition: string }[]>`
    INSERT INTO ${sql(MARKETS_TABLE)} (seed, speed, opened_at)
    VALUES (${market.seed}, ${market.speed}, to_timestamp(${market.nowMs / 1000}::float8))
    RETURNING edition::text`;
  return { edition: opened!.edition, openedMs: market.nowMs };
}

/** Adds new tokens; one that is there already is left alone. Returns how many were added. */
export async function insertTokens(sql: postgres.Sql, tokens: readonly Token[]): Promise<number> {
  if (tokens.length === 0) return 0;
  const rows = tokens.map((token) => ({ mint_address: token.mint, name: token.name, symbol: token.symbol }));
  const added = await sql`
    INSERT INTO ${sql(TOKENS_TABLE)} ${sql(rows)} ON CONFLICT (mint_address) DO NOTHING`;
  return added.count;
}

/** How many tokens are not archived. */
export async function countLiving(sql: postgres.Sql): Promise<number> {
  const [row] = await sql<{ living: number }[]>`
    SELECT count(*)::int AS living FROM ${sql(TOKENS_TABLE)} WHERE status <> 'archived'`;
  return row!.living;
}

/** The living tokens whose last check is longest ago, those never checked first. */
export async function dueTokens(sql: postgres.Sql, limit: number): Promise<DueToken[]> {
  return sql<DueToken[]>`
    SELECT id::text AS id, mint_address AS mint, status,
           (extract(epoch FROM created_at) * 1000)::float8 AS "createdMs"
    FROM ${sql(TOKENS_TABLE)} WHERE status IN ('monitoring', 'active')
    ORDER BY last_updated_at NULLS FIRST, tokens.id LIMIT ${limit}`;
}

/** Writes what the checks found and when; returns the ids of the rows that still had the expected status. */
export async function applyOutcomes(sql: postgres.Sql, outcomes: readonly Outcome[]): Promise<Set<string>> {
  if (outcomes.length === 0) return new Set();
  const rows = outcomes.map((o) => [o.id, o.from, o.to, o.reason ?? null, o.liquidityUsd]);
  // As JSON: array parameters work only while the driver has asked the server for its array types.
  const changed = await sql<{ id: string }[]>`
    UPDATE ${sql(TOKENS_TABLE)} AS t
    SET status = o ->> 2, liquidity_usd = (o ->> 4)::numeric,
        archive_reason = coalesce(o ->> 3, t.archive_reason), last_updated_at = now()
    FROM json_array_elements(${JSON.stringify(rows)}::text::json) AS o
    WHERE t.id = (o ->> 0)::bigint AND t.status = o ->> 1
    RETURNING t.id::text AS id`;
  return new Set(changed.map((row) => row.id));
}

/** Deletes tokens archived longer than this ago, at most 500 at once. Returns how many. */
export async function pruneArchived(sql: postgres.Sql, olderThanMs: number): Promise<number> {
  const pruned = await sql`
    DELETE FROM ${sql(TOKENS_TABLE)} WHERE id IN (
      SELECT id FROM ${sql(TOKENS_TABLE)}
      WHERE status = 'archived' AND last_updated_at < now() - make_interval(secs => ${olderThanMs / 1000}::float8)
      ORDER BY last_updated_at LIMIT 500)`;
  return pruned.count;
}
