/** Owns what the history keeps when somebody calls an alert resolved: its end, and whose word that is. */
import type { AlertBatch } from '../alerts/alert.js';
import { arrayText } from '../storage/array-text.js';
import type { Database } from '../storage/database.js';
import { firingBatches } from './firing-groups.js';

const DEADLINE_MS = 5_000;

/** The notifications that Alertmanager would send when these alerts had ended at `endedAtMs` and the others of their groups not. */
export async function endedBatches(
  db: Database,
  fingerprints: ReadonlySet<string>,
  endedAtMs: number,
): Promise<readonly AlertBatch[]> {
  const firing = await firingBatches(db, endedAtMs);
  return firing.flatMap((batch) => {
    if (!batch.alerts.some(({ fingerprint }) => fingerprints.has(fingerprint))) return [];
    const alerts = batch.alerts.map((alert): AlertBatch['alerts'][number] =>
      fingerprints.has(alert.fingerprint) ? alert : { ...alert, status: 'firing', endsAtMs: undefined },
    );
    const isOver = alerts.every(({ status }) => status === 'resolved');
    return [{ ...batch, alerts, status: isOver ? 'resolved' : 'firing' }];
  });
}

/** Notes who said so, on the ends that were stored for it. */
export async function noteResolver(
  db: Database,
  fingerprints: ReadonlySet<string>,
  endedAtMs: number,
  by: string,
): Promise<void> {
  await db.run('note who resolved', DEADLINE_MS, async (sql) => {
    await sql`
      update flowgauge.alert_events set resolved_by = ${by}
       where status = 'resolved' and resolved_by is null
         and fingerprint = any(${arrayText([...fingerprints])}::text::text[])
         and abs(extract(epoch from ends_at) * 1000 - ${endedAtMs}::float8) < 1`;
  });
}
