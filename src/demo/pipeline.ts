/** Owns the demo's application: tokens arrive, a worker checks them against the market API, old ones go. */
import type postgres from 'postgres';
import { watchPolicies } from '../metrics/policies.js';
import type { Metrics } from '../metrics/registry.js';
import { type Database, openDatabase } from '../storage/database.js';
import { inNewContext } from '../telemetry/context.js';
import { databaseSpans } from '../telemetry/database-spans.js';
import { noTracing, type Tracing } from '../telemetry/tracing.js';
import { decide } from './lifecycle.js';
import { type DemoLog, runLoop } from './loop.js';
import { MAX_MINTS, type MarketApi, startMarketApi } from './market-api.js';
import { askMarket, type MarketAnswer } from './market-client.js';
import { type MarketPolicyOptions, marketPolicies, REQUESTS_AT_ONCE } from './market-policies.js';
import type { Seed } from './random.js';
import { type Effects, effectsAt, type Scenario } from './scenarios.js';
import {
  applyOutcomes,
  countLiving,
  type DueToken,
  dueTokens,
  insertTokens,
  type Outcome,
  openMarket,
  pruneArchived,
} from './token-rows.js';
import {
  createWorld,
  MARKET_HOUR_MS,
  MARKET_MINUTE_MS,
  type Token,
  type World,
  type WorldOptions,
} from './world.js';

export interface PipelineOptions {
  /** The database that plays the user's own; the table `public.tokens` is created in it. */
  readonly url: string;
  /** Decides the market, its outages and delays. Default 29, where a token activates within half a minute. */
  readonly seed?: Seed;
  /** How many times faster than the real one the market runs, 1 to 20,000. Default 300: about 50 moves a minute. */
  readonly speed?: number;
  readonly scenario?: Scenario | undefined;
  /** Living tokens beyond which arrivals are turned away, 1 to 100,000. Default 3,000. */
  readonly maxLiving?: number;
  /** Another market than the usual one. */
  readonly market?: Omit<WorldOptions, 'seed'>;
  /** Wall clock in milliseconds since the epoch. */
  readonly nowMs?: () => number;
  readonly signal?: AbortSignal;
  readonly log: DemoLog;
  /** Takes the series of the policies around the calls of the market API. Default: nobody. */
  readonly metrics?: Metrics | undefined;
  /** Shorter times of those policies, for tests. */
  readonly policies?: MarketPolicyOptions | undefined;
  /** Makes a span of each step, request and statement. Default: none. */
  readonly tracing?: Tracing | undefined;
}

/** An option is out of bounds; nothing was started. */
export class PipelineOptionError extends Error {
  readonly code = 'PIPELINE_OPTION_INVALID';
}

/** What the application did since it started. */
export interface PipelineStats {
  readonly arrived: number;
  /** Arrivals turned away because too many tokens were living. */
  readonly refused: number;
  readonly activated: number;
  readonly demoted: number;
  readonly archived: number;
  readonly pruned: number;
  /** Questions to the market API by what they came to; for a rejected one no request was made. */
  readonly requests: Readonly<Record<MarketAnswer['outcome'], number>>;
  /** Memory held by the leak scenario. */
  readonly ballastBytes: number;
}

export interface Pipeline {
  /** The simulated market API, for a look with curl. */
  readonly apiUrl: string;
  stats(): PipelineStats;
  /** Starts another fault now (its times count from this call), or ends the one in force. */
  play(scenario: Scenario | undefined): void;
  /** Ends all work and frees port, connections and timers. May be called twice. */
  stop(): Promise<void>;
}

const STATEMENT_DEADLINE_MS = 5_000;
const BATCHES_PER_PASS = 8;
const INGEST_INTERVAL_MS = 250;
const CHECK_INTERVAL_MS = 1_000;
const PRUNE_INTERVAL_MS = 5_000;
const BALLAST_INTERVAL_MS = 500;
const BALLAST_CHUNK_BYTES = 1024 * 1024;
/** Archived tokens are kept for one market day. */
const KEEP_ARCHIVED_MS = 24 * MARKET_HOUR_MS;
/** After a pause the market's missed minutes are not made up for, as a socket would not either. */
const MAX_SLOTS_PER_TICK = 600;

