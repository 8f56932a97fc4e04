/** Owns when recurring maintenance is on: cron, time zone and duration to the one occurrence of a moment. Pure. */
import { CronExpressionParser } from 'cron-parser';

/** Recurring maintenance as configured. */
export interface MaintenanceWindow {
  /** Becomes the label `window`. */
  readonly name: string;
  /** Five fields: minute, hour, day of month, month, day of week; in the time of `timeZone`. */
  readonly cron: string;
  /** A name of the IANA database, for example `Europe/Berlin`. */
  readonly timeZone: string;
  /** Elapsed time, so that a change of the clocks makes it neither longer nor shorter. */
  readonly durationMs: number;
  /** Labels that an alert must have; undefined: those of the section. */
  readonly matchers: Readonly<Record<string, string>> | undefined;
}

/** One time that a window is on. Moments are milliseconds since the epoch; the end is not part of it. */
export interface Occurrence {
  readonly startsAtMs: number;
  readonly endsAtMs: number;
}

/** What decides when a window is on. */
export type Rhythm = Pick<MaintenanceWindow, 'cron' | 'timeZone' | 'durationMs'>;

const HOUR_MS = 3_600_000;
/** Shortest time from one start to the next. */
export const LEAST_GAP_MS = HOUR_MS;
/** Longest that a window may be on. */
export const LONGEST_WINDOW_MS = 24 * HOUR_MS;
/**
 * The search begins this long before what it looks for: begun within the hour that autumn repeats, it would find a
 * start there twice.
 */
const RUN_UP_MS = 26 * HOUR_MS;
/** A rhythm is tried out over so many starts, a daily one over more than a year; a rarer one no longer than that. */
const TRIED_STARTS = 400;
const TRIED_MS = TRIED_STARTS * 24 * HOUR_MS;
const TRIED_FROM_MS = Date.UTC(2024, 0, 1);
const FIELDS = /^[\d*,/\-A-Za-z#?]+(?: +[\d*,/\-A-Za-z#?]+){4}$/;

/** The occurrence that holds at a moment; undefined between two. */
export function occurrenceAt(rhythm: Rhythm, atMs: number): Occurrence | undefined {
  let found: Occurrence | undefined;
  for (const one of occurrencesFrom(rhythm, atMs - rhythm.durationMs - RUN_UP_MS)) {
    if (one.startsAtMs > atMs) break;
    found = one;
  }
  return found !== undefined && found.endsAtMs > atMs ? found : undefined;
}

/**
 * {@link occurrenceAt} that remembers each window's answer for as long as it holds: a search costs a millisecond or
 * more, and the reconciler asks every few seconds. A window that is changed is another object.
 */
export function rememberedOccurrences(): (window: Rhythm, atMs: number) => Occurrence | undefined {
  // Not by name: a question under way would leave the answer of the window before to the one that replaced it.
  const known = new WeakMap<Rhythm, { fromMs: number; untilMs: number; on: Occurrence | undefined }>();
  return (window, atMs) => {
    const last = known.get(window);
    if (last !== undefined && atMs >= last.fromMs && atMs < last.untilMs) return last.on;
    const on = occurrenceAt(window, atMs);
    const untilMs = on?.endsAtMs ?? nextOccurrence(window, atMs)?.startsAtMs ?? Number.POSITIVE_INFINITY;
    known.set(window, { fromMs: on?.startsAtMs ?? atMs, untilMs, on });
    return on;
  };
}

/** The first occurrence that begins after a moment; undefined when none is left. */
export function nextOccurrence(rhythm: Rhythm, afterMs: number): Occurrence | undefined {
  for (const one of occurrencesFrom(rhythm, afterMs - RUN_UP_MS)) if (one.startsAtMs > afterMs) return one;
  return undefined;
}

/** What is wrong with a rhythm, or undefined: it must come again and again, and end each time before it comes again. */
export function faultOf(rhythm: Rhythm): { readonly what: string; readonly remedy: string } | undefined {
  const example = 'Write five fields such as "30 2 * * SUN": minute, hour, day, month, day of week';
  // H would be another time on each replica, and a sixth field is seconds.
  if (!FIELDS.test(rhythm.cron) || /(?:^|[ ,])H/.test(rhythm.cron))
    return { what: 'is not a cron expression of five fields', remedy: example };
  const unreadable = { what: 'cannot be read as a cron expression, or never comes', remedy: example };
  let before: Occurrence | undefined;
  try {
    let tried = 0;
    for (const one of occurrencesFrom(rhythm, TRIED_FROM_MS)) {
      if (before !== undefined && one.startsAtMs - before.startsAtMs < LEAST_GAP_MS)
        return { what: 'comes more than once an hour', remedy: 'Name one minute and the hours' };
      if (before !== undefined && one.startsAtMs <= before.endsAtMs)
        return { what: 'comes again before it has ended, so it would never end', remedy: 'Shorten duration' };
      before = one;
      tried += 1;
      const isLate = tried > 1 && one.startsAtMs > TRIED_FROM_MS + TRIED_MS;
      if (isLate || tried === TRIED_STARTS) break;
    }
  } catch {
    return unreadable;
  }
  return before === undefined ? unreadable : undefined;
}

function* occurrencesFrom({ cron, timeZone, durationMs }: Rhythm, fromMs: number): Generator<Occurrence> {
  const times = CronExpressionParser.parse(cron, { currentDate: new Date(fromMs), tz: timeZone });
  for (;;) {
    let startsAtMs: number;
    try {
      startsAtMs = times.next().getTime();
    } catch {
      return;
    }
    yield { startsAtMs, endsAtMs: startsAtMs + durationMs };
  }
}
