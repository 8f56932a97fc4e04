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
  const named = matchers.find(({ name }) => name === 'alertname');
  if (named?.value === never)
    return { ok: false, remedy: `${never} is the sign of life of the alerts and is never silenced.` };
  const all =
    named === undefined ? [...matchers, { name: 'alertname', value: never, isEqual: false }] : matchers;
  return { ok: true, durationMs, matchers: all };
}

/** Equalities only: a pattern such as `.+` would match everything and look harmless. Telephones write curly quotes. */
function readMatchers(text: string): readonly Matcher[] | undefined {
  const plain = text.replace(/[“”„]/g, '"').trim();
  const one = /^([A-Za-z_]\w{0,99})=(?:"([^"\\]{1,200})"|([\w.:/-]{1,200}))(?:\s*,\s*|\s+|$)/;
  const matchers: Matcher[] = [];
  for (let rest = plain; rest !== ''; ) {
    const found = one.exec(rest);
    if (found === null || matchers.length === 10) return undefined;
    const [whole, name, quoted, bare] = found;
    matchers.push({ name: name!, value: (quoted ?? bare)!, isEqual: true });
    rest = rest.slice(whole.length);
  }
  return matchers;
}

/** The conditions as people write them. */
export function matchersText(matchers: readonly Matcher[]): string {
  return matchers.map(({ name, value, isEqual }) => `${name}${isEqual ? '=' : '!='}"${value}"`).join(' ');
}
