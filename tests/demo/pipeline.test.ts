/** Owns the proof that the demo's application makes honest moves in a real table, and plays its faults. */
import type postgres from 'postgres';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DemoLog } from '../../src/demo/loop.js';
import {
  type Pipeline,
  type PipelineOptions,
  type PipelineStats,
  startPipeline,
} from '../../src/demo/pipeline.js';
import { planScenario } from '../../src/demo/scenarios.js';
import { createTokensTable } from '../../src/demo/schema.js';
import { createWorld } from '../../src/demo/world.js';
import { type FreshDatabase, freshDatabase } from '../harness/fresh-database.js';
import { recordTokens } from './move-record.js';

const SECONDS = { timeout: 45_000, interval: 50 };
let database: FreshDatabase;
let sql: postgres.Sql;
let pipeline: Pipeline | undefined;
let warnings: string[] = [];
const log: DemoLog = {
  info: () => {},
  warn: (fields, message) => warnings.push(`${message} ${JSON.stringify(fields)}`),
};

beforeEach(async () => {
  warnings = [];
  database = await freshDatabase();
  sql = database.sql;
});
afterEach(async () => {
  await pipeline?.stop();
  pipeline = undefined;
  await database.drop();
});

/** A market that is fast and has many listed tokens, so that every move happens within seconds. */
async function start(options: Partial<PipelineOptions> = {}): Promise<Pipeline> {
  pipeline = await startPipeline({
    url: database.url,
    log,
    seed: 'test',
    speed: 20_000,
    market: { arrivalsPerHour: 6, listedShare: 0.8 },
    policies: { recoveryTimeoutMs: 500 },
    ...options,
  });
  return pipeline;
}

/** The numbers once this part of them has not changed for longer than a request may take. */
async function settled(running: Pipeline, part: (stats: PipelineStats) => unknown): Promise<PipelineStats> {
  for (let before = running.stats(); ; ) {
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    const now = running.stats();
    if (JSON.stringify(part(before)) === JSON.stringify(part(now))) return now;
    before = now;
  }
}

async function recordedMoves(): Promise<Record<string, number>> {
  const rows = await sql<{ move: string; moves: number }[]>`
    SELECT move, count(*)::int AS moves FROM token_record GROUP BY move ORDER BY move`;
  return Object.fromEntries(rows.map((row) => [row.move, row.moves]));
}

describe('pipeline', () => {
  test('every move of a token’s life happens, for the reason that the rules give', async () => {
    await createTokensTable(database.url);
    await recordTokens(sql);
    const { stats, stop } = await start();
    await expect.poll(recordedMoves, SECONDS).toMatchObject({
      'none>monitoring': expect.any(Number),
      'monitoring>active': expect.any(Number),
      'active>monitoring': expect.any(Number),
      'monitoring>archived': expect.any(Number),
      'active>archived': expect.any(Number),
      'archived>none': expect.any(Number),
    });
    await stop();
    const moves = await recordedMoves();
    expect(Object.keys(moves)).toHaveLength(6);
    const told = stats();
    expect(moves).toEqual({
      'none>monitoring': told.arrived,
      'monitoring>active': told.activated,
      'active>monitoring': told.demoted,
      'monitoring>archived': expect.any(Number),
      'active>archived': expect.any(Number),
      'archived>none': told.pruned,
    });
    expect(moves['monitoring>archived']! + moves['active>archived']!).toBe(told.archived);
    // 12 hours at 20,000 times the pace are 2.16 s.
    const wrong = await sql`
      SELECT move, liquidity, reason, in_status FROM token_record WHERE NOT CASE move
        WHEN 'monitoring>active' THEN liquidity >= 200
        WHEN 'active>monitoring' THEN liquidity < 200
        WHEN 'monitoring>archived' THEN reason = 'monitoring_timeout' AND in_status >= interval '2.15 s'
        WHEN 'active>archived' THEN reason = 'low_activity'
        ELSE true END`;
    expect([...wrong]).toEqual([]);
    expect(warnings).toEqual([]);
  });

  test('tokens come from the seeded market, and a look refreshes the row without moving it', async () => {
    await start({ speed: 300, market: {} });
    await expect
      .poll(() => sql`SELECT 1 FROM tokens WHERE last_updated_at > created_at + interval '2 s'`, SECONDS)
      .not.toHaveLength(0);
    const opening = createWorld({ seed: 'test/1' }).arrivals(0);
    const rows = await sql`
      SELECT mint_address AS mint, name, symbol, status FROM tokens ORDER BY id LIMIT ${opening.length}`;
    expect([...rows]).toEqual(
      opening.map(({ mint, name, symbol }) => ({ mint, name, symbol, status: 'monitoring' })),
    );
    const answer = await fetch(`${pipeline!.apiUrl}/tokens/v1/solana/${opening[0]!.mint}`);
    expect(await answer.json()).toMatchObject([{ dexId: 'pumpfun' }]);
  });

  test('a restart goes on with the same market; another seed opens another one', async () => {
    const first = await start();
    await expect.poll(() => first.stats().arrived, SECONDS).toBeGreaterThan(15);
    await first.stop();
    const again = await start();
    await expect.poll(() => again.stats().arrived, SECONDS).toBeGreaterThan(3);
    await again.stop();
    await (await start({ seed: 'other' })).stop();
    const markets = await sql`SELECT edition::int, seed, speed FROM demo_markets ORDER BY 1`;
    expect([...markets]).toEqual([
      { edition: 1, seed: 'test', speed: 20_000 },
      { edition: 2, seed: 'other', speed: 20_000 },
    ]);
    expect(warnings).toEqual([]);
  });

  test('living tokens are bounded; what is turned away is counted', async () => {
    const { stats } = await start({ maxLiving: 20, market: { arrivalsPerHour: 600, listedShare: 0.1 } });
    await expect.poll(() => stats().refused, SECONDS).toBeGreaterThan(50);
    const [row] = await sql`SELECT count(*)::int AS living FROM tokens WHERE status <> 'archived'`;
    expect(row!.living).toBeLessThanOrEqual(20);
  });

  test('a table of somebody else is never touched', async () => {
    await sql`CREATE TABLE tokens (mint_address text PRIMARY KEY, status text)`;
    await expect(start()).rejects.toMatchObject({ code: 'DEMO_TABLE_FOREIGN' });
    await expect(createTokensTable(database.url)).rejects.toThrow(
      'table public.tokens exists and was not made by the demo',
    );
  });

  test('options out of bounds are refused', async () => {
    for (const wrong of [{ speed: 0 }, { speed: Number.NaN }, { speed: 20_001 }, { maxLiving: 0 }]) {
      await expect(start(wrong)).rejects.toMatchObject({ code: 'PIPELINE_OPTION_INVALID' });
    }
  });

  test('stop ends all work: no connection stays, the port is free, a second stop is harmless', async () => {
    const running = await start();
    await expect.poll(() => running.stats().requests.ok, SECONDS).toBeGreaterThan(0);
    await running.stop();
    await running.stop();
    const open = () =>
      sql`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'flowgauge-demo'`;
    await expect.poll(open, SECONDS).toHaveLength(0);
    await expect(fetch(running.apiUrl)).rejects.toThrow();
    const { arrived } = running.stats();
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(running.stats().arrived).toBe(arrived);
  });

  test('the signal stops it too', async () => {
    const ending = new AbortController();
    const running = await start({ signal: ending.signal });
    ending.abort();
    await expect
      .poll(
        () =>
          fetch(running.apiUrl).then(
            () => 'open',
            () => 'closed',
          ),
        SECONDS,
      )
      .toBe('closed');
  });
});

