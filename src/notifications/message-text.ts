/** Owns the words of a message about a group of alerts: which facts, in which order, and what is left out by name. */
import {
  type Alert,
  type AlertBatch,
  alertName,
  type Severity,
  severities,
  severityOf,
} from '../alerts/alert.js';
import { cleanText, type Span, safeUrl, shorten } from './escape.js';

/** How much of a group is told. */
export interface MessageOptions {
  /** Alerts told in full, the most urgent first. Default 10. */
  readonly fullAlerts?: number | undefined;
  /** Alerts that are named in one line each behind those. Default 40. */
  readonly namedAlerts?: number | undefined;
  /** A line of our own under the head. */
  readonly note?: string | undefined;
}

/** What a message needs to know of a group. */
export type ToldGroup = Pick<AlertBatch, 'groupLabels' | 'externalUrl' | 'truncatedAlerts' | 'alerts'>;

/** The sign of a severity, and of a group that is over. */
export const SIGNS: Readonly<Record<Severity | 'resolved', string>> = {
  critical: '🔴',
  error: '🟠',
  warning: '🟡',
  info: '🔵',
  resolved: '🟢',
};

/** Longest pieces of foreign text, UTF-16 units. The whole text stays in the store. */
const LONGEST = { name: 120, summary: 400, prose: 1_500, label: 160, labels: 800 } as const;

/** The most urgent severity among the alerts that fire, or among all when none does. */
export function batchSeverity(batch: ToldGroup): Severity {
  const firing = batch.alerts.filter(({ status }) => status === 'firing');
  const found = (firing.length > 0 ? firing : batch.alerts).map(severityOf);
  return severities.find((severity) => found.includes(severity)) ?? 'warning';
}

/** True when the message needs no sound: it is over, or nothing above `info` fires. */
export function isSilent(batch: ToldGroup): boolean {
  return isOver(batch) || batchSeverity(batch) === 'info';
}

function isOver(batch: ToldGroup): boolean {
  return batch.truncatedAlerts === 0 && batch.alerts.every(({ status }) => status === 'resolved');
}

/** What a message may say about a group: the head with its counts, the alerts, the links. Ends with a line end. */
export function batchSpans(batch: ToldGroup, eventId: string, options: MessageOptions = {}): readonly Span[] {
  const { fullAlerts = 10, namedAlerts = 40, note } = options;
  const ordered = [...batch.alerts].sort(byUrgency);
  const full = ordered.slice(0, fullAlerts);
  const named = ordered.slice(fullAlerts, fullAlerts + namedAlerts);
  const unnamed = ordered.length - full.length - named.length + batch.truncatedAlerts;
  return [
    ...headSpans(batch, eventId),
    ...(note === undefined ? [] : [{ text: `${clean(note, LONGEST.summary)}\n`, style: 'italic' } as const]),
    ...full.flatMap((alert) => [plain('\n'), ...alertSpans(alert, batch)]),
    ...(named.length > 0 ? [plain('\n')] : []),
    ...named.flatMap(namedSpans),
    ...(unnamed > 0 ? [plain(`\n… and ${unnamed} more\n`)] : []),
    ...silenceSpans(batch),
  ];
}

/** One name for the group: its alert's name, or how many there are. */
export function batchTitle(batch: ToldGroup): string {
  const names = new Set(batch.alerts.map(alertName));
  const [first] = names;
  if (batch.groupLabels.alertname !== undefined) return clean(batch.groupLabels.alertname, LONGEST.name);
  if (names.size === 1) return clean(first!, LONGEST.name);
  return names.size === 0 ? 'no alerts' : `${names.size} kinds of alerts`;
}

/** `3 firing, 1 resolved`, without the part that is 0. */
export function countsText(firing: number, resolved: number): string {
  const counts = [firing > 0 ? `${firing} firing` : '', resolved > 0 ? `${resolved} resolved` : ''];
  return counts.filter((count) => count !== '').join(', ') || 'none firing';
}

/** A moment as people on call compare it with their logs: UTC, to the second. */
export function momentText(atMs: number): string {
  // A moment outside the calendar would throw and lose the message.
  if (!Number.isFinite(atMs) || Math.abs(atMs) > 8.64e15) return 'an unknown moment';
  return `${new Date(atMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** `2 h 5 min`: two units at most, `0 s` for a negative duration. */
export function durationText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000)) || 0;
  const [days, hours, minutes] = [seconds / 86_400, (seconds / 3_600) % 24, (seconds / 60) % 60].map(
    Math.floor,
  ) as [number, number, number];
  if (days > 0) return hours > 0 ? `${days} d ${hours} h` : `${days} d`;
  if (hours > 0) return minutes > 0 ? `${hours} h ${minutes} min` : `${hours} h`;
  if (minutes > 0)
    return seconds % 60 > 0 && minutes < 10 ? `${minutes} min ${seconds % 60} s` : `${minutes} min`;
  return `${seconds} s`;
}

function headSpans(batch: ToldGroup, eventId: string): readonly Span[] {
  const firing = batch.alerts.filter(({ status }) => status === 'firing').length;
  const kind = isOver(batch) ? 'resolved' : batchSeverity(batch);
  const title = `${SIGNS[kind]} ${kind}: ${batchTitle(batch)}`;
  const labels = Object.entries(batch.groupLabels).filter(([name]) => name !== 'alertname');
  return [
    { text: title, style: 'bold' },
    plain(` · ${countsText(firing, batch.alerts.length - firing)} · `),
    { text: `#${eventId}`, style: 'code' },
    plain('\n'),
    ...labelSpans(labels),
  ];
}

