/** Proves that one message of a channel is in the air at a time: a kill doubles one, and a chat that hangs holds up nobody. */
import { expect, test } from 'vitest';
import { Air } from '../../src/notifications/air.js';
import { eventually, samplesOf } from '../harness/exporter.js';
import { pause } from '../harness/processes.js';
import { account, batch, fakeTelegram, freshStore, startRelay } from './relay.js';
import { relayConfig, relayProcess } from './relay-process.js';

const CHATS = { a: '101', b: '102', c: '103', d: '104' };
const NAMES = Object.keys(CHATS);
const going = new AbortController().signal;

test('whoever waits enters in turn, and not between the answer and the landing', async () => {
  const air = new Air(20);
  const order: string[] = [];
  const first = (await air.enter(going))!;
  first.answered();
  const others = ['second', 'third'].map(async (name) => {
    const flight = await air.enter(going);
    order.push(name);
    return flight!;
  });
  await pause(60);
  expect(order).toEqual([]);
  first.landed();
  first.landed();
  const second = await others[0]!;
  expect(order).toEqual(['second']);
  second.landed();
  await others[1];
  expect(order).toEqual(['second', 'third']);
});

test('an answer that does not come makes room; whoever gives up loses the turn and blocks nobody', async () => {
  const air = new Air(20);
  await air.enter(going);
  const stop = new AbortController();
  const [given, next] = [air.enter(stop.signal), air.enter(going)];
  stop.abort();
  expect(await given).toBeUndefined();
  expect(await air.enter(stop.signal)).toBeUndefined();
  expect(await next).toBeDefined();
});

test('a chat that does not answer holds up no other', async () => {
  const { db } = await freshStore();
  const telegram = await fakeTelegram();
  telegram.setScript(({ chat }) => (chat === '101' ? { kind: 'stall' } : undefined));
  const more = '  request_timeout: 25s\n';
  const { relay, text } = startRelay({ db, telegram, chats: CHATS, more });
  await relay.http.takeIn(batch([{}], { group: 'hangs', receiver: 'a' }), undefined);
  await eventually(
    async () => telegram.requests(),
    (all) => all.length === 1,
  );
  for (const receiver of ['b', 'c', 'd'])
    await relay.http.takeIn(batch([{}], { group: receiver, receiver }), undefined);
  await eventually(
    async () => telegram.messages(),
    (all) => all.length === 3,
    20_000,
  );
  const attempts = samplesOf(await text(), 'notification_attempts_total');
  expect(attempts.get('channel="telegram",outcome="transient"')).toBe(0);
}, 60_000);

test('a process that is killed between answer and store doubles one message, however many wait', async () => {
  const { db, fresh } = await freshStore();
  const telegram = await fakeTelegram();
  const file = relayConfig(fresh.url, telegram, CHATS, '  request_timeout: 2s\n  lease: 10s\n');
  const { relay } = startRelay({ db, telegram, chats: CHATS, jobs: 'by hand' });
  for (const receiver of NAMES)
    await relay.http.takeIn(batch([{}], { group: `group ${receiver}`, receiver }), undefined);
  // Until the first answer all lanes have begun; well below the patience of the air, which a busy machine adds to.
  telegram.setScript(() => ({ kind: 'delay', ms: 350 }));
  const first = await relayProcess(file, { FLOWGAUGE_FAILPOINT: 'notify_sent' });
  expect(await first.exit).toBe('SIGKILL');
  await relayProcess(file);
  await eventually(
    () => account(fresh),
    (a) => a.sent === 4,
    60_000,
  );
  expect(telegram.messages()).toHaveLength(5);
}, 120_000);
