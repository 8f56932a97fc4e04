/** Owns chance: a seedable generator and the few distributions that the simulated market draws from. */

/** Any text or number may be a seed; equal seeds give equal streams on every machine. */
export type Seed = string | number;

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform in [low, high). */
  uniform(low: number, high: number): number;
  /** True with the given probability (0–1). */
  chance(probability: number): boolean;
  /** Count of independent events with this mean, 0 ≤ mean ≤ 100,000. */
  poisson(mean: number): number;
  /** Log-normal with this median (> 0) and this standard deviation of the logarithm (≥ 0). */
  lognormal(median: number, sigma: number): number;
  /** An independent stream: the same name gives the same stream, however much was drawn here before. */
  fork(name: Seed): Random;
}

/** Mean above which one Poisson draw is split: exp(-mean) would lose its digits, and reach 0 at about 745. */
const POISSON_SPLIT = 30;
const POISSON_MAX_MEAN = 100_000;

/** A generator whose whole stream follows from the seed (small-fast-counter state of 128 bits). */
export function createRandom(seed: Seed): Random {
  const name = String(seed);
  const draw = stream(name);
  const random: Random = {
    next: draw,
    uniform: (low, high) => low + (high - low) * draw(),
    chance: (probability) => draw() < probability,
    poisson: (mean) => poisson(draw, mean),
    lognormal: (median, sigma) => median * Math.exp(sigma * normal(draw)),
    fork: (child) => createRandom(`${name}/${child}`),
  };
  return random;
}

/** A value in [0, 1) that belongs to this key and step; cheap enough to be computed anew on each look. */
export function hashUnit(key: number, step: number): number {
  return mix((key ^ Math.imul(step | 0, 0x9e3779b1)) >>> 0) / 2 ** 32;
}

/** 32 bits that belong to this text. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return mix(hash >>> 0);
}

function mix(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

function stream(name: string): () => number {
  let a = hashText(`a${name}`);
  let b = hashText(`b${name}`);
  let c = hashText(`c${name}`);
  let counter = 1;
  const draw = () => {
    const out = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + out) | 0;
    return (out >>> 0) / 2 ** 32;
  };
  // Without these draws the first numbers of neighbouring seeds resemble each other.
  for (let warm = 0; warm < 12; warm++) draw();
  return draw;
}

function normal(draw: () => number): number {
  // 1 - draw() is never 0, so the logarithm is finite.
  return Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
}

function poisson(draw: () => number, mean: number): number {
  if (!(mean >= 0 && mean <= POISSON_MAX_MEAN)) {
    throw new RangeError(`mean must be between 0 and ${POISSON_MAX_MEAN}, got ${mean}`);
  }
  let count = 0;
  for (let rest = mean; rest > 0; rest -= POISSON_SPLIT) {
    const floor = Math.exp(-Math.min(rest, POISSON_SPLIT));
    for (let product = draw(); product > floor; product *= draw()) count += 1;
  }
  return count;
}
