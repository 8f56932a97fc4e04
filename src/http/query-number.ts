/** Owns the reading of a whole number from a query: within its bounds, once, or the usual one. */
import { badField } from './problem.js';

/** Bounds of a number, both included, and what is meant without one. */
export interface NumberBounds {
  readonly least: number;
  readonly most: number;
  readonly usual: number;
}

/** The number of this name. Throws an HttpProblem (400) for anything but one whole number within the bounds. */
export function wholeNumber(
  query: URLSearchParams,
  name: string,
  { least, most, usual }: NumberBounds,
): number {
  const values = query.getAll(name);
  const [text, ...more] = values;
  if (text === undefined) return usual;
  const value = /^[0-9]{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (more.length === 0 && value >= least && value <= most) return value;
  throw badField(name, values.join(', '), `one whole number from ${least} to ${most}, or none for ${usual}`);
}
