/** Proves on the real process that no alert is lost and none is sent twice without a reason: a freeze, a kill, a second replica, an absent store. */
import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../harness/exporter.js';
import { pause } from '../harness/processes.js';
import { startProxy } from '../harness/proxy.js';
import { account, fakeTelegram, notification } from './relay.js';
import { database, post, postUntilTaken, relayConfig, relayProcess } from './relay-process.js';

const QUICK = '  request_timeout: 500ms\n  lease: 6s\n  digest_above: 100\n';

const eventIdIn = (text: string) => /#([A-Z2-9]{7})\b/.exec(text)?.[1] ?? text;
const isFrozen = (pid: number) => / T /.test(readFileSync(`/proc/${pid}/stat`, 'utf8').slice(0, 60));

test('a process that is frozen past its lease sends nothing when it wakes', async () => {
  const fresh = await database();
  const telegram = await fakeTelegram();
  const file = relayConfig(fresh.url, telegram, { critical: '100' }, QUICK);
  const frozen = await relayProcess(file, { FLOWGAUGE_FAILPOINT: 'freeze:notify_claimed' });
  await postUntilTaken(() => frozen.url, notification([{}]));
  await eventually(async () => isFrozen(frozen.child.pid!), Boolean);
  const other = await relayProcess(file);
  await eventually(
    () => account(fresh),
    (a) => a.sent === 1,
  );
  frozen.child.kill('SIGCONT');
  await eventually(
    async () => frozen.output(),
    (text) => text.includes('the right to send ran out'),
  );
  await pause(500);
  expect(telegram.requests('sendMessage')).toHaveLength(1);
  expect(await account(fresh)).toEqual({ sent: 1 });
  expect(await other.stop()).toBe(0);
}, 120_000);

test('the late end of a frozen process is refused, and the second message carries the same id', async () => {
  const fresh = await database();
  const telegram = await fakeTelegram();
  const file = relayConfig(fresh.url, telegram, { critical: '100' }, QUICK);
  const frozen = await relayProcess(file, { FLOWGAUGE_FAILPOINT: 'freeze:notify_sent' });
  await postUntilTaken(() => frozen.url, notification([{}]));
  await eventually(async () => isFrozen(frozen.child.pid!), Boolean);
  await relayProcess(file);
  await eventually(
    () => account(fresh),
    (a) => a.sent === 1,
  );
  frozen.child.kill('SIGCONT');
  await eventually(
    async () => frozen.output(),
    (text) => text.includes('CLAIM_LOST'),
  );
  const messages = telegram.messages('100');
  expect(messages).toHaveLength(2);
  expect(new Set(messages.map(({ text }) => eventIdIn(text))).size).toBe(1);
}, 120_000);

test('killed between the store and the answer: the repeat is known, and people get one message', async () => {
  const fresh = await database();
  const telegram = await fakeTelegram();
  const file = relayConfig(fresh.url, telegram, { critical: '100' }, QUICK);
  const first = await relayProcess(file, { FLOWGAUGE_FAILPOINT: 'webhook_stored' });
  await eventually(
    async () => post(first.url, notification([{}])),
    ({ status }) => status === 0,
  );
  expect(await first.exit).toBe('SIGKILL');
  const second = await relayProcess(file);
  await postUntilTaken(() => second.url, notification([{}]));
  await eventually(
    () => account(fresh),
    (a) => a.sent === 1,
  );
  expect(telegram.messages('100')).toHaveLength(1);
}, 120_000);

test('two replicas take in and send each alert once', async () => {
  const fresh = await database();
  const telegram = await fakeTelegram({ limits: { chatBurst: 1 } });
  const chats = { critical: '100', warning: '200' };
  const file = relayConfig(fresh.url, telegram, chats, QUICK);
  const replicas = [await relayProcess(file), await relayProcess(file)];
  const bodies = Array.from({ length: 12 }, (_, i) =>
    notification([{ fingerprint: `alert-${i}-end` }], {
      group: `g${i}`,
      receiver: i % 2 === 0 ? 'critical' : 'warning',
    }),
  );
  await Promise.all(bodies.flatMap((body) => replicas.map(({ url }) => postUntilTaken(() => url, body))));
  await eventually(
    () => account(fresh),
    (a) => a.sent === 12,
  );
  expect(telegram.requests('sendMessage')).toHaveLength(12);
  expect(telegram.messages()).toHaveLength(12);
  expect(telegram.violations()).toEqual([]);
}, 120_000);

test('without its store the webhook answers 503 and asks to come back; nothing that came back later is lost', async () => {
  const fresh = await database();
  const telegram = await fakeTelegram();
  const proxy = await startProxy(Number(new URL(fresh.url).port));
  onTestFinished(() => proxy.stop());
  const file = relayConfig(proxy.through(fresh.url), telegram, { critical: '100' }, QUICK);
  const exporter = await relayProcess(file);
  await postUntilTaken(() => exporter.url, notification([{}], { group: 'before' }));
  for (const kind of ['reset', 'blackhole'] as const) {
    proxy.set({ kind });
    const refused = await post(exporter.url, notification([{}], { group: `during ${kind}` }));
    expect([kind, refused]).toEqual([kind, { status: 503, retryAfter: '5' }]);
  }
  proxy.set({ kind: 'pass' });
  for (const kind of ['reset', 'blackhole'])
    await postUntilTaken(() => exporter.url, notification([{}], { group: `during ${kind}` }));
  await eventually(
    () => account(fresh),
    (a) => a.sent === 3,
  );
  expect(telegram.messages('100')).toHaveLength(3);
}, 120_000);
