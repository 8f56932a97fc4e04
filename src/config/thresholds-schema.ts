/** Owns the section `thresholds`: which numbers it takes, that a ladder climbs, and the step to the values in force. */
import { z } from 'zod';
import { defaulted, documented, isMap, type Reader, refuseTo, whenMap } from './fields.js';
import { bad, good } from './problem.js';
import {
  SEVERITIES,
  type Severity,
  severitiesOf,
  THRESHOLDS,
  type ThresholdSpec,
  type ThresholdValue,
} from './thresholds.js';

/** A number within bounds, or `off`: then no alert compares with it. Digits may be grouped: `8_000_000_000`. */
function amount([min, max]: readonly [number, number]): Reader<number | 'off'> {
  return (raw) => {
    // YAML reads a bare `off` as text and `false` as a boolean; both mean the same to a person.
    if (raw === 'off' || raw === false) return good('off');
    const isText = typeof raw === 'string' && /^\d{1,3}(?:_\d{3})*$|^\d+(?:\.\d+)?(?:e\d+)?$/i.test(raw);
    const value = isText ? Number(raw.replaceAll('_', '')) : raw;
    const range = `Write a number from ${min} to ${max}, or off`;
    if (typeof value !== 'number' || !Number.isFinite(value)) return bad('is not a number', range);
    if (value < min) return bad(`is below ${min}`, range);
    if (value > max) return bad(`is above ${max}`, range);
    return good(value);
  };
}

function entryOf(spec: ThresholdSpec): z.ZodType {
  const bounds = `${spec.bounds[0]} to ${spec.bounds[1]}, or off`;
  if (spec.side === 'none') {
    const value = String(spec.defaults.none);
    return defaulted({ meaning: spec.meaning, example: value, bounds, default: value }, amount(spec.bounds));
  }
  const keys = severitiesOf(spec).map((severity) => {
    const value = String(spec.defaults[severity]);
    const doc = { meaning: `Limit of the severity ${severity}.`, example: value, bounds, default: value };
    return [severity, defaulted(doc, amount(spec.bounds))] as const;
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

/** The values in force, in the order of THRESHOLDS; what is `off` is left out. */
export function thresholdValues(read: Readonly<Record<string, unknown>>): readonly ThresholdValue[] {
  return THRESHOLDS.flatMap((spec) =>
    severitiesOf(spec).flatMap((severity): ThresholdValue[] => {
      const entry = read[spec.name];
      const value = severity === 'none' ? entry : isMap(entry) ? entry[severity] : undefined;
      return typeof value === 'number' ? [{ threshold: spec.name, severity, value }] : [];
    }),
  );
}
