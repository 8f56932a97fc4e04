/** Proves when recurring maintenance is on: on the days when the clocks change, and that each occurrence is one and ends. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  faultOf,
  nextOccurrence,
  occurrenceAt,
  type Rhythm,
  rememberedOccurrences,
} from '../../src/maintenance/windows.js';

const HOUR_MS = 3_600_000;
const berlin = (cron: string, durationMs = HOUR_MS): Rhythm => ({
  cron,
  timeZone: 'Europe/Berlin',
  durationMs,
});
const utc = (cron: string, durationMs = HOUR_MS): Rhythm => ({ cron, timeZone: 'UTC', durationMs });
const at = (text: string) => Date.parse(text);

/** The starts that a look each quarter of an hour sees, as the reconciler looks. */
function startsSeen(rhythm: Rhythm, from: string, hours: number): string[] {
  const starts = new Set<number>();
  for (let ms = at(from); ms < at(from) + hours * HOUR_MS; ms += 900_000) {
    const on = occurrenceAt(rhythm, ms);
    if (on !== undefined) starts.add(on.startsAtMs);
  }
  return [...starts].map((ms) => new Date(ms).toISOString());
}

describe('a window', () => {
  it('is on from its start to before its end', () => {
    const rhythm = utc('0 3 1 * *', HOUR_MS / 2);
    expect(occurrenceAt(rhythm, at('2026-05-01T02:59:59.999Z'))).toBeUndefined();
    const on = { startsAtMs: at('2026-05-01T03:00:00Z'), endsAtMs: at('2026-05-01T03:30:00Z') };
    expect(occurrenceAt(rhythm, on.startsAtMs)).toEqual(on);
    expect(occurrenceAt(rhythm, on.endsAtMs - 1)).toEqual(on);
    expect(occurrenceAt(rhythm, on.endsAtMs)).toBeUndefined();
    expect(nextOccurrence(rhythm, on.startsAtMs)?.startsAtMs).toBe(at('2026-06-01T03:00:00Z'));
  });

  it.each([
    ['an ordinary day', '30 2 * * *', '2026-06-10T12:00:00Z', ['2026-06-11T00:30:00.000Z']],
    // 02:30 does not exist on 29 March 2026: the clocks go from 02:00 to 03:00.
    ['the hour that spring skips', '30 2 * * *', '2026-03-28T12:00:00Z', ['2026-03-29T01:30:00.000Z']],
    // 02:30 exists twice on 25 October 2026: first in summer time.
    ['the hour that autumn repeats', '30 2 * * *', '2026-10-24T12:00:00Z', ['2026-10-25T00:30:00.000Z']],
    ['before the change', '30 1 * * *', '2026-10-24T12:00:00Z', ['2026-10-24T23:30:00.000Z']],
    ['after the change', '30 4 * * *', '2026-10-24T12:00:00Z', ['2026-10-25T03:30:00.000Z']],
    ['by the day of the week', '30 2 * * SUN', '2026-10-24T12:00:00Z', ['2026-10-25T00:30:00.000Z']],
  ])('begins once on %s', (_what, cron, from, starts) => {
    expect(startsSeen(berlin(cron), from, 24)).toEqual(starts);
  });

  it('lasts its elapsed time over a change of the clocks', () => {
    const over = occurrenceAt(berlin('30 1 * * *', 2 * HOUR_MS), at('2026-03-29T01:10:00Z'));
    expect(over).toEqual({ startsAtMs: at('2026-03-29T00:30:00Z'), endsAtMs: at('2026-03-29T02:30:00Z') });
    const back = occurrenceAt(berlin('30 2 * * *', 2 * HOUR_MS), at('2026-10-25T01:40:00Z'));
    expect(back).toEqual({ startsAtMs: at('2026-10-25T00:30:00Z'), endsAtMs: at('2026-10-25T02:30:00Z') });
  });

  it('is the same occurrence whenever one looks', () => {
    const rhythms = fc.record({
      minute: fc.integer({ min: 0, max: 59 }),
      hour: fc.integer({ min: 0, max: 23 }),
      timeZone: fc.constantFrom(
        'UTC',
        'Europe/Berlin',
        'America/New_York',
        'Australia/Lord_Howe',
        'Asia/Kolkata',
      ),
      durationMs: fc.integer({ min: 60_000, max: 20 * HOUR_MS }),
      atMs: fc.integer({ min: at('2026-01-01T00:00:00Z'), max: at('2027-01-01T00:00:00Z') }),
    });
    fc.assert(
      fc.property(rhythms, ({ minute, hour, timeZone, durationMs, atMs }) => {
        const rhythm = { cron: `${minute} ${hour} * * *`, timeZone, durationMs };
        const next = nextOccurrence(rhythm, atMs)!;
        expect(next.startsAtMs).toBeGreaterThan(atMs);
        expect(next.endsAtMs - next.startsAtMs).toBe(durationMs);
        for (const share of [0, 0.37, 0.999]) {
          const during = next.startsAtMs + Math.floor(share * durationMs);
          expect(occurrenceAt(rhythm, during)).toEqual(next);
        }
        expect(occurrenceAt(rhythm, next.startsAtMs - 1)?.startsAtMs).not.toBe(next.startsAtMs);
      }),
      { numRuns: 100, seed: 11 },
    );
  });
});

it('what is remembered is what is found anew, also when the clock goes back', () => {
  const window = { ...berlin('0 */6 * * *', 2 * HOUR_MS), name: 'often' };
  const remembered = rememberedOccurrences();
  const moments = fc.array(fc.integer({ min: at('2026-10-23T00:00:00Z'), max: at('2026-10-27T00:00:00Z') }), {
    maxLength: 20,
  });
  fc.assert(
    fc.property(moments, (all) => {
      for (const ms of all) expect(remembered(window, ms)).toEqual(occurrenceAt(window, ms));
    }),
    { numRuns: 20, seed: 3 },
  );
});

describe('a rhythm is refused', () => {
  it.each([
    ['with seconds', '0 30 2 * * *', HOUR_MS, 'five fields'],
    ['by a name', '@daily', HOUR_MS, 'five fields'],
    ['by a die', 'H 2 * * *', HOUR_MS, 'five fields'],
    ['that is no cron', '99 2 * * *', HOUR_MS, 'cannot be read'],
    ['on a day that never comes', '0 2 30 2 *', HOUR_MS, 'or never comes'],
    ['each minute', '* * * * *', 60_000, 'more than once an hour'],
    ['each hour for an hour', '0 * * * *', HOUR_MS, 'never end'],
    ['each day for a day', '0 2 * * *', 24 * HOUR_MS, 'never end'],
  ])('%s', (_what, cron, durationMs, what) => {
    expect(faultOf(utc(cron, durationMs))?.what).toContain(what);
  });

  it.each([
    ['each day, of which one has 23 hours', berlin('30 4 * * *', 22.9 * HOUR_MS)],
    ['each hour', utc('15 * * * *', HOUR_MS / 2)],
    ['the last Friday of the month', utc('0 22 * * 5L', 4 * HOUR_MS)],
    ['Thursdays, which have an H', utc('0 22 * * THU', 4 * HOUR_MS)],
  ])('but not %s', (_what, rhythm) => {
    expect(faultOf(rhythm)).toBeUndefined();
  });

  it('for a day that is too long on the shortest day of the year', () => {
    expect(faultOf(berlin('30 4 * * *', 23 * HOUR_MS))?.what).toContain('never end');
  });
});
