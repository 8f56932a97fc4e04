/** Proves the way of an alert from Alertmanager's webhook into the chat: stored once, one message per group, edited in place. */
import { expect, test } from 'vitest';
import { eventually, samplesOf } from '../harness/exporter.js';
import { account, batch, fakeTelegram, freshStore, startRelay } from './relay.js';

const CHAT = '100';

test('an alert becomes one message, its end an edit of it; the account says delivered', async () => {
  const { db, fresh } = await freshStore();
  const telegram = await fakeTelegram();
  const { relay, text } = startRelay({ db, telegram });
  await relay.http.takeIn(batch([{}]), 'request-7');
  const [sent] = await eventually(
    async () => telegram.messages(CHAT),
    (all) => all.length === 1,
  );
  expect(sent!.text).toContain('FlowStalled');
  expect(sent!.text).toContain('nothing moves');
  await relay.http.takeIn(batch([{ status: 'resolved' }]), undefined);
  const [edited] = await eventually(
    async () => telegram.messages(CHAT),
    ([m]) => m!.history.length === 2,
  );
  expect(edited!.id).toBe(sent!.id);
  expect(edited!.text).toContain('resolved');
  expect(telegram.messages(CHAT)).toHaveLength(1);
  expect(
    await eventually(
      () => account(fresh),
      (a) => a.sent === 2,
    ),
  ).toEqual({ sent: 2 });
  const scraped = await eventually(
    text,
    (t) => samplesOf(t, 'notification_messages').get('channel="telegram",state="sent"') === 2,
  );
  expect(samplesOf(scraped, 'notification_attempts_total').get('channel="telegram",outcome="sent"')).toBe(2);
  expect(samplesOf(scraped, 'notification_delivery_seconds_count').get('channel="telegram"')).toBe(2);
  expect(samplesOf(scraped, 'alert_events_total').get('alertname="FlowStalled",status="firing"')).toBe(1);
  expect(samplesOf(scraped, 'notification_oldest_queued_timestamp_seconds').size).toBe(0);
  expect(telegram.violations()).toEqual([]);
});

test('the same alerts again, also at the same moment, are stored and sent once', async () => {
  const { db, fresh } = await freshStore();
  const telegram = await fakeTelegram();
  const { relay, text } = startRelay({ db, telegram });
  const alerts = [{ fingerprint: 'a' }, { fingerprint: 'b' }];
  const answers = await Promise.all(
    Array.from({ length: 4 }, () => relay.http.takeIn(batch(alerts), undefined)),
  );
  expect(answers.map(({ stored }) => stored).sort()).toEqual([0, 0, 0, 2]);
  await relay.http.takeIn(batch(alerts), undefined);
  await eventually(
    () => account(fresh),
    (a) => a.sent === 2,
  );
  expect(telegram.requests('sendMessage')).toHaveLength(1);
  expect(telegram.requests('editMessageText')).toHaveLength(0);
  expect(samplesOf(await text(), 'notification_deduplicated_total').get('channel="telegram"')).toBe(8);
});

test('what fires and ends while Telegram is away is told once it is back', async () => {
  const { db, fresh } = await freshStore();
  const telegram = await fakeTelegram();
  const { relay } = startRelay({ db, telegram, jobs: 'running' });
  telegram.setScript(() => ({ kind: 'reset' }));
  await relay.http.takeIn(batch([{}]), undefined);
  await eventually(
    async () => telegram.requests(),
    (all) => all.length > 0,
  );
  await relay.http.takeIn(batch([{ status: 'resolved' }]), undefined);
  telegram.setScript(undefined);
  await eventually(
    () => account(fresh),
    (a) => a.sent === 2,
  );
  expect(telegram.messages(CHAT)).toHaveLength(1);
  expect(telegram.messages(CHAT)[0]!.text).toContain('resolved');
});

test('a new incident of a group is a new message; a further alert of a running one rings', async () => {
  const { db, fresh } = await freshStore();
  const telegram = await fakeTelegram();
  const { relay } = startRelay({ db, telegram });
  await relay.http.takeIn(batch([{ fingerprint: 'a' }]), undefined);
  await eventually(
    () => account(fresh),
    (a) => a.sent === 1,
  );
  await relay.http.takeIn(batch([{ fingerprint: 'a' }, { fingerprint: 'b' }]), undefined);
  await eventually(
    () => account(fresh),
    (a) => a.sent === 2,
  );
  const [first, bell] = telegram.messages(CHAT);
  expect(first!.history).toHaveLength(2);
  expect(bell!.replyTo).toBe(first!.id);
  expect(bell!.text).toContain('1 more firing');
  await relay.http.takeIn(
    batch([
      { fingerprint: 'a', status: 'resolved' },
      { fingerprint: 'b', status: 'resolved' },
    ]),
    undefined,
  );
  await eventually(
    () => account(fresh),
    (a) => a.sent === 4,
  );
  await relay.http.takeIn(batch([{ fingerprint: 'a', startsAt: '2026-01-02T05:00:00Z' }]), undefined);
  await eventually(
    () => account(fresh),
    (a) => a.sent === 5,
  );
  const all = telegram.messages(CHAT);
  expect(all).toHaveLength(3);
  expect(all[2]!.text).toContain('1 firing');
  expect(all[2]!.text).not.toContain('resolved');
  expect(telegram.violations()).toEqual([]);
});

