/** Owns what a row of points says: the line of least squares through it, and its smallest, largest, mean and last value. */
import type { Point } from './prometheus-client.js';

const HOUR_MS = 3_600_000;
/** Two points always lie on a line, and a handful nearly always on one that goes somewhere. */
const LEAST_POINTS = 10;
/** A line that explains less of the movement than this is no trend. */
const LEAST_R2 = 0.25;
/** Over the whole span the line must rise or fall by at least this share of the mean. */
const LEAST_CHANGE = 0.05;

/** Which way a row of points goes. */
export const DIRECTIONS = ['rising', 'falling', 'stable', 'unknown'] as const;
export type Direction = (typeof DIRECTIONS)[number];

/** The line of least squares through a row of points. */
export interface Trend {
  /** `unknown` with fewer than 10 points. */
  readonly direction: Direction;
  /** Change per hour; undefined with fewer than two moments. */
  readonly slopePerHour: number | undefined;
  /** Share of the movement that the line explains, 0 to 1; undefined when nothing moves. */
  readonly r2: number | undefined;
  readonly points: number;
}

/** The plain numbers of a row of points; all undefined without a point. */
export interface Summary {
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly mean: number | undefined;
  readonly last: number | undefined;
}

/** The trend of points in any order. */
export function trendOf(points: readonly Point[]): Trend {
  const unknown: Trend = {
    direction: 'unknown',
    slopePerHour: undefined,
    r2: undefined,
    points: points.length,
  };
  if (points.length < 2) return unknown;
  // From the first moment on: the squares of milliseconds since the epoch would eat up all digits.
  const startMs = Math.min(...points.map(({ atMs }) => atMs));
  const xs = points.map(({ atMs }) => (atMs - startMs) / HOUR_MS);
  const ys = points.map(({ value }) => value);
  const [xMean, yMean] = [meanOf(xs), meanOf(ys)];
  const xx = sumOf(xs.map((x) => (x - xMean) ** 2));
  if (xx === 0) return unknown;
  const xy = sumOf(xs.map((x, n) => (x - xMean) * (ys[n]! - yMean)));
  const yy = sumOf(ys.map((y) => (y - yMean) ** 2));
  const slopePerHour = xy / xx;
  const r2 = yy === 0 ? undefined : Math.min(1, xy ** 2 / (xx * yy));
  const change = slopePerHour * Math.max(...xs);
  const isTrend = r2 !== undefined && r2 >= LEAST_R2 && Math.abs(change) >= LEAST_CHANGE * Math.abs(yMean);
  const way = slopePerHour > 0 ? 'rising' : 'falling';
  const direction = points.length < LEAST_POINTS ? 'unknown' : isTrend ? way : 'stable';
  return { direction, slopePerHour, r2, points: points.length };
}

/** The summary of points in the order of time. */
export function summaryOf(points: readonly Point[]): Summary {
  if (points.length === 0) return { min: undefined, max: undefined, mean: undefined, last: undefined };
  const values = points.map(({ value }) => value);
  return {
    min: Math.min(...values),
    max: Math.max(...values),
    mean: meanOf(values),
    last: values[values.length - 1],
  };
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function meanOf(values: readonly number[]): number {
  return sumOf(values) / values.length;
}
