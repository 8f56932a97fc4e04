/** Owns what a measurement is: ours beside a peer in the same run where there is one, as medians of interleaved rounds. */

export interface BenchResult {
  readonly name: string;
  /** Median of ours, in `unit`. */
  readonly ours: number;
  /** Median of the peer, in `unit`; without one the figure stands alone. */
  readonly peer?: number;
  readonly unit: string;
  /** Median of the rounds' ours ÷ peer: below 1 is faster or smaller than the peer. */
  readonly ratio?: number;
  /** What was measured, how often, against what. */
  readonly method: string;
  /** Bounds that the figure shall keep. */
  readonly atMost?: { readonly ratio?: number; readonly ours?: number };
  readonly atLeast?: { readonly ratio?: number; readonly ours?: number };
}

/** One thing to measure. Returns the figure of one round, in the unit of the result. */
export type Measure = () => number | Promise<number>;

export interface Rounds {
  readonly rounds: number;
  /** Rounds that are run but not counted, while the compiler warms up. Default 2. */
  readonly warmUp?: number;
}

/** Measures ours and the peer in turns, swapping who goes first, so that a noisy moment hits both. */
export async function interleaved(ours: Measure, peer: Measure, { rounds, warmUp = 2 }: Rounds) {
  const figures: { ours: number; peer: number }[] = [];
  for (let round = -warmUp; round < rounds; round += 1) {
    const peerFirst = round % 2 === 0;
    const early = peerFirst ? await peer() : await ours();
    const late = peerFirst ? await ours() : await peer();
    if (round >= 0) figures.push(peerFirst ? { ours: late, peer: early } : { ours: early, peer: late });
  }
  return {
    ours: median(figures.map((f) => f.ours)),
    peer: median(figures.map((f) => f.peer)),
    ratio: median(figures.map((f) => f.ours / f.peer)),
  };
}

export function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The value that `share` (0 to 1) of the weight lies at or below. Each figure counts `weight` times. */
export function quantile(
  figures: readonly { readonly value: number; readonly weight: number }[],
  share: number,
): number {
  const sorted = [...figures].sort((a, b) => a.value - b.value);
  let left = share * sorted.reduce((sum, { weight }) => sum + weight, 0);
  for (const { value, weight } of sorted) {
    left -= weight;
    if (left <= 0) return value;
  }
  return sorted.at(-1)?.value ?? Number.NaN;
}
