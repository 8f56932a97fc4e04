/** Owns the reading of Alertmanager's webhook (format version 4): untrusted JSON in, a checked batch or a named fault out. */
import { createHash } from 'node:crypto';
import { type Alert, type AlertBatch, type AlertStatus, alertStatuses } from './alert.js';

/** Alerts that one request may hold; Alertmanager's `max_alerts` keeps a group below it. */
export const MAX_ALERTS = 1_000;
/** Characters of one label or annotation that are kept; longer ones are cut with `…`. */
export const MAX_TEXT = 20_000;
const MAX_LABELS = 200;
/** A longer key is told by its beginning and its hash: an index takes 2,700 bytes, and a refusal would lose the alert. */
const MAX_KEY = 500;

/** What is wrong with a body; `field` is the path inside it. */
export interface WebhookFault {
  readonly field: string;
  readonly value: string;
  readonly remedy: string;
}

class Refusal extends Error {
  override readonly name = 'Refusal';
  constructor(readonly fault: WebhookFault) {
    super(fault.field);
  }
}

/** The batch of a body, or the first fault in it. Never throws; fields that are not ours are ignored. */
export function readWebhook(
  body: string,
): { readonly ok: true; readonly batch: AlertBatch } | { readonly ok: false; readonly fault: WebhookFault } {
  try {
    return { ok: true, batch: batchOf(parsed(body)) };
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, fault: error.fault };
    throw error;
  }
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return refuse('(body)', body, 'send JSON as Alertmanager writes it');
  }
}

function batchOf(value: unknown): AlertBatch {
  const root = mapAt(value, '(body)');
  if (root.version !== '4')
    refuse('version', root.version, 'send format version 4 (Alertmanager 0.16 or later)');
  const { alerts } = root;
  if (!Array.isArray(alerts)) return refuse('alerts', alerts, 'a list of alerts');
  if (alerts.length > MAX_ALERTS)
    refuse(
      'alerts',
      alerts.length,
      `at most ${MAX_ALERTS} alerts: set max_alerts of the webhook, or group by more labels`,
    );
  const truncated = root.truncatedAlerts ?? 0;
  if (typeof truncated !== 'number' || !(truncated >= 0))
    return refuse('truncatedAlerts', truncated, 'a number from 0');
  return {
    groupKey: shortKey(textAt(root.groupKey, 'groupKey', 1, Number.POSITIVE_INFINITY)),
    receiver: textAt(root.receiver, 'receiver', 1, 200),
    status: statusAt(root.status, 'status'),
    groupLabels: labelsAt(root.groupLabels ?? {}, 'groupLabels'),
    externalUrl: textAt(root.externalURL ?? '', 'externalURL', 0, 2_000),
    truncatedAlerts: truncated,
    alerts: alerts.map((alert, index) => alertAt(alert, `alerts[${index}]`)),
  };
}

function shortKey(key: string): string {
  if (key.length <= MAX_KEY) return key;
  return `${storable(key.slice(0, MAX_KEY - 100))}… ${createHash('sha256').update(key).digest('hex')}`;
}

function alertAt(value: unknown, path: string): Alert {
  const alert = mapAt(value, path);
  const status = statusAt(alert.status, `${path}.status`);
  const endsAtMs = momentAt(alert.endsAt, `${path}.endsAt`);
  return {
    status,
    fingerprint: textAt(alert.fingerprint, `${path}.fingerprint`, 1, 200),
    labels: labelsAt(alert.labels, `${path}.labels`),
    annotations: labelsAt(alert.annotations ?? {}, `${path}.annotations`),
    startsAtMs: momentAt(alert.startsAt, `${path}.startsAt`),
    // A firing alert carries year 1 or the moment at which it would time out: neither is its end.
    endsAtMs: status === 'resolved' ? endsAtMs : undefined,
    generatorUrl: clipped(
      textAt(alert.generatorURL ?? '', `${path}.generatorURL`, 0, Number.POSITIVE_INFINITY),
      4_000,
    ),
  };
}

function labelsAt(value: unknown, path: string): Record<string, string> {
  const entries = Object.entries(mapAt(value, path));
  if (entries.length > MAX_LABELS) refuse(path, entries.length, `at most ${MAX_LABELS} entries`);
  // Without a prototype: a label `constructor` must be absent when it was not sent, and `__proto__` is a name like others.
  const labels: Record<string, string> = Object.create(null);
  for (const [name, text] of entries) {
    if (typeof text !== 'string') refuse(`${path}.${name}`, text, 'a text');
    labels[storable(name)] = clipped(storable(text as string), MAX_TEXT);
  }
  return labels;
}

function mapAt(value: unknown, path: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  return refuse(path, value, 'a map');
}

function textAt(value: unknown, path: string, least: number, most: number): string {
  if (typeof value !== 'string') return refuse(path, value, 'a text');
  if (value.length < least || value.length > most)
    refuse(path, value, `a text of ${least} to ${most} characters`);
  return storable(value);
}

function statusAt(value: unknown, path: string): AlertStatus {
  return (
    alertStatuses.find((status) => status === value) ??
    refuse(path, value, `one of ${alertStatuses.join(', ')}`)
  );
}

/** Milliseconds of an RFC 3339 moment. The nine digits that Go writes are more than `Date` reads everywhere. */
function momentAt(value: unknown, path: string): number {
  const text = textAt(value, path, 1, 64);
  const shape = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.exec(text);
  const ms = shape === null ? Number.NaN : Date.parse(text.replace(/(\.\d{3})\d+/, '$1'));
  return Number.isNaN(ms) ? refuse(path, value, 'a moment such as 2026-01-02T03:04:05Z') : ms;
}

/** PostgreSQL takes neither a NUL nor half a surrogate pair; both become the sign for "unreadable". */
function storable(text: string): string {
  return Buffer.from(text.replaceAll('\0', '\uFFFD')).toString();
}

function clipped(text: string, most: number): string {
  return text.length <= most ? text : `${storable(text.slice(0, most - 1))}…`;
}

function refuse(field: string, value: unknown, remedy: string): never {
  const shown =
    value === undefined
      ? 'nothing'
      : typeof value === 'string'
        ? value
        : (JSON.stringify(value) ?? 'nothing');
  throw new Refusal({ field, value: shown.slice(0, 100), remedy });
}
