/** Owns the section `thresholds`: which numbers it takes, that a ladder climbs, and what it says of each rung. */
import { z } from 'zod';
import { defaulted, documented, isMap, type Reader, refuseTo, whenMap } from './fields.js';
import { bad, good } from './problem.js';
import {
  AUTO,
  SEVERITIES,
  type Severity,
  severitiesOf,
  THRESHOLDS,
  type ThresholdSetting,
  type ThresholdSpec,
} from './thresholds.js';

type Word = 'off' | typeof AUTO;

/** The words that may stand instead of a number: `auto` only where something is there to compute it. */
function wordsOf(spec: ThresholdSpec): readonly Word[] {
  return Object.values(spec.defaults).includes(AUTO) ? [AUTO, 'off'] : ['off'];
}

/** A number within bounds, or a word; at `off` no alert compares with it. Digits may be grouped: `8_000_000_000`. */
function amount(spec: ThresholdSpec): Reader<number | Word> {
  const [min, max] = spec.bounds;
  const words = wordsOf(spec);
  return (raw) => {
    // YAML reads a bare `off` as text and `false` as a boolean; both mean the same to a person.
    if (raw === 'off' || raw === false) return good('off');
    if (raw === AUTO && words.includes(AUTO)) return good(AUTO);
    const isText = typeof raw === 'string' && /^\d{1,3}(?:_\d{3})*$|^\d+(?:\.\d+)?(?:e\d+)?$/i.test(raw);
    const value = isText ? Number(raw.replaceAll('_', '')) : raw;
    const range = `Write a number from ${min} to ${max}, or ${words.join(' or ')}`;
    if (typeof value !== 'number' || !Number.isFinite(value)) return bad('is not a number', range);
    if (value < min) return bad(`is below ${min}`, range);
    if (value > max) return bad(`is above ${max}`, range);
    return good(value);
  };
}

function entryOf(spec: ThresholdSpec): z.ZodType {
  const bounds = `${spec.bounds[0]} to ${spec.bounds[1]}, or ${wordsOf(spec).join(' or ')}`;
  if (spec.side === 'none') {
    const value = String(spec.defaults.none);
    return defaulted({ meaning: spec.meaning, example: value, bounds, default: value }, amount(spec));
  }
  const keys = severitiesOf(spec).map((severity) => {
    const value = String(spec.defaults[severity]);
    const doc = { meaning: `Limit of the severity ${severity}.`, example: value, bounds, default: value };
    return [severity, defaulted(doc, amount(spec))] as const;
  });
  const example = `{${keys.map(([severity]) => `${severity}: ${spec.defaults[severity]}`).join(', ')}}`;
  const ladder = z.strictObject(Object.fromEntries(keys)).superRefine((value, context) => {
    const wrong = wrongRung(spec, value);
    if (wrong === undefined) return;
    const order =
      spec.side === 'above' ? 'Each severity needs a higher limit than the one before' : undefined;
    refuseTo(context)(
      [wrong.severity],
      `is not ${spec.side} the limit of ${wrong.before}`,
      order ?? 'Each severity needs a lower limit than the one before',
    );
  }, whenMap);
  return documented(ladder.prefault({}), { meaning: spec.meaning, example });
}

/** The first rung that does not go on in the direction of the ladder, so that the louder alert would come first. */
function wrongRung(
  spec: ThresholdSpec,
  value: unknown,
): { readonly severity: Severity; readonly before: Severity } | undefined {
  if (!isMap(value)) return undefined;
  const rungs = SEVERITIES.filter((severity) => typeof value[severity] === 'number');
  for (const [index, severity] of rungs.entries()) {
    const before = rungs[index - 1];
    if (before === undefined) continue;
    const [lower, upper] = [value[before] as number, value[severity] as number];
    if (spec.side === 'above' ? upper <= lower : upper >= lower) return { severity, before };
  }
  return undefined;
}

/** The section `thresholds`; a key that is left out keeps its default. */
export const thresholdsSchema = z.strictObject(
  Object.fromEntries(THRESHOLDS.map((spec) => [spec.name, entryOf(spec)])),
);

/** What the section says, in the order of THRESHOLDS; what is `off` is left out. */
export function thresholdSettings(read: Readonly<Record<string, unknown>>): readonly ThresholdSetting[] {
  return THRESHOLDS.flatMap((spec) =>
    severitiesOf(spec).flatMap((severity): ThresholdSetting[] => {
      const entry = read[spec.name];
      const value = severity === 'none' ? entry : isMap(entry) ? entry[severity] : undefined;
      const isSet = typeof value === 'number' || value === AUTO;
      return isSet ? [{ threshold: spec.name, severity, value }] : [];
    }),
  );
}
