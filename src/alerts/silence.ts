/** Owns what a silence of ours is: which alerts it may match, how it is told from those of others, and what is refused. */
import type { Alert } from './alert.js';

/** One condition of a silence; a missing label counts as an empty one. */
export interface Matcher {
  readonly name: string;
  readonly value: string;
  /** False: every value but this one. */
  readonly isEqual: boolean;
}

/** A silence as Alertmanager knows it. Moments are milliseconds since the epoch. */
export interface Silence {
  readonly id: string;
  readonly state: 'active' | 'pending' | 'expired';
  readonly comment: string;
  readonly createdBy: string;
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly matchers: readonly Matcher[];
}

/** Longest silence that a chat may ask for, milliseconds: seven days. */
export const LONGEST_SILENCE_MS = 7 * 86_400_000;

/** The comment of a silence: for people, and at its end the tag by which it is found again. */
export function commentOf(why: string, tag: string): string {
  return `${why} [${tag}]`;
}

/** Whether a comment is that of the silence with this tag. */
export function carriesTag(comment: string, tag: string): boolean {
  return comment.endsWith(`[${tag}]`);
}

/**
 * The conditions that mean a group and its escalated copies: the labels that it is grouped by. Undefined when those do
 * not name an alert, because silencing all of a severity is nothing that a button may do; and for `never`, the alert
 * that must always come through.
 */
export function matchersOfGroup(
  groupLabels: Readonly<Record<string, string>>,
  never: string,
): readonly Matcher[] | undefined {
  const { alertname } = groupLabels;
  if (alertname === undefined || alertname === '' || alertname === never) return undefined;
  return Object.entries(groupLabels)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => ({ name, value, isEqual: true }));
}

/** Whether an alert meets every condition. */
export function isMatched(labels: Alert['labels'], matchers: readonly Matcher[]): boolean {
  return matchers.every(({ name, value, isEqual }) => ((labels[name] ?? '') === value) === isEqual);
}

/** Whether two silences match the same alerts by the same conditions, in whatever order. */
export function isSameSet(some: readonly Matcher[], others: readonly Matcher[]): boolean {
  const texts = (matchers: readonly Matcher[]) => matchers.map((one) => matchersText([one])).sort();
  return some.length === others.length && texts(some).join('\n') === texts(others).join('\n');
}

/** Conditions that a silence of ours may have, or why it may not. */
export type GuardedMatchers =
  | { readonly ok: true; readonly matchers: readonly Matcher[] }
  | { readonly ok: false; readonly remedy: string };

const MOST_MATCHERS = 10;
/** Alerts that the ordinary way to people is broken: work on what they watch is no reason to miss them. */
const LAST_RESORT: Matcher = { name: 'pipeline', value: 'notifications', isEqual: false };
/** Alerts about the quiet itself: that it lasts too long would never be heard. */
const ABOUT_QUIET: Matcher = { name: 'quiet', value: 'never', isEqual: false };

/**
 * The conditions of a silence from labels and their values. Refused: none, as that would match everything; an empty
 * value, which alerts without the label have; and whatever could mute `never`, the sign of life. Unless an alert is
 * named, the sign of life, the alerts about the alerts' own way and those about the quiet are left out.
 */
export function guardedMatchers(
  labels: readonly (readonly [name: string, value: string])[],
  never: string,
): GuardedMatchers {
  if (labels.length === 0 || labels.length > MOST_MATCHERS)
    return { ok: false, remedy: `Name 1 to ${MOST_MATCHERS} labels with their values` };
  const names = labels.map(([name]) => name);
  if (new Set(names).size < names.length) return { ok: false, remedy: 'Name each label once' };
  if (!names.every((name) => /^[A-Za-z_]\w{0,99}$/.test(name)))
    return { ok: false, remedy: 'A label is named with letters, digits and underscores' };
  if (!labels.every(([, value]) => /^[^\p{Cc}\p{Surrogate}]{1,200}$/u.test(value)))
    return { ok: false, remedy: 'A value has 1 to 200 characters' };
  if (labels.some(([name, value]) => name === 'alertname' && value === never))
    return { ok: false, remedy: `${never} is the sign of life of the alerts and is never silenced.` };
  const equal = labels.map(([name, value]): Matcher => ({ name, value, isEqual: true }));
  if (names.includes('alertname')) return { ok: true, matchers: equal };
  const others = [LAST_RESORT, ABOUT_QUIET].filter(({ name }) => !names.includes(name));
  return { ok: true, matchers: [...equal, { name: 'alertname', value: never, isEqual: false }, ...others] };
}

/** What `/maintenance` asks for. */
export type MaintenanceWish =
  | { readonly ok: true; readonly durationMs: number; readonly matchers: readonly Matcher[] }
  | { readonly ok: false; readonly remedy: string };

const UNITS_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
const EXAMPLE = 'Write for example: /maintenance 2h flow="tokens"';

/**
 * Reads `2h flow="tokens"`. Refused: no end, one beyond seven days, no condition that names a value, and whatever could
 * mute `never`, the sign of life; every silence but one for a named alert leaves that out.
 */
export function readMaintenance(text: string, never: string): MaintenanceWish {
  const [, span, rest] = /^\s*((?:\d{1,5}[mhd])+)(?:\s+([\s\S]*))?$/.exec(text) ?? [];
  if (span === undefined) return { ok: false, remedy: `The end is missing. ${EXAMPLE}` };
  const durationMs = [...span.matchAll(/(\d+)([mhd])/g)].reduce(
    (sum, [, n, unit]) => sum + Number(n) * UNITS_MS[unit!]!,
    0,
  );
  if (durationMs < 60_000 || durationMs > LONGEST_SILENCE_MS)
    return { ok: false, remedy: `It must last from 1m to 7d, not ${span}. ${EXAMPLE}` };
  const matchers = readMatchers(rest ?? '');
  if (matchers === undefined || matchers.length === 0)
    return {
      ok: false,
      remedy: `It needs at least one label with its value, as label="value" and nothing else. ${EXAMPLE}`,
    };
  const guarded = guardedMatchers(matchers, never);
  return guarded.ok ? { ok: true, durationMs, matchers: guarded.matchers } : guarded;
}

/** Equalities only: a pattern such as `.+` would match everything and look harmless. Telephones write curly quotes. */
function readMatchers(text: string): readonly (readonly [string, string])[] | undefined {
  const plain = text.replace(/[“”„]/g, '"').trim();
  const one = /^([A-Za-z_]\w{0,99})=(?:"([^"\\]{1,200})"|([\w.:/-]{1,200}))(?:\s*,\s*|\s+|$)/;
  const matchers: [string, string][] = [];
  for (let rest = plain; rest !== ''; ) {
    const found = one.exec(rest);
    if (found === null || matchers.length === MOST_MATCHERS) return undefined;
    const [whole, name, quoted, bare] = found;
    matchers.push([name!, (quoted ?? bare)!]);
    rest = rest.slice(whole.length);
  }
  return matchers;
}

/** The conditions as people write them. */
export function matchersText(matchers: readonly Matcher[]): string {
  return matchers.map(({ name, value, isEqual }) => `${name}${isEqual ? '=' : '!='}"${value}"`).join(' ');
}
