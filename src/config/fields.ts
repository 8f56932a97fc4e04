/** Owns how one key is declared: its meaning, unit, default and bounds stand beside the reader that enforces them. */
import { z } from 'zod';
import { formatDurationMs, parseDurationMs } from './duration.js';
import { nearest } from './nearest.js';
import { bad, good, type Parsed } from './problem.js';

/** What the reference, the help text and the messages say about a key. */
export interface FieldDoc {
  /** One sentence for the operator. */
  readonly meaning: string;
  /** A value that works. */
  readonly example: string;
  /** Bounds and unit in words. */
  readonly bounds?: string;
  /** The default as it would be written in the file. */
  readonly default?: string;
  /** What stands in the file when the key is left out and no default can be written. */
  readonly absent?: string;
  /** Environment variable that overrides the key. */
  readonly env?: string;
  /** Command-line flag, without dashes, that overrides the key. */
  readonly flag?: string;
  /** Placeholder of the flag's value in the help text. */
  readonly placeholder?: string;
}

/** The documentation of each schema, by identity. */
export const fieldDocs = z.registry<FieldDoc>();

/** Turns one raw value into a checked one. */
export type Reader<T> = (raw: unknown) => Parsed<T>;

/** A key that must be given. */
export function required<T>(doc: FieldDoc, read: Reader<T>) {
  return documented(checked(doc, read), { absent: 'required', ...doc });
}

/** A key that may be left out. */
export function optional<T>(doc: FieldDoc, read: Reader<T>) {
  return documented(checked(doc, read).optional(), doc);
}

/** A key whose default is `doc.default`, read by the same reader; throws at load when that is refused. */
export function defaulted<T>(doc: FieldDoc & { readonly default: string }, read: Reader<T>) {
  const fallback = read(doc.default);
  if (!fallback.ok) throw new TypeError(`default ${doc.default} ${fallback.what}`);
  // zod's type forbids functions as defaults only; ours are plain values.
  return documented(checked(doc, read).default(fallback.value as never), doc);
}

/** Attaches the documentation to a schema of any shape; must come last, because checks make a new schema. */
export function documented<S extends z.ZodType>(schema: S, doc: FieldDoc): S {
  fieldDocs.add(schema, doc);
  return schema;
}

function checked<T>(doc: FieldDoc, read: Reader<T>) {
  return z.unknown().transform((raw, context): T => {
    const parsed = raw === undefined || raw === null ? absent(raw, doc) : read(raw);
    if (parsed.ok) return parsed.value;
    context.addIssue({ code: 'custom', message: parsed.what, params: { remedy: parsed.remedy } });
    return z.NEVER;
  });
}

/** The answer to a key that is missing (`undefined`) or has nothing behind its colon (`null`). */
export function absent(raw: undefined | null, doc: FieldDoc | undefined): Parsed<never> {
  const example = doc === undefined ? 'Give it a value' : `Give it a value, for example ${doc.example}`;
  if (raw === undefined) return bad('is missing', example);
  return bad('is empty', `${example}; remove the key when nothing is meant`);
}

/** Text that a pure function checks further. */
export function text<T>(parse: (value: string) => Parsed<T>): Reader<T> {
  return (raw) => (typeof raw === 'string' ? parse(raw) : bad('is not text', 'Write the value in quotes'));
}

/** One of a closed set of words. */
export function oneOf<const T extends string>(words: readonly T[]): Reader<T> {
  return (raw) => {
    const found = words.find((word) => word === raw);
    if (found !== undefined) return good(found);
    return bad(`is not one of ${words.join(', ')}`, `Did you mean ${nearest(String(raw), words)}?`);
  };
}

/** `true` or `false`; as text too, because that is what the environment holds. */
export function flag(): Reader<boolean> {
  return (raw) => {
    if (raw === true || raw === 'true') return good(true);
    if (raw === false || raw === 'false') return good(false);
    return bad('is not true or false', 'Write true or false');
  };
}

/** A whole number within bounds, both included; digits may be grouped: `5_000_000`. */
export function count(min: number, max: number): Reader<number> {
  return (raw) => {
    const digits = typeof raw === 'string' && /^\d{1,3}(?:_?\d{3})*$|^\d+$/.test(raw);
    const value = digits ? Number(raw.replaceAll('_', '')) : raw;
    const range = `Write a whole number from ${min} to ${max}`;
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) return bad('is not a whole number', range);
    if (value < min) return bad(`is below ${min}`, range);
    if (value > max) return bad(`is above ${max}`, range);
    return good(value);
  };
}

/** A duration within bounds, both included, in milliseconds; bounds are written as durations. */
export function duration(min: string, max: string): Reader<number> {
  const [minMs, maxMs] = [min, max].map((bound) => {
    const parsed = parseDurationMs(bound);
    if (!parsed.ok) throw new TypeError(`bound ${bound} ${parsed.what}`);
    return parsed.value;
  }) as [number, number];
  return (raw) => {
    if (typeof raw === 'number')
      return bad('has no unit', `Write ${raw}s for seconds or ${raw}m for minutes`);
    if (typeof raw !== 'string') return bad('is not a duration', 'Write for example 90s, 3m or 1h30m');
    const parsed = parseDurationMs(raw);
    if (!parsed.ok) return parsed;
    const range = `Write a duration from ${formatDurationMs(minMs)} to ${formatDurationMs(maxMs)}`;
    if (parsed.value < minMs) return bad(`is below ${min}`, range);
    if (parsed.value > maxMs) return bad(`is above ${max}`, range);
    return parsed;
  };
}

/** Takes one refusal of a rule: the keys below the value at hand, what is wrong, the remedy. */
export type Refuse = (path: readonly PropertyKey[], what: string, remedy: string) => void;

/** Sends the refusals of a rule into zod's list of issues. */
export function refuseTo(context: z.core.$RefinementCtx<unknown>): Refuse {
  return (path, what, remedy) =>
    context.addIssue({ code: 'custom', message: what, params: { remedy }, path: [...path] });
}

/** Runs a rule between keys whenever the value is a map, even when single keys of it were refused already. */
export const whenMap = {
  when: ({ value }: { readonly value: unknown }) => isMap(value),
};

/** True for a map of the file, false for a list, null and every scalar. */
export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A list of 1 to `max` different values. */
export function list<T>(doc: FieldDoc, read: Reader<T>, max: number) {
  return z.array(checked(doc, read)).superRefine(
    (items, context) => {
      const refuse = refuseTo(context);
      if (items.length === 0) refuse([], 'is an empty list', 'Give at least one value, or remove the key');
      if (items.length > max)
        refuse([], `has ${items.length} values, more than ${max}`, 'Keep the most important');
      for (const [index, item] of items.entries()) {
        const first = items.indexOf(item);
        // A refused item is an object of zod's; only read ones can repeat.
        if (first === index || typeof item !== 'string') continue;
        refuse([index], 'is listed twice', `Remove one; the first is number ${first + 1}`);
      }
    },
    { when: ({ value }) => Array.isArray(value) },
  );
}
