/** Proves the way of an alert through the relay into a mailbox, and that a sign of life each minute does not fill it. */
import { expect, onTestFinished, test } from 'vitest';
import { eventually, samplesOf } from '../harness/exporter.js';
import { startFakeMail } from '../harness/smtp.js';
import { account, batch, fakeTelegram, freshStore, startRelay } from './relay.js';

test('an alert is a mail, its end an answer to it, and the Watchdog one mail only', async () => {
  const { db, fresh } = await freshStore();
  const telegram = await fakeTelegram();
  const mailbox = await startFakeMail();
  onTestFinished(() => mailbox.close());
  const more = `  email: { host: 127.0.0.1, port: ${mailbox.port}, tls: "off", from: a@example.org, to: { mail: b@example.org } }
  routes: { oncall: mail, watchdog: mail }`;
  const { relay, text } = startRelay({ db, telegram, more });
  await relay.http.takeIn(batch([{}], { receiver: 'oncall' }), undefined);
  await eventually(
    async () => mailbox.mails(),
    (all) => all.length === 1,
  );
  await relay.http.takeIn(batch([{ status: 'resolved' }], { receiver: 'oncall' }), undefined);
  const [first, second] = await eventually(
    async () => mailbox.mails(),
    (all) => all.length === 2,
  );
  const id = /^Message-ID: (<.+>)\r$/im.exec(first!.raw)![1];
  expect(second!.raw).toContain(`In-Reply-To: ${id}`);
  const watchdog = () =>
    batch([{ name: 'Watchdog', severity: 'info' }], { receiver: 'watchdog', group: 'w' });
  for (let minute = 0; minute < 3; minute += 1) await relay.http.takeIn(watchdog(), undefined);
  await eventually(
    () => account(fresh),
    (a) => a.sent === 3,
  );
  expect(mailbox.mails()).toHaveLength(3);
  expect(mailbox.violations()).toEqual([]);
  expect(telegram.requests('sendMessage')).toEqual([]);
  const scraped = await text();
  expect(samplesOf(scraped, 'notification_attempts_total').get('channel="email",outcome="sent"')).toBe(3);
  expect(samplesOf(scraped, 'alert_resolve_seconds_sum').get('severity="critical"')).toBeCloseTo(599.877, 1);
});
