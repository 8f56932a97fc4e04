/** Proves that of messages as urgent as each other the older one goes first, whatever their numbers look like as texts. */
import { expect, test } from 'vitest';
import { claimNext } from '../../src/notifications/claim-next.js';
import { queueNotice } from '../../src/notifications/watchdog.js';
import { freshStore } from './relay.js';

test('message 999 goes before message 1000', async () => {
  const { db, fresh } = await freshStore();
  await fresh.sql`insert into flowgauge.notification_channels (channel) values ('telegram') on conflict do nothing`;
  await fresh.sql`alter table flowgauge.notification_messages alter column id restart with 999`;
  const target = { channel: 'telegram', chat: '100', thread: 0, address: '100' };
  for (const key of ['first', 'second'])
    await queueNotice(db, target, { key, title: key, body: '', rank: 1, ttlMs: 60_000 });
  const claim = await claimNext(db, {
    ...{ channel: 'telegram', holder: 'test' },
    ...{ leaseMs: 60_000, stormAbove: 8 },
  });
  expect(claim?.messages.map(({ id }) => id)).toEqual(['999']);
});