test('a chat that does not exist is a dead letter at once, with text, reason and a line in the log; redriving twice sends once', async () => {
  const { db, fresh } = await freshStore();
  const telegram = await fakeTelegram({ chats: {} });
  const { relay, logs, text } = startRelay({ db, telegram });
  await relay.http.takeIn(batch([{}]), 'request-7');
  const [dead] = await eventually(
    () => relay.http.deadLetters(10),
    (all) => all.length === 1,
  );
  expect(dead).toMatchObject({
    reason: 'chat_not_found',
    channel: 'telegram',
    chat: CHAT,
    request_id: 'request-7',
    attempts: 1,
  });
  expect(dead!.text).toContain('nothing moves');
  expect(dead!.alerts).toEqual([{ alertname: 'FlowStalled', fingerprint: 'fp0', status: 'firing' }]);
  expect(telegram.requests('sendMessage')).toHaveLength(1);
  const line = logs.map((l) => JSON.parse(l)).find(({ msg }) => /^DEAD_LETTER \d+$/.test(msg));
  expect(line).toMatchObject({
    request_id: 'request-7',
    reason: 'chat_not_found',
    alerts: [{ alertname: 'FlowStalled' }],
  });
  await eventually(text, (t) => samplesOf(t, 'notification_dead_letters').get('channel="telegram"') === 1);
  telegram.setChat(CHAT, {});
  const query = { ids: undefined, reason: 'chat_not_found', sinceMs: undefined, untilMs: undefined };
  const redriven = [await relay.http.redrive(query), await relay.http.redrive(query)];
  expect(redriven).toEqual([1, 0]);
  await eventually(
    () => account(fresh),
    (a) => a.sent === 1,
  );
  expect(telegram.messages(CHAT)).toHaveLength(1);
});

test('a group that became a supergroup is followed, and remembered', async () => {
  const { db, fresh } = await freshStore();
  const telegram = await fakeTelegram({
    chats: { '-5': { state: 'migrated', migratedTo: '-1005' }, '-1005': {} },
  });
  const { relay } = startRelay({ db, telegram, chats: { critical: '-5' } });
  await relay.http.takeIn(batch([{}]), undefined);
  await eventually(
    () => account(fresh),
    (a) => a.sent === 1,
  );
  await relay.http.takeIn(batch([{ status: 'resolved' }]), undefined);
  await eventually(
    () => account(fresh),
    (a) => a.sent === 2,
  );
  expect(telegram.messages('-1005')).toHaveLength(1);
  expect(telegram.requests().filter(({ chat }) => chat === '-5')).toHaveLength(1);
});

test('retry_after holds one chat and no other', async () => {
  const { db, fresh } = await freshStore();
  const telegram = await fakeTelegram();
  telegram.setScript(({ chat, number }) =>
    chat === '100' && number < 4 ? { kind: 'limited', retryAfterSeconds: 3 } : undefined,
  );
  const { relay } = startRelay({ db, telegram, chats: { critical: '100', warning: '200' } });
  await relay.http.takeIn(batch([{}], { group: 'g1' }), undefined);
  await eventually(
    async () => telegram.requests(),
    (all) => all.some(({ status }) => status === 429),
  );
  await relay.http.takeIn(batch([{}], { group: 'g2', receiver: 'warning' }), undefined);
  await eventually(
    async () => telegram.messages('200'),
    (all) => all.length === 1,
  );
  expect(telegram.messages('100')).toHaveLength(0);
  await eventually(
    () => account(fresh),
    (a) => a.sent === 2,
  );
  expect(telegram.violations()).toEqual([]);
});

test('many groups at once become a digest that names each of them', async () => {
  const { db, fresh } = await freshStore();
  const telegram = await fakeTelegram();
  const { relay, start } = startRelay({ db, telegram, jobs: 'by hand' });
  for (let i = 0; i < 60; i += 1)
    await relay.http.takeIn(
      batch([{ name: `Alert${i}`, severity: i === 40 ? 'critical' : 'warning' }], { group: `g${i}` }),
      undefined,
    );
  start();
  await eventually(
    () => account(fresh),
    (a) => a.sent === 60,
  );
  const messages = telegram.messages(CHAT);
  expect(messages.length).toBeLessThan(6);
  const text = messages.map((m) => m.text).join('\n');
  for (let i = 0; i < 60; i += 1) expect(text).toContain(`Alert${i}`);
  expect(messages[0]!.text.indexOf('Alert40')).toBeLessThan(messages[0]!.text.indexOf('Alert39'));
  expect(telegram.violations()).toEqual([]);
});
