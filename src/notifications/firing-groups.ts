/** Owns the groups that fire as far as the store knows, as the batches that would tell of their end. */
import type { AlertBatch } from '../alerts/alert.js';
import type { Database } from '../storage/database.js';

const DEADLINE_MS = 5_000;
const MAX_ALERTS = 2_000;

interface FiringRow {
  readonly group_key: string;
  readonly receiver: string;
  readonly group_labels: Readonly<Record<string, string>>;
  readonly external_url: string;
  readonly fingerprint: string;
  readonly starts_ms: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly generator_url: string;
}

/** For each group with firing alerts: the notification that Alertmanager would send when all of them ended at `endedAtMs`. */
export async function firingBatches(db: Database, endedAtMs: number): Promise<readonly AlertBatch[]> {
  const rows = await db.run(
    'read firing groups',
    DEADLINE_MS,
    (sql) => sql<FiringRow[]>`
      select distinct on (g.group_key, e.fingerprint) g.group_key, g.receiver, g.group_labels, g.external_url,
             e.fingerprint, (extract(epoch from e.starts_at) * 1000)::float8 as starts_ms, e.labels, e.annotations,
             e.generator_url
        from flowgauge.alert_groups g
        join flowgauge.alert_events e on e.group_key = g.group_key and e.incident = g.incident
             and e.status = 'firing' and e.fingerprint = any(g.firing)
       where cardinality(g.firing) > 0
       order by g.group_key, e.fingerprint, e.starts_at desc limit ${MAX_ALERTS}::int`,
  );
  const batches = new Map<string, AlertBatch & { readonly alerts: AlertBatch['alerts'][number][] }>();
  for (const row of rows) {
    const batch = batches.get(row.group_key) ?? {
      groupKey: row.group_key,
      receiver: row.receiver,
      status: 'resolved',
      groupLabels: row.group_labels,
      externalUrl: row.external_url,
      truncatedAlerts: 0,
      alerts: [],
      own: { resolvedBy: undefined },
    };
    batches.set(row.group_key, batch);
    batch.alerts.push({
      status: 'resolved',
      fingerprint: row.fingerprint,
      labels: row.labels,
      annotations: row.annotations,
      startsAtMs: row.starts_ms,
      endsAtMs: Math.max(endedAtMs, row.starts_ms),
      generatorUrl: row.generator_url,
    });
  }
  return [...batches.values()];
}