function alertSpans(alert: Alert, batch: ToldGroup): readonly Span[] {
  const { annotations } = alert;
  const severity = severityOf(alert);
  const sign = SIGNS[alert.status === 'resolved' ? 'resolved' : severity];
  const summary = clean(annotations.summary ?? annotations.message ?? alertName(alert), LONGEST.summary);
  const own = Object.entries(alert.labels).filter(
    ([name]) => !(name in batch.groupLabels) && !HEADLINE.has(name),
  );
  return [
    plain(`${sign} `),
    { text: summary, style: 'bold' },
    plain('\n'),
    ...prose('', annotations.description),
    ...prose('Value: ', annotations.value),
    ...prose('Impact: ', annotations.impact),
    ...prose('What to do: ', annotations.action),
    plain(`${sinceText(alert)}\n`),
    ...labelSpans(own),
    ...linkSpans([
      ['Runbook', annotations.runbook_url],
      ['Dashboard', annotations.dashboard_url],
      ['Query', alert.generatorUrl],
    ]),
  ];
}

/** Labels that the head of the message says already. */
const HEADLINE = new Set(['alertname', 'severity']);

function sinceText({ status, startsAtMs, endsAtMs }: Alert): string {
  if (status === 'firing') return `Since ${momentText(startsAtMs)}`;
  const end = endsAtMs ?? startsAtMs;
  return `From ${momentText(startsAtMs)} for ${durationText(end - startsAtMs)}`;
}

function namedSpans(alert: Alert): readonly Span[] {
  const sign = SIGNS[alert.status === 'resolved' ? 'resolved' : severityOf(alert)];
  const summary = clean(alert.annotations.summary ?? alertName(alert), LONGEST.name).replaceAll('\n', ' ');
  return [plain(`${sign} ${summary} · ${momentText(alert.startsAtMs)}\n`)];
}

function prose(title: string, text: string | undefined): readonly Span[] {
  const said = clean(text ?? '', LONGEST.prose);
  return said === ''
    ? []
    : [...(title === '' ? [] : [{ text: title, style: 'italic' } as const]), plain(`${said}\n`)];
}

/** In the style of code, in which Telegram makes no links and no mentions of what it finds. */
function labelSpans(labels: readonly (readonly [string, string])[]): readonly Span[] {
  const pairs = labels.map(([name, value]) => `${clean(name, 60)}=${clean(value, LONGEST.label)}`);
  return pairs.length === 0
    ? []
    : [{ text: shorten(pairs.join(' '), LONGEST.labels), style: 'code' }, plain('\n')];
}

function linkSpans(links: readonly (readonly [string, string | undefined])[]): readonly Span[] {
  const found = links.flatMap(([text, address]) => {
    const url = safeUrl(address);
    return url === undefined ? [] : [{ text, url }];
  });
  if (found.length === 0) return [];
  return [...found.flatMap((link, place) => (place === 0 ? [link] : [plain(' · '), link])), plain('\n')];
}

/** The page on which Alertmanager offers to silence exactly this group. */
function silenceSpans(batch: ToldGroup): readonly Span[] {
  const matchers = Object.entries(batch.groupLabels).map(
    ([name, value]) => `${name}=${JSON.stringify(value)}`,
  );
  const base = safeUrl(batch.externalUrl)?.replace(/\/+$/, '');
  if (isOver(batch) || base === undefined || matchers.length === 0) return [];
  const url = `${base}/#/silences/new?filter=${encodeURIComponent(cleanText(`{${matchers.join(',')}}`).replaceAll('\u2060', ''))}`;
  return [plain('\n'), ...linkSpans([['Silence this group', url]])];
}

function byUrgency(a: Alert, b: Alert): number {
  const rank = ({ status, labels }: Alert) =>
    severities.indexOf(severityOf({ labels })) + (status === 'resolved' ? severities.length : 0);
  return rank(a) - rank(b) || a.startsAtMs - b.startsAtMs || (a.fingerprint < b.fingerprint ? -1 : 1);
}

function clean(text: string, units: number): string {
  return shorten(cleanText(text).trim(), units);
}

function plain(text: string): Span {
  return { text };
}
