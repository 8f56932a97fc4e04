/** Owns the words that tell of alerts which somebody calls resolved. */
import type { AlertBatch } from '../alerts/alert.js';
import type { Database } from '../storage/database.js';
import { firingBatches } from './firing-groups.js';

/** For each group that has some of these alerts firing: the word that they ended at `endedAtMs`, and whose word it is. */
export async function endedBatches(
  db: Database,
  fingerprints: ReadonlySet<string>,
  endedAtMs: number,
  by: string,
): Promise<readonly AlertBatch[]> {
  const firing = await firingBatches(db, endedAtMs);
  return firing.flatMap((batch) => {
    const alerts = batch.alerts.filter(({ fingerprint }) => fingerprints.has(fingerprint));
    return alerts.length === 0 ? [] : [{ ...batch, alerts, own: { resolvedBy: by } }];
  });
}
