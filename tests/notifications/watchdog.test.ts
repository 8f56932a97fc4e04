/** Proves the sign of life: one message edited without a sound, the call outside only after it, and a word when it stops. */

import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { eventually, samplesOf } from '../harness/exporter.js';
import { batch, fakeTelegram, freshStore, scratch, startRelay } from './relay.js';

const SIGN = [{ name: 'Watchdog', severity: 'info' }];

async function outside(): Promise<{ readonly url: string; readonly calls: string[] }> {
  const calls: string[] = [];
  const server = createServer((request, response) => {
    calls.push(request.url ?? '');
    response.end('ok');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/ping-hunter2`, calls };
}

test('repeats of the Watchdog edit one silent message, and each confirmed one is passed on outside', async () => {
  const { db } = await freshStore();
  const telegram = await fakeTelegram();
  const { url, calls } = await outside();
  const file = join(scratch(), 'ping');
  writeFileSync(file, url, { mode: 0o600 });
  const { relay, text, logs } = startRelay({ db, telegram, more: `  watchdog: { ping_url_file: ${file} }` });
  telegram.setScript(() => ({ kind: 'reset' }));
  await relay.http.takeIn(batch(SIGN), undefined);
  await eventually(
    async () => telegram.requests(),
    (all) => all.length > 0,
  );
  expect(calls).toEqual([]);
  telegram.setScript(undefined);
  await eventually(
    async () => calls,
    (all) => all.length === 1,
  );
  const [message] = telegram.messages('100');
  expect(message!.silent).toBe(true);
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  await relay.http.takeIn(batch(SIGN), undefined);
  await eventually(
    async () => calls,
    (all) => all.length === 2,
  );
  expect(telegram.messages('100')).toHaveLength(1);
  expect(telegram.messages('100')[0]!.history).toHaveLength(2);
  const scraped = await eventually(
    text,
    (t) => samplesOf(t, 'notification_watchdog_timestamp_seconds').size === 1,
  );
  expect(samplesOf(scraped, 'notification_watchdog_timestamp_seconds').get('')).toBeGreaterThan(
    1_700_000_000,
  );
  expect(logs.join('')).not.toContain('hunter2');
});

test('a Watchdog that stops is told once, by whichever process, and its return too', async () => {
  const { db, fresh } = await freshStore();
  const telegram = await fakeTelegram();
  const { relay } = startRelay({ db, telegram });
  startRelay({ db, telegram, holder: 'another' });
  await relay.http.takeIn(batch(SIGN), undefined);
  await eventually(
    async () => telegram.messages('100'),
    (all) => all.length === 1,
  );
  await fresh.sql`update flowgauge.notification_watchdog set last_at = last_at - interval '20 minutes'`;
  const told = await eventually(
    async () => telegram.messages('100'),
    (all) => all.length === 2,
  );
  expect(told[1]).toMatchObject({ silent: false });
  expect(told[1]!.text).toContain('No sign of life');
  await relay.http.takeIn(batch(SIGN), undefined);
  const back = await eventually(
    async () => telegram.messages('100'),
    (all) => all.length === 3,
  );
  expect(back[2]!.text).toContain('back');
  expect(telegram.messages('100')).toHaveLength(3);
});
