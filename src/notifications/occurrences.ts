/** Owns the telling apart of an alert that comes back with its old start from the same words said twice. */
import type postgres from 'postgres';
import type { Alert } from '../alerts/alert.js';

/** The latest occurrence of an alert with one start, as the store has it. */
export interface KnownOccurrence {
  /** The start that it is known by. */
  readonly startsAtMs: number;
  /** Its end, how long ago that was stored, and whose word it is; undefined while it is open. */
  readonly end:
    | { readonly atMs: number; readonly storedAgoMs: number; readonly by: 'somebody' | 'Alertmanager' }
    | undefined;
}

/**
 * Which occurrence a word about an alert belongs to: one by its own start, or `late` when it was said before something
 * that the store knows already and must not change what holds now.
 */
export interface Placing {
  readonly startsAtMs: number;
  readonly isLate: boolean;
}

/** An alert and its place. */
export interface PlacedAlert extends Placing {
  readonly alert: Alert;
  /** Whether the store knew an occurrence with this start. */
  readonly isKnown: boolean;
  /** The start that Alertmanager says; a word of our own names the occurrence by its own. */
  readonly sentMs: number;
}

/**
 * Decides. `isFiring`: the group has it among its firing alerts. `waitedMs`: how long ago the word arrived here; what
 * arrived before an end was stored cannot be news about the time after that end. Pure.
 */
export function placeOf(
  { status, startsAtMs, endsAtMs }: Pick<Alert, 'status' | 'startsAtMs' | 'endsAtMs'>,
  known: KnownOccurrence | undefined,
  isFiring: boolean,
  waitedMs: number,
): Placing {
  if (known === undefined) return { startsAtMs, isLate: false };
  const { startsAtMs: knownMs, end } = known;
  // Another Alertmanager repeats the end after which it came back.
  if (status === 'resolved' && knownMs !== startsAtMs && endsAtMs === knownMs)
    return { startsAtMs, isLate: true };
  const same = { startsAtMs: knownMs, isLate: false };
  if (end === undefined) return same;
  // From its last end on: no moment counts twice, and the start that was sent stays beside it.
  const next = { startsAtMs: Math.max(Math.round(end.atMs), knownMs + 1), isLate: false };
  // It fired on after somebody had called it resolved, and this is its true end.
  if (status === 'resolved')
    return end.by === 'somebody' && endsAtMs !== undefined && endsAtMs > end.atMs ? next : same;
  if (end.storedAgoMs < waitedMs) return { startsAtMs: knownMs, isLate: true };
  return isFiring ? same : next;
}

/** Places the alerts of a group whose row is locked. `arrivedMs` is `performance.now()` when they arrived. */
export async function placeAlerts(
  sql: postgres.Sql,
  groupKey: string,
  alerts: readonly Alert[],
  firing: readonly string[],
  arrivedMs: number,
): Promise<readonly PlacedAlert[]> {
  if (alerts.length === 0) return [];
  // Before the question: its way there must not make a new word look like a late one.
  const waitedMs = performance.now() - arrivedMs;
  const asked = alerts.map(({ fingerprint, startsAtMs }) => ({ fingerprint, sent_ms: startsAtMs }));
  const rows = await sql<
    {
      fingerprint: string;
      sent_ms: number;
      starts_ms: number;
      ends_ms: number | null;
      ago_ms: number;
      origin_ms: number | null;
      by: 'somebody' | 'Alertmanager';
    }[]
  >`
    select distinct on (r.fingerprint, r.sent_ms) r.fingerprint, r.sent_ms,
           (extract(epoch from e.starts_at) * 1000)::float8 as starts_ms,
           case when e.status = 'resolved'
                then (extract(epoch from coalesce(e.ends_at, e.received_at)) * 1000)::float8 end as ends_ms,
           (extract(epoch from clock_timestamp() - e.received_at) * 1000)::float8 as ago_ms,
           case when e.resolved_by is null then 'Alertmanager' else 'somebody' end as by,
           (extract(epoch from e.sent_starts_at) * 1000)::float8 as origin_ms
      from jsonb_to_recordset(${JSON.stringify(asked)}::text::jsonb) as r(fingerprint text, sent_ms float8)
      join flowgauge.alert_events e
        on e.group_key = ${groupKey} and e.fingerprint = r.fingerprint
           and e.starts_at >= to_timestamp(r.sent_ms / 1000.0)
           and (e.starts_at = to_timestamp(r.sent_ms / 1000.0)
                or e.sent_starts_at = to_timestamp(r.sent_ms / 1000.0))
     order by r.fingerprint, r.sent_ms, e.starts_at desc, (e.status = 'resolved') desc`;
  const keyOf = (fingerprint: string, startsAtMs: number) => JSON.stringify([fingerprint, startsAtMs]);
  const known = new Map(rows.map((row) => [keyOf(row.fingerprint, row.sent_ms), row]));
  return alerts.map((alert) => {
    const { fingerprint, startsAtMs } = alert;
    const row = known.get(keyOf(fingerprint, startsAtMs));
    const end =
      row === undefined || row.ends_ms === null
        ? undefined
        : { atMs: row.ends_ms, storedAgoMs: row.ago_ms, by: row.by };
    const occurrence = row === undefined ? undefined : { startsAtMs: row.starts_ms, end };
    const place = placeOf(alert, occurrence, firing.includes(fingerprint), waitedMs);
    return { alert, isKnown: row !== undefined, sentMs: row?.origin_ms ?? startsAtMs, ...place };
  });
}
