/** Owns how a number is written into bytes, digit by digit, without a string in between. */
import { formatValue } from './label-text.js';

/** Longest text of a double, with sign and exponent. */
export const LONGEST_VALUE = 25;
const ZERO = 48;
const LARGEST_PLAIN_INTEGER = 1e15;

/**
 * Writes a number at `at` and returns its length. With `room` above zero nothing is written unless the
 * text has exactly that length, so that a line can be corrected in place.
 */
export function writeValue(target: Buffer, at: number, value: number, room: number): number {
  if (value >= 0 && value <= LARGEST_PLAIN_INTEGER && Math.floor(value) === value) {
    const length = digitCount(value);
    if (room === 0 || room === length) writeDigits(target, at, value, length);
    return length;
  }
  const text = formatValue(value);
  if (room !== 0 && room !== text.length) return text.length;
  for (let i = 0; i < text.length; i += 1) target[at + i] = text.charCodeAt(i);
  return text.length;
}

function digitCount(value: number): number {
  if (value < 10) return 1;
  if (value < 100) return 2;
  if (value < 1_000) return 3;
  if (value < 10_000) return 4;
  let length = 5;
  for (let limit = 100_000; limit <= value; limit *= 10) length += 1;
  return length;
}

function writeDigits(target: Buffer, at: number, value: number, length: number): void {
  let position = at + length - 1;
  let rest = value;
  while (rest > 0x7fffffff) {
    const tenth = Math.floor(rest / 10);
    target[position--] = ZERO + (rest - tenth * 10);
    rest = tenth;
  }
  let small = rest | 0;
  while (position >= at) {
    const tenth = (small / 10) | 0;
    target[position--] = ZERO + (small - tenth * 10);
    small = tenth;
  }
}
