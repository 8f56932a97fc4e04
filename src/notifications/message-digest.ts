/** Owns the digest: one message for many groups when a storm would else bring hundreds, each of them named by its id. */
import { type Severity, severities } from '../alerts/alert.js';
import { cleanText, type Span, shorten } from './escape.js';
import { type RenderedMessage, renderParts } from './message.js';
import { countsText, momentText, SIGNS } from './message-text.js';

/** What a digest says about one group. */
export interface DigestEntry {
  readonly eventId: string;
  /** Name of the group, see `batchTitle`. */
  readonly title: string;
  readonly severity: Severity;
  readonly firing: number;
  readonly resolved: number;
  /** The earliest start among its alerts, milliseconds since the epoch. */
  readonly sinceMs: number;
}

/**
 * All groups, the most urgent first and those that are over last, the groups of one name together. Every id is in
 * it, whatever their number: a storm makes more parts, never a shorter list. Silent when nothing above `info` fires.
 */
export function renderDigest(entries: readonly DigestEntry[], eventId: string): RenderedMessage {
  const firing = sum(entries, (entry) => entry.firing);
  const resolved = sum(entries, (entry) => entry.resolved);
  const urgent = entries.filter(isUrgent);
  const spans: Span[] = [
    { text: `📋 ${entries.length} groups of alerts at once`, style: 'bold' },
    { text: ` · ${countsText(firing, resolved)} · ` },
    { text: `#${eventId}`, style: 'code' },
    { text: '\n' },
    ...groupsOf(entries).flatMap(groupSpans),
  ];
  return { parts: renderParts(spans, eventId), silent: urgent.length === 0 };
}

interface Group {
  readonly kind: Severity | 'resolved';
  readonly title: string;
  readonly entries: readonly DigestEntry[];
}

function groupsOf(entries: readonly DigestEntry[]): readonly Group[] {
  const groups = new Map<string, Group & { readonly entries: DigestEntry[] }>();
  for (const entry of entries) {
    const kind = entry.firing > 0 ? entry.severity : 'resolved';
    const key = JSON.stringify([kind, entry.title]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { kind, title: entry.title, entries: [entry] });
    else group.entries.push(entry);
  }
  const order: readonly string[] = [...severities, 'resolved'];
  return [...groups.values()].sort(
    (a, b) =>
      order.indexOf(a.kind) - order.indexOf(b.kind) ||
      b.entries.length - a.entries.length ||
      (a.title < b.title ? -1 : 1),
  );
}

function groupSpans({ kind, title, entries }: Group): readonly Span[] {
  const firing = sum(entries, (entry) => entry.firing);
  const resolved = sum(entries, (entry) => entry.resolved);
  const since = entries.reduce((first, { sinceMs }) => Math.min(first, sinceMs), Number.POSITIVE_INFINITY);
  const name = shorten(cleanText(title).replaceAll('\n', ' ').trim(), 120);
  return [
    { text: `\n${SIGNS[kind]} ` },
    { text: name === '' ? 'unnamed' : name, style: 'bold' },
    { text: `${entries.length > 1 ? ` ×${entries.length}` : ''} · ${countsText(firing, resolved)}` },
    { text: ` · since ${momentText(since)}\n` },
    { text: `${entries.map((entry) => `#${entry.eventId}`).join(' ')}\n` },
  ];
}

function isUrgent({ firing, severity }: DigestEntry): boolean {
  return firing > 0 && severity !== 'info';
}

function sum(entries: readonly DigestEntry[], numberOf: (entry: DigestEntry) => number): number {
  return entries.reduce((total, entry) => total + numberOf(entry), 0);
}
