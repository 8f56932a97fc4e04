/** Proves the wishes in the store: those that a chat had before are taken over, a change is not ended by an old look, and old ones go. */
import { expect, it, onTestFinished } from 'vitest';
import type { NewWish } from '../../src/maintenance/wish.js';
import { noteHeld, noteOver, openWishes, wantWish } from '../../src/maintenance/wish-store.js';
import { openDatabase } from '../../src/storage/database.js';
import { MIGRATIONS, migrate } from '../../src/storage/migrations.js';
import { freshDatabase } from '../harness/fresh-database.js';
import { freshStore } from '../notifications/relay.js';

const WISH: NewWish = {
  tag: 'flowgauge-a',
  kind: 'maintenance',
  name: 'manual',
  owner: 'chief',
  reason: '',
  chat: undefined,
  matchers: [{ name: 'flow', value: 'tokens', isEqual: true }],
  durationMs: 60_000,
};

it('maintenance that a chat asked for under an older release goes on', async () => {
  const fresh = await freshDatabase();
  const db = openDatabase({ url: fresh.url, role: 'store', max: 2, applicationName: 'flowgauge-test' });
  onTestFinished(async () => {
    await db.close(1_000);
    await fresh.drop();
  });
  const before = MIGRATIONS.findIndex(({ name }) => name === 'planned work');
  await migrate(db, { deadlineMs: 20_000, migrations: MIGRATIONS.slice(0, before) });
  for (const [kind, tag] of [
    ['maintenance', 'flowgauge-1'],
    ['take', 'flowgauge-2'],
  ] as const)
    await fresh.sql`
      insert into flowgauge.chat_silences (tag, kind, matchers, owner, chat, thread, severity, title, starts_at, until, silence_id)
      values (${tag}, ${kind}, '[{"name": "flow", "value": "tokens", "isEqual": true}]', 'Anna', '100', 7, 'warning', 't',
              now(), now() + interval '2 hours', 'silence')`;
  await migrate(db, { deadlineMs: 20_000 });
  expect(await openWishes(db)).toMatchObject([
    {
      ...{ tag: 'flowgauge-1', kind: 'maintenance', name: 'manual', owner: 'Anna', silenceId: 'silence' },
      ...{
        matchers: WISH.matchers,
        chat: { channel: 'telegram', chat: '100', thread: 7 },
        isAnnounced: true,
      },
    },
  ]);
  const left = await fresh.sql`select tag from flowgauge.chat_silences where ended_at is null`;
  expect(left).toEqual([{ tag: 'flowgauge-2' }]);
});

it('a wish that got a new end meanwhile is neither ended nor held by an older look', async () => {
  const { db } = await freshStore();
  const old = await wantWish(db, WISH);
  const changed = await wantWish(db, { ...WISH, tag: 'flowgauge-b', durationMs: 3_600_000 });
  expect([changed.id, changed.tag]).toEqual([old.id, old.tag]);
  await noteHeld(db, old, 'silence');
  await noteOver(db, old, 'time');
  expect(await openWishes(db)).toMatchObject([{ untilMs: changed.untilMs, silenceId: undefined }]);
  await noteHeld(db, changed, 'silence');
  expect(await openWishes(db)).toMatchObject([{ silenceId: 'silence' }]);
  await noteOver(db, changed, 'time');
  expect(await openWishes(db)).toEqual([]);
});

it('asked for many times at the same moment it is one wish; for other alerts it is another', async () => {
  const { db } = await freshStore();
  const all = await Promise.all(
    Array.from({ length: 8 }, (_, index) => wantWish(db, { ...WISH, tag: `flowgauge-${index}` })),
  );
  expect(new Set(all.map(({ id }) => id)).size).toBe(1);
  await wantWish(db, { ...WISH, tag: all[0]!.tag });
  const orders = [{ name: 'flow', value: 'orders', isEqual: true }];
  await wantWish(db, { ...WISH, tag: 'flowgauge-o', matchers: orders });
  expect(await openWishes(db)).toHaveLength(2);
});

it('wishes come the oldest first, by their number and not by its digits', async () => {
  const { db } = await freshStore();
  const tags = Array.from({ length: 11 }, (_, index) => `flowgauge-${index}`);
  for (const tag of tags) {
    const matchers = [{ name: 'flow', value: tag, isEqual: true }];
    await wantWish(db, { ...WISH, tag, matchers });
  }
  expect((await openWishes(db)).map(({ tag }) => tag)).toEqual(tags);
});
