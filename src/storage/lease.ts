/** Owns who leads: a lease in the store that runs out by the database's clock, so that no two hosts' clocks matter. */
import { and, eq, sql as fragment } from 'drizzle-orm/sql';
import type { Database } from './database.js';
import { lease } from './schema.js';

const LEASE_DEADLINE_MS = 5000;

/** Whether we lead. `epoch` rises with each new leadership: a writer that names an older one is out of date. */
export interface LeaseState {
  readonly held: boolean;
  readonly epoch: bigint;
  /** Who holds it, perhaps we. */
  readonly holder: string;
}

/**
 * Takes the lease when it is free or has run out, renews it when `holder` has it, for `ttlSeconds` (1–3600) from now
 * by the database's clock. Count your own time from before the call: the answer may have taken long.
 */
export async function acquireOrRenew(
  db: Database,
  name: string,
  holder: string,
  ttlSeconds: number,
): Promise<LeaseState> {
  if (!(ttlSeconds >= 1 && ttlSeconds <= 3600)) {
    throw new RangeError(`ttlSeconds of lease "${name}" must be 1 to 3600, not ${ttlSeconds}`);
  }
  // clock_timestamp(), not now(): the statement may have waited for the row behind another candidate.
  const expiresAt = fragment<string>`clock_timestamp() + make_interval(secs => ${ttlSeconds})`;
  const expired = fragment`${lease.expiresAt} <= clock_timestamp()`;
  return db.run('lease', LEASE_DEADLINE_MS, async (_sql, orm) => {
    const [taken] = await orm
      .insert(lease)
      .values({ name, holder, epoch: 1n, expiresAt })
      .onConflictDoUpdate({
        target: lease.name,
        set: {
          holder,
          expiresAt,
          epoch: fragment`${lease.epoch} + case when ${lease.holder} = ${holder} and not (${expired}) then 0 else 1 end`,
        },
        setWhere: fragment`${lease.holder} = ${holder} or ${expired}`,
      })
      .returning({ epoch: lease.epoch });
    if (taken) return { held: true, epoch: taken.epoch, holder };
    const [other] = await orm.select().from(lease).where(eq(lease.name, name));
    return { held: false, epoch: other?.epoch ?? 0n, holder: other?.holder ?? '' };
  });
}

/** Gives the lease up at once if `holder` still has it at `epoch`; the epoch stays, so that it can only rise. */
export async function release(db: Database, name: string, holder: string, epoch: bigint): Promise<void> {
  await db.run('release lease', LEASE_DEADLINE_MS, (_sql, orm) =>
    orm
      .update(lease)
      .set({ expiresAt: fragment`clock_timestamp()` })
      .where(and(eq(lease.name, name), eq(lease.holder, holder), eq(lease.epoch, epoch))),
  );
}
