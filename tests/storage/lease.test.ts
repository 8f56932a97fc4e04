/** Proves that at most one candidate leads at a time, and that each leadership has a higher epoch than the one before. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../src/storage/database.js';
import { acquireOrRenew, release } from '../../src/storage/lease.js';
import { migrate } from '../../src/storage/migrations.js';
import { type PostgresServer, startPostgres } from '../harness/postgres.js';

let server: PostgresServer;
let db: Database;
beforeAll(async () => {
  server = await startPostgres();
  db = openDatabase({ url: server.url, role: 'store', max: 8, applicationName: 'flowgauge-test' });
  await migrate(db, { deadlineMs: 20_000 });
});
afterAll(async () => {
  await db?.close(1000);
  await server?.stop();
});

const expire = (name: string) =>
  server.sql`update flowgauge.lease set expires_at = clock_timestamp() - interval '1 ms' where name = ${name}`;

test('the first candidate leads, renews under the same epoch, and the second waits', async () => {
  expect(await acquireOrRenew(db, 'first', 'a', 30)).toEqual({ held: true, epoch: 1n, holder: 'a' });
  expect(await acquireOrRenew(db, 'first', 'b', 30)).toEqual({ held: false, epoch: 1n, holder: 'a' });
  expect(await acquireOrRenew(db, 'first', 'a', 30)).toEqual({ held: true, epoch: 1n, holder: 'a' });
});

test('a renewal moves the end, by the database’s clock', async () => {
  await acquireOrRenew(db, 'end', 'a', 10);
  await acquireOrRenew(db, 'end', 'a', 600);
  const [row] =
    await server.sql`select extract(epoch from expires_at - now()) between 590 and 601 as moved from flowgauge.lease where name = 'end'`;
  expect(row?.moved).toBe(true);
});

test('an expired lease goes to whoever asks, under a new epoch, even to its last holder', async () => {
  await acquireOrRenew(db, 'expired', 'a', 30);
  await expire('expired');
  expect(await acquireOrRenew(db, 'expired', 'b', 30)).toEqual({ held: true, epoch: 2n, holder: 'b' });
  expect(await acquireOrRenew(db, 'expired', 'a', 30)).toEqual({ held: false, epoch: 2n, holder: 'b' });
  await expire('expired');
  expect(await acquireOrRenew(db, 'expired', 'b', 30)).toEqual({ held: true, epoch: 3n, holder: 'b' });
});

test('released, it is free at once and the epoch still rises; a release under an old epoch does nothing', async () => {
  await acquireOrRenew(db, 'released', 'a', 30);
  await release(db, 'released', 'a', 1n);
  expect(await acquireOrRenew(db, 'released', 'b', 30)).toEqual({ held: true, epoch: 2n, holder: 'b' });
  await release(db, 'released', 'a', 1n);
  await release(db, 'released', 'b', 1n);
  expect(await acquireOrRenew(db, 'released', 'c', 30)).toEqual({ held: false, epoch: 2n, holder: 'b' });
});

test('of many candidates at one moment exactly one wins, every time', async () => {
  for (let round = 1; round <= 20; round += 1) {
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, i) => acquireOrRenew(db, 'race', `c${i}`, 30)),
    );
    const winners = answers.filter((a) => a.held);
    expect(winners).toHaveLength(1);
    expect(winners[0]?.epoch).toBe(BigInt(round));
    await expire('race');
  }
});

test('a time to live out of bounds is refused', async () => {
  await expect(acquireOrRenew(db, 'x', 'a', 0)).rejects.toThrow('must be 1 to 3600, not 0');
});