/** Opens the market and starts the application. Rejects when the database cannot be reached or is not the demo's. */
export async function startPipeline(options: PipelineOptions): Promise<Pipeline> {
  const nowMs = options.nowMs ?? Date.now;
  const speed = bounded('speed', options.speed ?? 300, 1, 20_000);
  const seed = String(options.seed ?? 29);
  const maxLiving = bounded('maxLiving', options.maxLiving ?? 3_000, 1, 100_000);
  const log = options.log;
  const tracing = options.tracing ?? noTracing;
  const database = connect(options.url, tracing);
  const ending = new AbortController();
  let market: { edition: string; openedMs: number };
  let world: World;
  let api: MarketApi;
  let plan = { scenario: options.scenario, sinceMs: nowMs() };
  const effects = (): Effects => effectsAt(plan.scenario, nowMs() - plan.sinceMs);
  const marketMs = () => (nowMs() - market.openedMs) * speed;
  try {
    market = await database.transaction('open the market', STATEMENT_DEADLINE_MS, {}, (sql) =>
      openMarket(sql, { seed, speed, nowMs: nowMs() }),
    );
    world = createWorld({ ...options.market, seed: `${seed}/${market.edition}` });
    api = await startMarketApi({ world, marketMs, nowMs, seed, condition: () => effects().api });
  } catch (error) {
    await database.close(1_000);
    throw error;
  }

  const policy = marketPolicies(options.policies);
  const unwatch = options.metrics === undefined ? () => {} : watchPolicies(options.metrics, [policy]);
  const counts = { arrived: 0, refused: 0, activated: 0, demoted: 0, archived: 0, pruned: 0 };
  const requests: Record<MarketAnswer['outcome'], number> = {
    ok: 0,
    limited: 0,
    error: 0,
    timeout: 0,
    rejected: 0,
  };
  const ballast: Buffer[] = [];
  /** When a token that fell back entered monitoring again; a token that is not here did so at its creation. */
  const demotedMs = new Map<string, number>();
  let pausedUntilMs = 0;
  let nextSlot = Math.floor(marketMs() / MARKET_MINUTE_MS);

  const run = <T>(name: string, work: (sql: postgres.Sql) => Promise<T>): Promise<T> =>
    database.run(name, STATEMENT_DEADLINE_MS, work);

  const ingest = async () => {
    const now = Math.floor(marketMs() / MARKET_MINUTE_MS);
    nextSlot = Math.max(nextSlot, now - MAX_SLOTS_PER_TICK);
    const factor = effects().arrivalsFactor;
    const born: Token[] = [];
    for (; nextSlot <= now; nextSlot++) born.push(...world.arrivals(nextSlot, factor));
    if (born.length === 0) return;
    const room = Math.max(0, maxLiving - (await run('count tokens', countLiving)));
    counts.refused += Math.max(0, born.length - room);
    counts.arrived += await run('add tokens', (sql) => insertTokens(sql, born.slice(0, room)));
  };

  const checkBatch = async (batch: readonly DueToken[]) => {
    const answer = await askMarket(
      api.url,
      batch.map((token) => token.mint),
      { policy, signal: ending.signal },
    );
    if (ending.signal.aborted) return;
    requests[answer.outcome] += 1;
    if (answer.outcome === 'limited') pausedUntilMs = nowMs() + answer.waitMs;
    // A failed request must not demote anything: an outage is not a market.
    if (answer.outcome !== 'ok') return;
    const outcomes = batch.map((token): Outcome => {
      const enteredMs = token.status === 'active' ? nowMs() : (demotedMs.get(token.id) ?? token.createdMs);
      const pools = answer.pools.get(token.mint) ?? [];
      const decision = decide(token.status, (nowMs() - enteredMs) * speed, pools);
      return {
        id: token.id,
        from: token.status,
        to: decision.status,
        reason: decision.reason,
        liquidityUsd: decision.liquidityUsd,
      };
    });
    const changed = await run('write checks', (sql) => applyOutcomes(sql, outcomes));
    for (const outcome of outcomes) {
      if (!changed.has(outcome.id) || outcome.to === outcome.from) continue;
      demotedMs.delete(outcome.id);
      if (outcome.to === 'active') counts.activated += 1;
      if (outcome.to === 'archived') counts.archived += 1;
      if (outcome.to !== 'monitoring') continue;
      counts.demoted += 1;
      demotedMs.set(outcome.id, nowMs());
    }
  };

  const check = async () => {
    if (effects().worker === 'stopped' || nowMs() < pausedUntilMs) return;
    const due = await run('find due tokens', (sql) => dueTokens(sql, BATCHES_PER_PASS * MAX_MINTS));
    const batches: DueToken[][] = [];
    for (let at = 0; at < due.length; at += MAX_MINTS) batches.push(due.slice(at, at + MAX_MINTS));
    const work = async () => {
      for (let batch = batches.shift(); batch !== undefined; batch = batches.shift()) {
        if (ending.signal.aborted || effects().worker === 'stopped' || nowMs() < pausedUntilMs) return;
        const items = batch.map((token) => token.mint);
        const attributes = { 'flowgauge.flow': 'tokens', 'flowgauge.items': items };
        await tracing.span({ name: 'check tokens', kind: 'internal', attributes }, () => checkBatch(batch));
      }
    };
    await Promise.all(Array.from({ length: REQUESTS_AT_ONCE }, work));
  };

  const prune = async () => {
    counts.pruned += await run('prune tokens', (sql) => pruneArchived(sql, KEEP_ARCHIVED_MS / speed));
  };

  const hold = () => {
    const wanted = Math.floor(effects().ballastBytes / BALLAST_CHUNK_BYTES);
    // Filled with ones: pages that nobody wrote to would not count as used memory.
    while (ballast.length < wanted) ballast.push(Buffer.alloc(BALLAST_CHUNK_BYTES, 1));
    ballast.length = wanted;
  };

  const loop = (name: string, intervalMs: number, work: () => Promise<void> | void) =>
    runLoop({ name, intervalMs, log, signal: ending.signal }, () =>
      inNewContext({ flow: 'tokens' }, () =>
        tracing.span({ name: `job ${name}`, kind: 'internal', parent: 'none' }, async () => work()),
      ),
    );
  const loops = [
    loop('ingest', INGEST_INTERVAL_MS, ingest),
    loop('check', CHECK_INTERVAL_MS, check),
    loop('prune', PRUNE_INTERVAL_MS, prune),
    loop('ballast', BALLAST_INTERVAL_MS, hold),
  ];
  log.info({ seed, speed, api: api.url, edition: market.edition }, 'demo pipeline started');

  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= (async () => {
      options.signal?.removeEventListener('abort', stop);
      ending.abort();
      await api.stop();
      // The connections go before the loops: a statement on a frozen server would hold its loop.
      await database.close(2_000);
      await Promise.all(loops);
      unwatch();
      ballast.length = 0;
    })();
    return stopped;
  };
  options.signal?.addEventListener('abort', stop, { once: true });
  if (options.signal?.aborted) await stop();

  return {
    apiUrl: api.url,
    stats: () => ({
      ...counts,
      requests: { ...requests },
      ballastBytes: ballast.length * BALLAST_CHUNK_BYTES,
    }),
    play: (scenario) => {
      plan = { scenario, sinceMs: nowMs() };
      log.info({ scenario: scenario?.name ?? 'none' }, 'demo scenario set');
    },
    stop,
  };
}

function connect(url: string, tracing: Tracing): Database {
  const around = databaseSpans(tracing);
  return openDatabase({ url, role: 'source', max: 4, applicationName: 'flowgauge-demo', around });
}

function bounded(option: string, value: number, min: number, max: number): number {
  if (value >= min && value <= max) return value;
  throw new PipelineOptionError(`${option} must be from ${min} to ${max}, got ${value}`);
}
