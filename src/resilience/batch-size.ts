/** Owns the rule for the batch size of a worker under the machine's load; the same pure shape as a limit. */
import type { Adaptive } from './limit.js';
import { OptionReader } from './options.js';

/** Options of a batch size. A wrong or unknown one throws PolicyOptionError. */
export interface BatchSizeOptions {
  /** First size. Default 100, put between the bounds; `min` to `max`. */
  readonly initial?: number | undefined;
  /** Smallest size. Default 10; 1 to 1,000,000. */
  readonly min?: number | undefined;
  /** Largest size. Default 1,000; `min` to 1,000,000. */
  readonly max?: number | undefined;
  /** CPU use above which the size shrinks, 0 to 1. Default 0.8. */
  readonly highCpuRatio?: number | undefined;
  /** CPU use below which the size grows, 0 to `highCpuRatio`. Default 0.4. */
  readonly lowCpuRatio?: number | undefined;
  /** What a shrinking leaves. Default 0.5; 0.01 to 0.99. */
  readonly shrinkFactor?: number | undefined;
  /** What a growth makes. Default 1.2; 1.01 to 10. */
  readonly growFactor?: number | undefined;
  /** Largest change in one step as a share of the size. Default 0.5; with 0.3 a halving takes two steps. Above 0 to 1. */
  readonly maxStepRatio?: number | undefined;
}

/** One look at the machine. */
export interface LoadSample {
  /** CPU use since the last sample, 0 to 1; a value that is no number changes nothing. */
  readonly cpuRatio: number;
}

const KNOWN = [
  'initial',
  'min',
  'max',
  'highCpuRatio',
  'lowCpuRatio',
  'shrinkFactor',
  'growFactor',
  'maxStepRatio',
] as const satisfies readonly (keyof BatchSizeOptions)[];

/** Halves the batch above 80 % CPU, grows it by 20 % below 40 %, within bounds. The state is the whole batch size. */
export function batchSize(options: BatchSizeOptions = {}): Adaptive<number, LoadSample> {
  const read = new OptionReader('batch size', options, KNOWN, 'batch');
  const min = read.whole('min', 10, 1, 1_000_000);
  const max = read.whole('max', Math.max(1_000, min), min, 1_000_000);
  const initial = read.whole('initial', Math.min(max, Math.max(min, 100)), min, max);
  const high = read.number('highCpuRatio', 0.8, 0, 1);
  const low = read.number('lowCpuRatio', Math.min(0.4, high), 0, high);
  const step = read.share('maxStepRatio', 0.5);
  const shrink = Math.max(read.number('shrinkFactor', 0.5, 0.01, 0.99), 1 - step);
  const grow = Math.min(read.number('growFactor', 1.2, 1.01, 10), 1 + step);
  return {
    initial,
    next(size, { cpuRatio }) {
      // The step is rounded outwards, or a small batch would never move: 3 × 1.2 is 3 again.
      if (cpuRatio > high) return Math.max(min, Math.floor(size * shrink));
      return cpuRatio < low ? Math.min(max, Math.ceil(size * grow)) : size;
    },
  };
}
