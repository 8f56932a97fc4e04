/** Owns the options of the fallback: their meaning, defaults, bounds and refusal. */
import { isAbort, judgeAnswer } from './classify.js';
import type { FallbackSource } from './events.js';
import { LastGood } from './last-good.js';
import { OptionReader } from './options.js';
import type { CallContext } from './policy.js';
import type { PolicyClock } from './policy-clock.js';

/** The sources that stand in for the primary, in the order in which they are tried unless told otherwise. */
export const standIns = [
  'last-good',
  'alternative',
  'reduced',
  'static',
] as const satisfies readonly FallbackSource[];
/** A source that stands in for the primary. */
export type StandIn = (typeof standIns)[number];

/**
 * Gets an answer elsewhere. Knows what was asked (`context.key`) and why the primary failed: its error, or its answer when
 * that is a failure. The body of such an answer is let go of once another stands in: read it before, if at all.
 */
export type Alternative<V> = (context: CallContext, error: unknown) => PromiseLike<V> | V;

/** Options of a fallback. A wrong one throws PolicyOptionError at construction, an unknown one too. */
export interface FallbackOptions<V> {
  /** Label value of its series, 1 to 100 characters. */
  readonly name: string;
  /** Oldest last good value that is served, milliseconds; 1 to 2,147,483,647. No value is kept by default. */
  readonly maxAgeMs?: number | undefined;
  /** Last good values kept, the longest unused dropped first. Default 1,000; 1 to 1,000,000. Only with `maxAgeMs`. */
  readonly maxEntries?: number | undefined;
  /**
   * Key of calls that name none, for a policy around one single operation; 1 to 1,000 characters. None by default:
   * without any key nothing is kept or shared.
   */
  readonly defaultKey?: string | undefined;
  /** The same answer from another place, for example a second endpoint. None by default. */
  readonly alternative?: Alternative<V> | undefined;
  /** A lesser answer, for example without its expensive part. None by default. */
  readonly reduced?: Alternative<V> | undefined;
  /** Deadline of `alternative` and of `reduced`, milliseconds. Default 10,000; 1 to 2,147,483,647. */
  readonly standInTimeoutMs?: number | undefined;
  /** A fixed answer. None by default; undefined is none. */
  readonly staticValue?: V | undefined;
  /** Which sources are tried, in which order; each at most once. Default last-good, alternative, reduced, static. */
  readonly order?: readonly StandIn[] | undefined;
  /** Shall this error be answered otherwise? Default: every error but an abort. If it throws itself: yes. */
  readonly handles?: ((error: unknown) => boolean) | undefined;
  /** Is this answer a failure? Default: a fetch response 408, 429 or 5xx. If it throws itself: no. */
  readonly isFailure?: ((value: unknown) => boolean) | undefined;
  /** Time. Default the shared monotonic clock. */
  readonly clock?: PolicyClock | undefined;
}

/** Checked options of a fallback. */
export interface FallbackSettings<V> {
  readonly name: string;
  readonly lastGood: LastGood<V> | undefined;
  readonly defaultKey: string | undefined;
  readonly alternative: Alternative<V> | undefined;
  readonly reduced: Alternative<V> | undefined;
  readonly standInTimeoutMs: number;
  readonly staticValue: { readonly value: V } | undefined;
  readonly order: readonly StandIn[];
  readonly handles: (error: unknown) => boolean;
  readonly isFailure: (value: unknown) => boolean;
  readonly clock: PolicyClock;
}

const KNOWN = [
  'maxAgeMs',
  'maxEntries',
  'defaultKey',
  'alternative',
  'reduced',
  'standInTimeoutMs',
  'staticValue',
  'order',
  'handles',
  'isFailure',
  'clock',
] as const satisfies readonly (keyof FallbackOptions<unknown>)[];

/** Checks the options. Throws PolicyOptionError. */
export function fallbackSettings<V>(options: FallbackOptions<V>): FallbackSettings<V> {
  const read = new OptionReader('fallback', options, KNOWN);
  const hasLastGood = read.has('maxAgeMs');
  if (read.has('maxEntries') && !hasLastGood) throw read.refusal('maxEntries', 'left out without maxAgeMs');
  const rule = `sources, each once, out of: ${standIns.join(', ')}`;
  const isStandIn = (one: unknown) => standIns.includes(one as StandIn);
  const order = read.list<StandIn>('order', isStandIn, rule, standIns.length, standIns);
  if (new Set(order).size !== order.length) throw read.refusal('order', `a list of ${rule}`);
  return {
    name: read.name,
    lastGood: hasLastGood
      ? new LastGood(read.ms('maxAgeMs', 1), read.whole('maxEntries', 1_000, 1, 1_000_000))
      : undefined,
    defaultKey: read.has('defaultKey') ? read.text('defaultKey', undefined, 1_000) : undefined,
    alternative: read.optionalFunction<Alternative<V>>('alternative'),
    reduced: read.optionalFunction<Alternative<V>>('reduced'),
    standInTimeoutMs: read.ms('standInTimeoutMs', 10_000),
    staticValue: options.staticValue === undefined ? undefined : { value: options.staticValue },
    order,
    handles: read.optionalFunction<(error: unknown) => boolean>('handles') ?? ((error) => !isAbort(error)),
    isFailure:
      read.optionalFunction<(value: unknown) => boolean>('isFailure') ??
      ((value) => judgeAnswer(value) === 'failure'),
    clock: read.clock(),
  };
}
