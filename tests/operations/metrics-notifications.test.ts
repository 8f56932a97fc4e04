/** Checks the numbers about messages to people against a real store: ends within a span, failures, and their bounds. */
import { expect, it } from 'vitest';
import { readEnds, readFailures } from '../../src/operations/metrics-notifications.js';
import type { Database } from '../../src/storage/database.js';
import { freshStore } from '../notifications/relay.js';

async function message(
  db: Database,
  state: 'queued' | 'sent' | 'dead',
  endedSecondsAgo: number | null,
  over: { channel?: string; reason?: string; detail?: string } = {},
): Promise<void> {
  const { channel = 'telegram', reason = null, detail = null } = over;
  await db.run('plant a message', 5_000, async (sql) => {
    await sql`
      insert into flowgauge.notification_messages
        (channel, chat, kind, group_key, rank, state, expires_at, finished_at, attempts, reason, detail)
      values (${channel}, 'oncall', 'group', gen_random_uuid()::text, 1, ${state}, now() + interval '1 day',
              now() - make_interval(secs => ${endedSecondsAgo}::float8), 3, ${reason}, ${detail})`;
  });
}

it('counts what ended within the span, by channel, with zeros for a channel without messages', async () => {
  const { db } = await freshStore();
  await message(db, 'sent', 10);
  await message(db, 'sent', 20);
  await message(db, 'dead', 30);
  await message(db, 'sent', 4_000);
  await message(db, 'queued', null);
  await message(db, 'sent', 5, { channel: 'gone' });
  expect(await readEnds(db, ['telegram', 'email'], 3_600)).toEqual([
    { channel: 'telegram', successful: 2, failed: 1 },
    { channel: 'email', successful: 0, failed: 0 },
  ]);
  expect(await readEnds(db, ['telegram'], 7_200)).toEqual([
    { channel: 'telegram', successful: 3, failed: 1 },
  ]);
});

it("counts what ended on the store's day, whatever our own clock says", async () => {
  const { db } = await freshStore();
  const [{ seconds }] = await db.run(
    'since midnight',
    5_000,
    async (sql) => sql<[{ seconds: number }]>`
      select extract(epoch from now() - date_trunc('day', now() at time zone 'UTC') at time zone 'UTC')::float8 as seconds`,
  );
  await message(db, 'sent', seconds);
  await message(db, 'dead', seconds / 2);
  await message(db, 'sent', seconds + 60);
  expect(await readEnds(db, ['telegram'], 'today')).toEqual([
    { channel: 'telegram', successful: 1, failed: 1 },
  ]);
});

it('lists what was given up, the newest first, and counts what is beyond the limit', async () => {
  const { db } = await freshStore();
  expect(await readFailures(db, 3_600, 10)).toEqual({ total: 0, failures: [] });
  await message(db, 'dead', 4_000);
  await message(db, 'dead', 30, { reason: 'forbidden', detail: 'bot was blocked' });
  await message(db, 'dead', 10, { reason: 'expired' });
  await message(db, 'sent', 5);
  const { total, failures } = await readFailures(db, 3_600, 1);
  expect(total).toBe(2);
  expect(failures).toMatchObject([
    { error_message: 'expired', channel: 'telegram', chat: 'oncall', attempts: 3 },
  ]);
  const [newer, older] = (await readFailures(db, 3_600, 10)).failures;
  expect(older).toMatchObject({ error_message: 'forbidden: bot was blocked', notification_type: 'group' });
  expect(Date.parse(older!.sent_at)).toBeLessThan(Date.parse(newer!.sent_at));
});
