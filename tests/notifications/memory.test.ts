/** Proves what is remembered of alerts, for how long, and what is never forgotten; and that an old message dies with a reason. */
import { expect, test } from 'vitest';
import { forgetOld, readHistory } from '../../src/notifications/history.js';
import { eventually } from '../harness/exporter.js';
import { account, batch, fakeTelegram, freshStore, startRelay } from './relay.js';

const ALL = { alertname: undefined, status: undefined, sinceMs: undefined, untilMs: undefined, limit: 10 };
const DAY = 86_400_000;
const KEEP = { sentMs: DAY, deadMs: DAY, eventsMs: DAY };

test('the history tells each event with its deliveries, repeats and the mean time to resolve', async () => {
  const { db, fresh } = await freshStore();
  const telegram = await fakeTelegram();
  const { relay } = startRelay({ db, telegram });
  await relay.http.takeIn(batch([{}]), 'request-7');
  await relay.http.takeIn(batch([{}]), undefined);
  await relay.http.takeIn(batch([{ status: 'resolved' }]), undefined);
  await relay.http.takeIn(batch([{ name: 'Other' }]), undefined);
  await eventually(
    () => account(fresh),
    (a) => a.sent === 3,
  );
  const report = await readHistory(db, { ...ALL, alertname: 'FlowStalled' });
  expect(report.total).toBe(2);
  expect(report.mean_time_to_resolve_seconds).toBeCloseTo(600 - 0.123, 2);
  expect(report.mean_time_to_acknowledge_seconds).toBeNull();
  expect(report.events[1]).toMatchObject({
    alertname: 'FlowStalled',
    status: 'firing',
    severity: 'critical',
    repeats: 1,
    request_id: 'request-7',
    deliveries: [{ channel: 'telegram', chat: '100', state: 'sent' }],
  });
  expect((await readHistory(db, { ...ALL, status: 'resolved' })).total).toBe(1);
  expect((await readHistory(db, { ...ALL, sinceMs: Date.now() + DAY })).total).toBe(0);
});

test('what is old and done is forgotten; what waits or is dead stays with its events', async () => {
  const { db, fresh } = await freshStore();
  const telegram = await fakeTelegram({ chats: { '100': {} } });
  const { relay, stop } = startRelay({ db, telegram, chats: { critical: '100', lost: '999' } });
  await relay.http.takeIn(batch([{}], { group: 'sent' }), undefined);
  await relay.http.takeIn(batch([{}], { group: 'dead', receiver: 'lost' }), undefined);
  await eventually(
    () => account(fresh),
    (a) => a.sent === 1 && a.dead === 1,
  );
  await stop();
  await relay.http.takeIn(batch([{}], { group: 'waits' }), undefined);
  await fresh.sql`update flowgauge.alert_events set received_at = received_at - interval '3 days'`;
  await fresh.sql`update flowgauge.notification_messages set finished_at = finished_at - interval '3 days' where state = 'sent'`;
  await forgetOld(db, KEEP);
  const left = await fresh.sql`select group_key from flowgauge.alert_events order by 1`;
  expect(left.map((row) => row.group_key)).toEqual(['dead', 'waits']);
  const messages = await fresh.sql`select state from flowgauge.notification_messages order by 1`;
  expect(messages.map((row) => row.state)).toEqual(['dead', 'queued']);
});

test('a message whose time to live has ended is a dead letter with its text, and is not sent', async () => {
  const { db, fresh } = await freshStore();
  const telegram = await fakeTelegram();
  const { relay, start } = startRelay({ db, telegram, jobs: 'by hand' });
  await relay.http.takeIn(batch([{}]), undefined);
  await fresh.sql`update flowgauge.notification_messages set expires_at = now() - interval '1 second'`;
  start();
  await eventually(
    () => account(fresh),
    (a) => a.dead === 1,
  );
  const [dead] = await relay.http.deadLetters(10);
  expect(dead).toMatchObject({ reason: 'expired' });
  expect(dead!.text).toContain('nothing moves');
  expect(telegram.requests()).toEqual([]);
});
