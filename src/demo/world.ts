/** Owns the simulated market: which tokens are born when, and what their pools hold at a moment. Pure. */
import { createRandom, hashText, hashUnit, type Random, type Seed } from './random.js';

/** All times here are market time: milliseconds since the market opened, which `speed` makes pass faster. */
export const MARKET_MINUTE_MS = 60_000;
export const MARKET_HOUR_MS = 3_600_000;

export interface WorldOptions {
  readonly seed: Seed;
  /** New tokens per market hour outside of bursts; more than 0, at most 10,000. Default 3. */
  readonly arrivalsPerHour?: number;
  /** Share of tokens that ever get a pool on an outside exchange, 0–1. Default 0.025: about 1 % then graduate. */
  readonly listedShare?: number;
}

export interface Token {
  readonly mint: string;
  readonly name: string;
  readonly symbol: string;
  readonly bornMs: number;
}

export interface Pool {
  readonly dexId: 'pumpfun' | 'raydium' | 'meteora';
  readonly quote: 'SOL' | 'USDC';
  readonly openedMs: number;
  readonly liquidityUsd: number;
  readonly tradesPerHour: number;
  readonly volumeUsdPerHour: number;
}

export interface World {
  /** The tokens born in the market minute `slot`, `factor` times as many as usual on average. */
  arrivals(slot: number, factor?: number): readonly Token[];
  /** The token behind an address, or undefined when it does not belong to this market. */
  find(mint: string): Token | undefined;
  /** The pools of a token at a moment; none before its birth. */
  pools(token: Token, atMs: number): readonly Pool[];
}

/** A slot bears at most so many tokens, whatever the factor: the address has room for two digits of base 58. */
export const MAX_ARRIVALS_PER_SLOT = 500;
/** The first minute of a market bears so many tokens more, so that a new table is not empty. */
const OPENING_TOKENS = 12;
/** A slot in so many starts a burst, when everybody copies the story of the day. */
const BURST_EVERY_SLOTS = 600;
const BURST_SLOTS = 40;
const BURST_FACTOR = 4;
/** Time between two points of a pool's noise; between them it is interpolated. */
const NOISE_STEP_MS = 2 * MARKET_HOUR_MS;

const DIGITS = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const SLOT_DIGITS = 7;
const INDEX_DIGITS = 2;
const HASH_DIGITS = 35;
const FIRST_WORDS = ['Baby', 'Doge', 'Moon', 'Pepe', 'Turbo', 'Sad', 'Based', 'Giga', 'Tiny', 'Lunar', 'Sir'];
const LAST_WORDS = [
  'Cat',
  'Frog',
  'Inu',
  'Hat',
  'Rocket',
  'Goat',
  'Whale',
  'Bonk',
  'Toast',
  'Penguin',
  'Wizard',
];

/** A market that is a function of its seed: every look at the same moment sees the same pools. */
export function createWorld(options: WorldOptions): World {
  const perHour = bounded('arrivalsPerHour', options.arrivalsPerHour ?? 3, 10_000);
  const listedShare = bounded('listedShare', options.listedShare ?? 0.025, 1);
  const root = createRandom(`market/${options.seed}`);

  const tokenAt = (slot: number, index: number): Token => {
    const random = root.fork(`token/${slot}/${index}`);
    let hash = '';
    for (let at = 0; at < HASH_DIGITS; at++) hash += DIGITS[Math.floor(random.next() * DIGITS.length)];
    const first = FIRST_WORDS[Math.floor(random.next() * FIRST_WORDS.length)]!;
    const last = LAST_WORDS[Math.floor(random.next() * LAST_WORDS.length)]!;
    return {
      mint: hash + toDigits(slot, SLOT_DIGITS) + toDigits(index, INDEX_DIGITS),
      name: `${first} ${last}`,
      symbol: `${first.slice(0, 2)}${last}`.toUpperCase().slice(0, 8),
      bornMs: Math.floor((slot + random.next()) * MARKET_MINUTE_MS),
    };
  };

  return {
    arrivals(slot, factor = 1) {
      const random = root.fork(`slot/${slot}`);
      const mean = (perHour / 60) * burstFactor(root, slot) * factor;
      const drawn = random.poisson(mean) + (slot === 0 ? OPENING_TOKENS : 0);
      const count = Math.min(drawn, MAX_ARRIVALS_PER_SLOT);
      return Array.from({ length: count }, (_, index) => tokenAt(slot, index));
    },
    find(mint) {
      if (mint.length !== HASH_DIGITS + SLOT_DIGITS + INDEX_DIGITS) return undefined;
      const slot = fromDigits(mint.slice(HASH_DIGITS, HASH_DIGITS + SLOT_DIGITS));
      const index = fromDigits(mint.slice(HASH_DIGITS + SLOT_DIGITS));
      if (slot === undefined || index === undefined || index >= MAX_ARRIVALS_PER_SLOT) return undefined;
      const token = tokenAt(slot, index);
      return token.mint === mint ? token : undefined;
    },
    pools: (token, atMs) => poolsAt(root, token, atMs, listedShare),
  };
}

