/** Owns the rule by which batch size and parallelism of a worker follow the load; pure, around the rule of the batch size. */
import { batchSize } from './batch-size.js';
import type { WorkSizeReason } from './events.js';
import type { Adaptive } from './limit.js';
import { OptionReader } from './options.js';

/** One look at a worker's load. What is left out is not judged; what is NaN could not be read, and nothing grows on it. */
export interface WorkSizeReading {
  /** Moment on a monotonic clock, milliseconds. */
  readonly nowMs: number;
  /** Share of the processors in use, 0 to 1. */
  readonly cpuRatio?: number | undefined;
  /** Pieces of work that wait for the worker. */
  readonly queueLength?: number | undefined;
  /** Queries since the reading before that were slower than they should be. */
  readonly slowQueries?: number | undefined;
}

/** Where the two numbers stand. */
export interface WorkSizeState {
  /** Pieces of work per batch, whole. */
  readonly batchSize: number;
  /** Batches at the same time, whole. */
  readonly parallelism: number;
  /** Moment of the last change; -Infinity before the first. */
  readonly changedMs: number;
  /** Why the last change was made; `none` before the first. */
  readonly reason: WorkSizeReason | 'none';
}

/** Options of the rule. A wrong one throws PolicyOptionError, an unknown one too. */
export interface WorkSizeOptions {
  /** First batch size. Default 100, put between the bounds; `minBatch` to `maxBatch`. */
  readonly batch?: number | undefined;
  /** Smallest batch. Default 10; 1 to 1,000,000. */
  readonly minBatch?: number | undefined;
  /** Largest batch. Default 1,000; `minBatch` to 1,000,000. */
  readonly maxBatch?: number | undefined;
  /** First parallelism. Default 3, put between the bounds; `minParallel` to `maxParallel`. */
  readonly parallel?: number | undefined;
  /** Smallest parallelism. Default 1; 1 to 10,000. */
  readonly minParallel?: number | undefined;
  /** Largest parallelism. Default 10; `minParallel` to 10,000. */
  readonly maxParallel?: number | undefined;
  /** CPU use above which both shrink. Default 0.8; 0 to 1. */
  readonly highCpuRatio?: number | undefined;
  /** CPU use below which the batch grows, and a lowered parallelism comes back. Default 0.4; 0 to `highCpuRatio`. */
  readonly lowCpuRatio?: number | undefined;
  /** Length of the queue above which there is more parallelism, and at its bound a larger batch. Default 100; 1 to 1,000,000,000. */
  readonly longQueue?: number | undefined;
  /** Largest change in one step as a share of the number, but never less than one. Default 0.3; above 0 to 1. */
  readonly maxStepRatio?: number | undefined;
  /** Shortest time between two changes, milliseconds; slow queries do not wait for it. Default 60,000; 0 to 2,147,483,647. */
  readonly pauseMs?: number | undefined;
}

/** The names of the options, for those that take them along with others. */
export const WORK_SIZE_OPTIONS = [
  'batch',
  'minBatch',
  'maxBatch',
  'parallel',
  'minParallel',
  'maxParallel',
  'highCpuRatio',
  'lowCpuRatio',
  'longQueue',
  'maxStepRatio',
  'pauseMs',
] as const satisfies readonly (keyof WorkSizeOptions)[];

/** Shrinks above 80 % CPU and at slow queries, grows below 40 % and for a long queue. Throws PolicyOptionError. */
export function workSize(options: WorkSizeOptions = {}): Adaptive<WorkSizeState, WorkSizeReading> {
  return readWorkSize(new OptionReader('work size', options, WORK_SIZE_OPTIONS, 'work'));
}

/** The same from options that another part reads along with its own. */
export function readWorkSize(read: OptionReader): Adaptive<WorkSizeState, WorkSizeReading> {
  const min = read.whole('minBatch', 10, 1, 1_000_000);
  const max = read.whole('maxBatch', Math.max(1_000, min), min, 1_000_000);
  const high = read.number('highCpuRatio', 0.8, 0, 1);
  const low = read.number('lowCpuRatio', Math.min(0.4, high), 0, high);
  const step = read.share('maxStepRatio', 0.3);
  const initial = read.whole('batch', Math.min(max, Math.max(min, 100)), min, max);
  const sizes = batchSize({
    initial,
    min,
    max,
    highCpuRatio: high,
    lowCpuRatio: low,
    maxStepRatio: step,
  });
  const lanes = readLanes(read, step);
  const longQueue = read.whole('longQueue', 100, 1, 1_000_000_000);
  const pauseMs = read.ms('pauseMs', 60_000, 0);

  /** The batch after one step down or up, whatever the CPU. */
  const smaller = (size: number) => sizes.next(size, { cpuRatio: Number.POSITIVE_INFINITY });
  const larger = (size: number) => sizes.next(size, { cpuRatio: Number.NEGATIVE_INFINITY });

  return {
    initial: {
      batchSize: initial,
      parallelism: lanes.initial,
      changedMs: Number.NEGATIVE_INFINITY,
      reason: 'none',
    },
    next(state, { nowMs, cpuRatio, queueLength, slowQueries }) {
      const { batchSize: size, parallelism } = state;
      const changed = (reason: WorkSizeReason, batch: number, parallel: number): WorkSizeState =>
        batch === size && parallel === parallelism
          ? state
          : { batchSize: batch, parallelism: parallel, changedMs: nowMs, reason };
      const isSlow = slowQueries !== undefined && slowQueries > 0;
      // Each further batch of this size would make the database slower still.
      if (isSlow && size > min) return changed('slow_queries', smaller(size), parallelism);
      if (nowMs - state.changedMs < pauseMs) return state;
      if (isSlow) return changed('slow_queries', size, lanes.fewer(parallelism));
      if (cpuRatio !== undefined && cpuRatio > high)
        return changed('cpu_high', smaller(size), lanes.fewer(parallelism));
      if (isUnread(cpuRatio) || isUnread(queueLength)) return state;
      if (queueLength !== undefined && queueLength > longQueue) {
        const isFull = parallelism === lanes.max;
        return changed('queue_long', isFull ? larger(size) : size, lanes.more(parallelism));
      }
      if (queueLength !== undefined && queueLength * 2 <= longQueue && parallelism > lanes.initial)
        return changed('queue_short', size, Math.max(lanes.initial, lanes.fewer(parallelism)));
      // With nothing to do the size would grow without ever having been tried.
      if (cpuRatio === undefined || cpuRatio >= low || queueLength === 0) return state;
      const back =
        parallelism < lanes.initial ? Math.min(lanes.initial, lanes.more(parallelism)) : parallelism;
      return changed('cpu_low', larger(size), back);
    },
  };
}

/** True for what was given and is no number: it could not be read. */
function isUnread(value: number | undefined): boolean {
  return value !== undefined && !Number.isFinite(value);
}

/** The bounds and steps of the parallelism. A step is at least one: a share of 3 is less than that. */
function readLanes(read: OptionReader, step: number) {
  const min = read.whole('minParallel', 1, 1, 10_000);
  const max = read.whole('maxParallel', Math.max(10, min), min, 10_000);
  return {
    max,
    initial: read.whole('parallel', Math.min(max, Math.max(min, 3)), min, max),
    fewer: (now: number) => Math.max(min, Math.min(now - 1, Math.ceil(now * (1 - step)))),
    more: (now: number) => Math.min(max, Math.max(now + 1, Math.floor(now * (1 + step)))),
  };
}
