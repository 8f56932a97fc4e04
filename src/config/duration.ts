/** Owns the spelling of lengths of time: `500ms`, `3m`, `1h30m`, `2d`. */
import { bad, good, type Parsed } from './problem.js';

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
] as const;

const SHAPE = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;
const SPELLING =
  'Write whole numbers with the units d, h, m, s, ms from large to small, for example 90s, 3m or 1h30m';

/** The milliseconds of a duration's text. Refused: no unit, fractions, signs, blanks, units out of order, zero. */
export function parseDurationMs(text: string): Parsed<number> {
  if (/^\d+$/.test(text)) return bad('has no unit', `Write ${text}s for seconds or ${text}m for minutes`);
  const parts = text === '' ? null : SHAPE.exec(text);
  if (parts === null) return bad('is not a duration', SPELLING);
  const totalMs = UNITS.reduce((sum, [, unitMs], index) => sum + Number(parts[index + 1] ?? 0) * unitMs, 0);
  if (totalMs === 0) return bad('is zero', 'Give a duration above zero, or remove the key');
  // Above this the sum is rounded, and a limit of "for ever" would compare as something else.
  if (totalMs > Number.MAX_SAFE_INTEGER)
    return bad('is too long', 'Write a shorter duration, for example 365d');
  return good(totalMs);
}

/** The shortest spelling of whole milliseconds: 90000 is `1m30s`. Zero is `0s`. */
export function formatDurationMs(durationMs: number): string {
  let restMs = durationMs;
  let text = '';
  for (const [unit, unitMs] of UNITS) {
    const count = Math.floor(restMs / unitMs);
    restMs -= count * unitMs;
    if (count > 0) text += `${count}${unit}`;
  }
  return text === '' ? '0s' : text;
}