describe('faults', () => {
  test('stall: arrivals go on and nobody looks at them; afterwards the worker catches up', async () => {
    const running = await start();
    await expect.poll(() => running.stats().requests.ok, SECONDS).toBeGreaterThan(0);
    running.play(planScenario('stall', { startMs: 0 }));
    // The pass under way ends first; then nothing may follow it.
    const before = await settled(running, (stats) => stats.requests);
    await expect.poll(() => running.stats().arrived, SECONDS).toBeGreaterThan(before.arrived + 10);
    const stalled = running.stats();
    expect(stalled.requests).toEqual(before.requests);
    expect([stalled.activated, stalled.archived]).toEqual([before.activated, before.archived]);
    running.play(undefined);
    await expect.poll(() => running.stats().archived, SECONDS).toBeGreaterThan(stalled.archived);
  });

  test('api-outage: requests fail and no token is moved by it; then they time out; then all is well', async () => {
    const running = await start();
    await expect.poll(() => running.stats().activated, SECONDS).toBeGreaterThan(0);
    running.play(planScenario('api-outage', { startMs: 0 }));
    // Requests that were answered before the outage are still written.
    const before = await settled(running, (stats) => stats.requests.ok);
    expect(before.requests.error).toBeGreaterThan(0);
    await expect
      .poll(() => running.stats().requests.error, SECONDS)
      .toBeGreaterThan(before.requests.error + 3);
    const { activated, demoted, archived } = running.stats();
    expect({ activated, demoted, archived }).toEqual({
      activated: before.activated,
      demoted: before.demoted,
      archived: before.archived,
    });
    running.play(planScenario('api-outage', { startMs: 0, durationMs: 1 }));
    await expect.poll(() => running.stats().requests.ok, SECONDS).toBeGreaterThan(before.requests.ok + 3);
    expect(warnings).toEqual([]);
  });

  test('burst: twenty times the arrivals', async () => {
    const running = await start({ speed: 300, market: { arrivalsPerHour: 3 } });
    await expect.poll(() => running.stats().arrived, SECONDS).toBeGreaterThan(10);
    const usual = running.stats().arrived;
    running.play(planScenario('burst', { startMs: 0 }));
    // At 300 times the pace about 11 arrive in the time that is waited for 60; within a burst 225 do.
    await expect.poll(() => running.stats().arrived, SECONDS).toBeGreaterThan(usual + 60);
  });

  test('leak: memory is held as planned and given back at the end', async () => {
    const running = await start({ speed: 1 });
    running.play(planScenario('leak', { startMs: 0 }));
    await expect.poll(() => running.stats().ballastBytes, SECONDS).toBeGreaterThanOrEqual(3 * 1024 * 1024);
    running.play(undefined);
    await expect.poll(() => running.stats().ballastBytes, SECONDS).toBe(0);
  });

  test('a lost database connection is told and survived', async () => {
    const running = await start();
    await expect.poll(() => running.stats().requests.ok, SECONDS).toBeGreaterThan(1);
    await sql`
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'flowgauge-demo' AND state = 'idle'`;
    const { arrived, requests } = running.stats();
    await expect.poll(() => running.stats().arrived, SECONDS).toBeGreaterThan(arrived + 5);
    await expect.poll(() => running.stats().requests.ok, SECONDS).toBeGreaterThan(requests.ok);
  });
});
