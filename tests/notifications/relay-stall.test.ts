/** Proves that what goes wrong with one claim or one chat holds up no other message: a slow store, a lost answer, a crowd, a failing chat. */
import { expect, onTestFinished, test } from 'vitest';
import { type Database, openDatabase } from '../../src/storage/database.js';
import { migrate } from '../../src/storage/migrations.js';
import { eventually } from '../harness/exporter.js';
import { freshDatabase } from '../harness/fresh-database.js';
import { type FaultProxy, startProxy } from '../harness/proxy.js';
import { failure } from '../harness/telegram-faults.js';
import { account, batch, fakeTelegram, freshStore, startRelay } from './relay.js';

/** A store behind a network of our own. */
async function distantStore(): Promise<{ readonly db: Database; readonly proxy: FaultProxy }> {
  const fresh = await freshDatabase();
  const proxy = await startProxy(Number(new URL(fresh.url).port));
  const url = proxy.through(fresh.url);
  const db = openDatabase({ url, role: 'store', max: 4, applicationName: 'flowgauge-test' });
  onTestFinished(async () => {
    await db.close(1_000);
    await proxy.stop();
    await fresh.drop();
  });
  await migrate(db, { deadlineMs: 20_000 });
  return { db, proxy };
}

const CLAIM = 'claim message';

/** The store as before, but the answer to the first transaction of this name is lost; of the claims, to the first that found something. */
function losing(db: Database, name: string): Database & { readonly lost: () => number } {
  let lost = 0;
  return {
    role: db.role,
    label: db.label,
    get up() {
      return db.up;
    },
    lost: () => lost,
    run: (...call) => db.run(...call),
    close: (deadlineMs) => db.close(deadlineMs),
    async transaction(called, ...rest) {
      const answer = await db.transaction(called, ...rest);
      const isEmptyClaim = called === CLAIM && answer === undefined;
      if (called !== name || isEmptyClaim || lost > 0) return answer;
      lost += 1;
      throw new Error('the answer was lost');
    },
  };
}

async function takeInGroups(relay: ReturnType<typeof startRelay>['relay'], count: number): Promise<void> {
  for (let i = 0; i < count; i += 1)
    await relay.http.takeIn(
      batch([{ name: `A${i}`, fingerprint: `alert-${i}-end` }], { group: `g${i}` }),
      undefined,
    );
}

const sentOf = (telegram: Awaited<ReturnType<typeof fakeTelegram>>, chat: string) =>
  telegram
    .messages(chat)
    .flatMap(({ history }) => history)
    .join('\n');

test('a hundred waiting groups are claimed from a store that is 20 ms away', async () => {
  const { db, proxy } = await distantStore();
  const telegram = await fakeTelegram();
  const { relay, start } = startRelay({ db, telegram, jobs: 'by hand' });
  await takeInGroups(relay, 120);
  proxy.set({ kind: 'delay', ms: 10 });
  start();
  const names = Array.from({ length: 120 }, (_, i) => new RegExp(`\\bA${i}\\b`));
  await eventually(
    async () => sentOf(telegram, '100'),
    (seen) => names.every((name) => name.test(seen)),
    60_000,
  );
  expect(telegram.violations()).toEqual([]);
}, 120_000);

test.each([
  [CLAIM, 1],
  [CLAIM, 120],
  ['give back messages', 120],
])(
  'a lane whose "%s" was done without its knowing (%i groups) goes on before the lease ends',
  async (name, groups) => {
    const { db: own, fresh } = await freshStore();
    const db = losing(own, name);
    const telegram = await fakeTelegram();
    const { relay, start } = startRelay({ db, telegram, jobs: 'by hand' });
    await takeInGroups(relay, groups);
    start();
    // The lease is a minute.
    await eventually(
      () => account(fresh),
      (a) => a.sent === groups,
    );
    expect(db.lost()).toBe(1);
    expect(telegram.violations()).toEqual([]);
  },
  90_000,
);

test('a crowd at the intake takes half of the connections to the store, and who finds no room may come back', async () => {
  const { db: own, fresh } = await freshStore();
  let [inside, most] = [0, 0];
  const db: Database = {
    ...losing(own, 'nothing'),
    async transaction(name, ...rest) {
      if (name !== 'store alerts') return own.transaction(name, ...rest);
      inside += 1;
      most = Math.max(most, inside);
      return own.transaction(name, ...rest).finally(() => {
        inside -= 1;
      });
    },
  };
  const { relay } = startRelay({ db, telegram: await fakeTelegram(), jobs: 'by hand' });
  const groups = Array.from({ length: 1_100 }, (_, i) => batch([{}], { group: `g${i}` }));
  const answers = await Promise.allSettled(groups.map((one) => relay.http.takeIn(one, undefined)));
  expect(most).toBe(2);
  const refused = answers.flatMap((answer, i) => (answer.status === 'rejected' ? [{ answer, i }] : []));
  expect(refused.length).toBeGreaterThanOrEqual(98);
  for (const { answer } of refused) expect(answer.reason).toMatchObject({ code: 'LIMITER_REJECTED' });
  expect(await account(fresh)).toEqual({ queued: 1_100 - refused.length });
  expect(await relay.http.takeIn(groups[refused[0]!.i]!, undefined)).toMatchObject({ stored: 1 });
}, 90_000);

test('a chat that fails again and again does not close the channel for the others', async () => {
  const { db } = await freshStore();
  const telegram = await fakeTelegram();
  telegram.setScript(({ chat }) => (chat === '100' ? failure(500, 'Internal Server Error') : undefined));
  const { relay } = startRelay({
    db,
    telegram,
    chats: { critical: '100', warning: '200' },
    more: '  digest_above: 100\n',
  });
  await takeInGroups(relay, 12);
  await eventually(
    async () => telegram.requests(),
    (all) => all.length >= 10,
  );
  await relay.http.takeIn(batch([{}], { group: 'other', receiver: 'warning' }), undefined);
  // The circuit stays open for two minutes.
  await eventually(
    async () => telegram.messages('200'),
    (all) => all.length === 1,
  );
  expect(telegram.requests().filter(({ chat }) => chat === '100').length).toBeLessThan(14);
}, 90_000);

test('an alert is sent because it came, without a timer', async () => {
  const { db } = await freshStore();
  const telegram = await fakeTelegram();
  const { relay } = startRelay({ db, telegram, jobs: 'by hand' });
  const jobs = new Map(relay.jobs().map((job) => [job.name, job]));
  const called: string[] = [];
  const passes: Promise<unknown>[] = [];
  relay.wakeBy((name) => {
    called.push(name);
    passes.push(jobs.get(name)!.run(new AbortController().signal, () => {}));
  });
  await relay.http.takeIn(batch([{}]), undefined);
  for (let done = 0; done < passes.length; done += 1) await passes[done];
  expect(telegram.messages('100')).toHaveLength(1);
  // Who finds work calls the next, who may find more; one who finds nothing calls nobody.
  expect(called).toEqual(['notify_telegram_1', 'notify_telegram_2']);
}, 60_000);
