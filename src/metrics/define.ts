/** Owns what a metric definition is and the naming laws that every series of the product keeps. */

export const METRIC_TYPES = ['counter', 'gauge', 'histogram', 'info'] as const;
/** `info` is a gauge that is always 1 and says facts in its labels; OpenMetrics has a type of its own for it. */
export type MetricType = (typeof METRIC_TYPES)[number];

export const METRIC_UNITS = ['seconds', 'bytes', 'ratio'] as const;
/** Base units only. A plain count of things has no unit. */
export type MetricUnit = (typeof METRIC_UNITS)[number];

export const METRIC_FEATURES = ['flow', 'dependency', 'resource', 'alert', 'remedy', 'self'] as const;
/** The part of the product that a series serves. */
export type MetricFeature = (typeof METRIC_FEATURES)[number];

/** One metric: everything that the wire, the documentation and the type checker need to know about it. */
export interface MetricSpec<L extends string = string> {
  readonly name: string;
  /** One sentence; says the unit's meaning and what zero means where that is not plain. */
  readonly help: string;
  readonly type: MetricType;
  readonly unit: MetricUnit | undefined;
  /** Label name → where its values come from, in the order in which they are printed. */
  readonly labels: Readonly<Record<L, string>>;
  /** Upper bounds of a histogram in its unit, ascending, without +Inf. */
  readonly buckets?: readonly number[];
  /** `absent`: no series until the first value, because a zero would be read as a measurement. Default `zero`. */
  readonly starts?: 'zero' | 'absent';
  readonly stability: 'stable' | 'experimental';
  readonly feature: MetricFeature;
}

/** The label names of a definition as a union of literals. */
export type LabelNames<S extends MetricSpec> = Extract<keyof S['labels'], string>;

/**
 * A definition breaks a law. Cause: a name, label, unit or bucket list in the catalogue.
 * Remedy: the message lists every broken law with the metric's name.
 */
export class MetricDefinitionError extends Error {
  readonly code = 'METRIC_DEFINITION';
  override readonly name = 'MetricDefinitionError';
  constructor(readonly problems: readonly string[]) {
    super(`${problems.length} metric definition problem(s): ${problems.join('; ')}`);
  }
}

const RESERVED_LABELS = new Set(['job', 'instance', 'le', 'quantile']);
const CLASHING_LABELS = new Set(['type', 'service', 'env', 'owner', 'stage']);
const RESERVED_SUFFIXES = ['_count', '_sum', '_bucket', '_created'];
const OTHER_UNITS =
  /_(ms|millis|milliseconds|microseconds|nanoseconds|minutes|hours|days|kb|kilobytes|megabytes|percent)$/;
/** Every bucket is a series of its own for each label set. */
const MAX_BUCKETS = 200;
const SNAKE_CASE = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;

/** Returns the definition unchanged. Throws MetricDefinitionError when it breaks a naming law. */
export function defineMetric<const S extends MetricSpec>(spec: S): S {
  const problems = brokenLaws(spec);
  if (problems.length > 0) throw new MetricDefinitionError(problems);
  return spec;
}

/**
 * Returns the catalogue unchanged. Throws MetricDefinitionError with every problem of every entry, and
 * when two entries would print the same sample or OpenMetrics family name.
 */
export function defineCatalog<const C extends Readonly<Record<string, MetricSpec>>>(catalog: C): C {
  const problems: string[] = [];
  const takenBy = new Map<string, string>();
  for (const spec of Object.values(catalog)) {
    problems.push(...brokenLaws(spec));
    for (const printed of printedNames(spec)) {
      const other = takenBy.get(printed);
      if (other !== undefined) problems.push(`${spec.name}: prints ${printed}, which ${other} prints too`);
      takenBy.set(printed, spec.name);
    }
  }
  if (problems.length > 0) throw new MetricDefinitionError(problems);
  return catalog;
}

/** The family name that OpenMetrics prints: counters without `_total`, infos without `_info`. */
export function familyName(spec: Pick<MetricSpec, 'name' | 'type'>): string {
  if (spec.type === 'counter') return spec.name.replace(/_total$/, '');
  if (spec.type === 'info') return spec.name.replace(/_info$/, '');
  return spec.name;
}

function printedNames(spec: MetricSpec): Set<string> {
  const names = new Set([spec.name, familyName(spec)]);
  if (spec.type === 'histogram') for (const s of RESERVED_SUFFIXES) names.add(spec.name + s);
  return names;
}

function brokenLaws(spec: MetricSpec): string[] {
  const found = [...nameLaws(spec), ...labelLaws(spec), ...bucketLaws(spec)];
  if (spec.help.trim() === '') found.push('help is empty: say what the number means');
  return found.map((problem) => `${spec.name}: ${problem}`);
}

function nameLaws({ name, type, unit }: MetricSpec): string[] {
  const found: string[] = [];
  if (!SNAKE_CASE.test(name)) found.push('name is not snake_case');
  if (type === 'counter' && !name.endsWith('_total')) found.push('a counter ends in _total');
  if (type !== 'counter' && name.endsWith('_total')) found.push('only a counter ends in _total');
  if (type === 'info' && !name.endsWith('_info')) found.push('an info ends in _info');
  const base = name.replace(/_total$/, '');
  for (const suffix of RESERVED_SUFFIXES) {
    if (base.endsWith(suffix)) found.push(`the suffix ${suffix} belongs to histograms and summaries`);
  }
  if (OTHER_UNITS.test(base)) found.push('use a base unit: seconds, bytes or ratio');
  const suffix = METRIC_UNITS.find((u) => base.endsWith(`_${u}`));
  if (suffix !== unit) found.push(`unit is ${unit ?? 'undefined'} but the name says ${suffix ?? 'none'}`);
  return found;
}

function labelLaws({ labels }: MetricSpec): string[] {
  const found: string[] = [];
  for (const [label, source] of Object.entries(labels)) {
    if (!SNAKE_CASE.test(label)) found.push(`label ${label} is not snake_case`);
    if (RESERVED_LABELS.has(label)) found.push(`label ${label} is owned by Prometheus`);
    if (CLASHING_LABELS.has(label)) found.push(`label ${label} clashes with common target labels`);
    if (source.trim() === '') found.push(`label ${label} does not say where its values come from`);
  }
  return found;
}

function bucketLaws({ type, buckets }: MetricSpec): string[] {
  if (type !== 'histogram') return buckets === undefined ? [] : ['only a histogram has buckets'];
  if (buckets === undefined || buckets.length === 0) return ['a histogram declares its buckets'];
  if (buckets.length > MAX_BUCKETS) return [`at most ${MAX_BUCKETS} buckets`];
  const ascending = buckets.every((b, i) => Number.isFinite(b) && (i === 0 || b > buckets[i - 1]!));
  return ascending ? [] : ['buckets are finite and strictly ascending, without +Inf'];
}