function burstFactor(root: Random, slot: number): number {
  const era = Math.floor(slot / BURST_EVERY_SLOTS);
  const start = era * BURST_EVERY_SLOTS + Math.floor(root.fork(`burst/${era}`).uniform(60, 500));
  return slot >= start && slot < start + BURST_SLOTS ? BURST_FACTOR : 1;
}

function poolsAt(root: Random, token: Token, atMs: number, listedShare: number): Pool[] {
  if (atMs < token.bornMs) return [];
  const random = root.fork(`curve/${token.mint}`);
  const key = hashText(token.mint);
  const age = atMs - token.bornMs;

  const curve = random.lognormal(3_000, 0.8);
  const interestMs = random.lognormal(1.5, 0.6) * MARKET_HOUR_MS;
  const pools = [pool('pumpfun', 'SOL', token.bornMs, curve * Math.exp(-age / interestMs), 0.4)];

  if (!random.chance(listedShare)) return pools;
  const peak = random.lognormal(140, 1.7);
  const listedMs = token.bornMs + random.lognormal(1.5, 0.6) * MARKET_HOUR_MS;
  const halfLifeMs = random.lognormal(30, 0.6) * MARKET_HOUR_MS;
  const excitementMs = random.lognormal(20, 0.5) * MARKET_HOUR_MS;
  const second = random.chance(0.3);
  const listedAge = atMs - listedMs;
  if (listedAge < 0) return pools;

  const shape = (1 - Math.exp(-listedAge / (0.5 * MARKET_HOUR_MS))) * 0.5 ** (listedAge / halfLifeMs);
  const liquidity = peak * shape * Math.exp(0.4 * noise(key, atMs));
  const excitement = Math.exp(-listedAge / excitementMs);
  pools.push(pool('raydium', 'SOL', listedMs, liquidity, excitement));
  if (second && listedAge > MARKET_HOUR_MS) {
    pools.push(pool('meteora', 'USDC', listedMs + MARKET_HOUR_MS, liquidity * 0.4, excitement * 0.5));
  }
  return pools;
}

function pool(
  dexId: Pool['dexId'],
  quote: Pool['quote'],
  openedMs: number,
  liquidityUsd: number,
  turnoverPerHour: number,
): Pool {
  const volumeUsdPerHour = liquidityUsd * turnoverPerHour;
  // A trade in such a pool moves about two per cent of it, so small pools trade as often as large ones.
  return {
    dexId,
    quote,
    openedMs,
    liquidityUsd: Math.round(liquidityUsd * 100) / 100,
    tradesPerHour: Math.floor(turnoverPerHour * 50),
    volumeUsdPerHour: Math.round(volumeUsdPerHour * 100) / 100,
  };
}

/** Smooth noise in [-1, 1). */
function noise(key: number, atMs: number): number {
  const step = Math.floor(atMs / NOISE_STEP_MS);
  const part = atMs / NOISE_STEP_MS - step;
  const from = hashUnit(key, step);
  const to = hashUnit(key, step + 1);
  return 2 * (from + (to - from) * part) - 1;
}

function toDigits(value: number, width: number): string {
  let text = '';
  for (let rest = value; text.length < width; rest = Math.floor(rest / 58)) text = DIGITS[rest % 58] + text;
  return text;
}

function fromDigits(text: string): number | undefined {
  let value = 0;
  for (const letter of text) {
    const digit = DIGITS.indexOf(letter);
    if (digit < 0) return undefined;
    value = value * 58 + digit;
  }
  return value;
}

function bounded(option: string, value: number, max: number): number {
  if (value > 0 && value <= max) return value;
  throw new RangeError(`${option} must be more than 0 and at most ${max}, got ${value}`);
}
