/** Owns the proof that the application's statements change only rows that are still as they were looked at. */
import type postgres from 'postgres';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTokensTable } from '../../src/demo/schema.js';
import { applyOutcomes, dueTokens, insertTokens, pruneArchived } from '../../src/demo/token-rows.js';
import { createWorld } from '../../src/demo/world.js';
import { type FreshDatabase, freshDatabase } from '../harness/fresh-database.js';

const tokens = createWorld({ seed: 1 }).arrivals(0).slice(0, 3);
let database: FreshDatabase;
let sql: postgres.Sql;

beforeEach(async () => {
  database = await freshDatabase();
  sql = database.sql;
  await createTokensTable(database.url);
  await insertTokens(sql, tokens);
});
afterEach(() => database.drop());

const rows = async () => [
  ...(await sql`
    SELECT id::int, status, liquidity_usd, archive_reason, last_updated_at IS NOT NULL AS looked_at
    FROM tokens ORDER BY id`),
];

describe('token rows', () => {
  test('a token that is there already is not added again', async () => {
    expect(await insertTokens(sql, tokens)).toBe(0);
    expect(await insertTokens(sql, [])).toBe(0);
    expect(await rows()).toHaveLength(3);
  });

  test('an outcome is written with its reason; one for a row that has moved meanwhile is not', async () => {
    await sql`UPDATE tokens SET status = 'archived', archive_reason = 'by hand' WHERE id = 2`;
    const changed = await applyOutcomes(sql, [
      { id: '1', from: 'monitoring', to: 'active', reason: undefined, liquidityUsd: 250.5 },
      { id: '2', from: 'monitoring', to: 'active', reason: undefined, liquidityUsd: 900 },
      { id: '3', from: 'monitoring', to: 'archived', reason: 'monitoring_timeout', liquidityUsd: 0 },
    ]);
    expect(changed).toEqual(new Set(['1', '3']));
    expect(await rows()).toEqual([
      { id: 1, status: 'active', liquidity_usd: '250.50', archive_reason: null, looked_at: true },
      { id: 2, status: 'archived', liquidity_usd: null, archive_reason: 'by hand', looked_at: false },
      {
        id: 3,
        status: 'archived',
        liquidity_usd: '0.00',
        archive_reason: 'monitoring_timeout',
        looked_at: true,
      },
    ]);
  });

  test('those never looked at come first, then those looked at longest ago; archived ones never', async () => {
    await sql`UPDATE tokens SET last_updated_at = now() - make_interval(secs => id) WHERE id < 3`;
    expect((await dueTokens(sql, 10)).map((token) => token.id)).toEqual(['3', '2', '1']);
    await sql`UPDATE tokens SET status = 'archived' WHERE id = 2`;
    expect((await dueTokens(sql, 1)).map((token) => [token.id, token.mint])).toEqual([
      ['3', tokens[2]!.mint],
    ]);
    expect((await dueTokens(sql, 10)).map((token) => token.id)).toEqual(['3', '1']);
  });

  test('only tokens archived long enough ago are pruned', async () => {
    await sql`
      UPDATE tokens SET last_updated_at = now() - interval '10 s',
        status = CASE id WHEN 1 THEN 'active' ELSE 'archived' END`;
    await sql`UPDATE tokens SET last_updated_at = now() WHERE id = 2`;
    expect(await pruneArchived(sql, 5_000)).toBe(1);
    expect((await rows()).map((row) => row.id)).toEqual([1, 2]);
  });
});
