/** Proves on real processes that the reading of the chat goes over to the other replica: when its reader is killed, and when it freezes. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually } from '../harness/exporter.js';
import { pause } from '../harness/processes.js';
import type { TelegramMessage } from '../harness/telegram-bot.js';
import { ANNA, actionsLine, plainAlertmanager } from './chat.js';
import { fakeTelegram, notification, scratch, section } from './relay.js';
import { database, postUntilTaken, relayProcess } from './relay-process.js';

const CHAT = '100';
const LABELS = { alertname: 'FlowStalled', severity: 'critical', flow: 'flow-0' };
/** The reader's lease is a minute; another one looks each three seconds. */
const HANDOVER_MS = 90_000;

/** Two replicas, of which the first reads the chat, and a message with buttons in it. */
async function twoReaders() {
  const [fresh, telegram, alertmanager] = [await database(), await fakeTelegram(), await plainAlertmanager()];
  const directory = scratch();
  const file = join(directory, 'flowgauge.yml');
  const notifications = section(directory, telegram, { critical: CHAT }, '', actionsLine());
  writeFileSync(
    file,
    `web: { listen_address: "127.0.0.1:0" }\nsource: { url: "${fresh.url}" }\nalertmanager: { url: "${alertmanager.url}" }\n${notifications}`,
    { mode: 0o600 },
  );
  const isPolled = () => eventually(async () => telegram.isPolled(), Boolean, HANDOVER_MS);
  const reader = await relayProcess(file);
  await isPolled();
  const other = await relayProcess(file);
  await alertmanager.post(LABELS);
  await postUntilTaken(() => other.url, notification([{}]));
  const [message] = await eventually(
    async () => telegram.messages(CHAT),
    (all) => all.length === 1,
  );
  const audit = () => fresh.sql`select action, outcome, chat from flowgauge.chat_actions order by id`;
  return { telegram, alertmanager, reader, other, message: message!, audit, isPolled };
}

function take({
  telegram,
  message,
}: {
  telegram: Awaited<ReturnType<typeof fakeTelegram>>;
  message: TelegramMessage;
}) {
  const buttons = (message.buttons as { text: string; callback_data: string }[][]).flat();
  const { callback_data: data } = buttons.find(({ text }) => text === 'Take it')!;
  return telegram.pressButton(message, data, ANNA);
}

test('a reader that is killed with an update in its hands: the other one does it, once', async () => {
  const it = await twoReaders();
  take(it);
  await it.reader.kill();
  const rows = await eventually(it.audit, ([row]) => row?.outcome === 'done', HANDOVER_MS);
  expect(rows).toEqual([{ action: 'take', outcome: 'done', chat: CHAT }]);
  expect(await it.alertmanager.silences()).toHaveLength(1);
  await it.isPolled();
  it.telegram.writeText(CHAT, '/alerts', ANNA);
  await eventually(it.audit, (all) => all.length === 2 && all[1]!.outcome === 'done');
}, 180_000);

test('a reader that freezes with an update in its hands does nothing when it wakes after its lease', async () => {
  const it = await twoReaders();
  it.reader.child.kill('SIGSTOP');
  // Telegram hands it to the poll that waits: its bytes lie before the frozen process.
  const query = take(it);
  const rows = await eventually(it.audit, ([row]) => row?.outcome === 'done', HANDOVER_MS);
  expect(rows).toHaveLength(1);
  it.reader.child.kill('SIGCONT');
  it.telegram.writeText(CHAT, '/alerts', ANNA);
  await eventually(it.audit, (all) => all.length === 2 && all[1]!.outcome === 'done', HANDOVER_MS);
  await pause(2_000);
  expect(await it.audit()).toEqual([
    { action: 'take', outcome: 'done', chat: CHAT },
    { action: 'alerts', outcome: 'done', chat: CHAT },
  ]);
  expect(await it.alertmanager.silences()).toHaveLength(1);
  expect(it.telegram.answeredQueries().map(({ callback_query_id: id }) => id)).toEqual([query]);
  expect(await it.reader.stop()).toBe(0);
}, 240_000);
