/** Proves what a chat can do: buttons and commands become silences of a real Alertmanager, only for those who may, each with a trace. */
import { expect, test } from 'vitest';
import { readMaintenance } from '../../src/alerts/silence.js';
import { eventually, samplesOf } from '../harness/exporter.js';
import type { FakeTelegram } from '../harness/telegram.js';
import type { TelegramMessage } from '../harness/telegram-bot.js';
import { ANNA, actionsLine, MALLORY, plainAlertmanager, textsWith, VIEWS } from './chat.js';
import { batch, fakeTelegram, freshStore, startRelay } from './relay.js';

const CHAT = '100';
const LABELS = { alertname: 'FlowStalled', severity: 'critical', flow: 'flow-0' };

type Button = { readonly text: string; readonly callback_data: string };
const buttonsOf = (message: TelegramMessage): readonly Button[] =>
  ((message.buttons ?? []) as Button[][]).flat();
const press = (telegram: FakeTelegram, message: TelegramMessage, label: string, who = ANNA) => {
  const button = buttonsOf(message).find(({ text }) => text === label);
  if (button === undefined) throw new Error(`no button ${label}, but ${JSON.stringify(message.buttons)}`);
  return telegram.pressButton(message, button.callback_data, who);
};

async function chatRelay(more = '') {
  const { db, fresh } = await freshStore();
  const telegram = await fakeTelegram();
  const alertmanager = await plainAlertmanager();
  const started = startRelay({
    db,
    telegram,
    actions: actionsLine(more),
    alertmanagerUrl: alertmanager.url,
    views: VIEWS,
  });
  const audit = () =>
    fresh.sql`select action, outcome, user_id, chat, detail from flowgauge.chat_actions order by id`;
  return { db, fresh, telegram, alertmanager, audit, ...started };
}

async function firing({ relay, telegram, alertmanager }: Awaited<ReturnType<typeof chatRelay>>) {
  await alertmanager.post(LABELS);
  await relay.http.takeIn(batch([{}]), undefined);
  const [message] = await eventually(
    async () => telegram.messages(CHAT),
    (all) => all.length === 1,
  );
  return message!;
}

test('Take it is a tagged silence with its owner; the message says so, and Undo takes it back', async () => {
  const it = await chatRelay();
  const message = await firing(it);
  expect(buttonsOf(message).map(({ text }) => text)).toEqual([
    'Take it',
    'Silence 1h',
    'Silence 4h',
    'Details',
  ]);
  for (const { callback_data: data } of buttonsOf(message)) expect(data).toMatch(/^[a-z0-9]+:\d+:\d+$/);
  const query = press(it.telegram, message, 'Take it');
  const [silence, ...others] = await eventually(it.alertmanager.silences, (all) => all.length > 0);
  expect(others).toEqual([]);
  expect(silence).toMatchObject({ createdBy: 'Anna', status: { state: 'active' } });
  expect(silence!.comment).toMatch(/^Taken by Anna in the chat \[flowgauge-[0-9a-f]{12}\]$/);
  // Without severity and tier: the escalated copies differ by those alone.
  expect(silence!.matchers).toEqual([
    { name: 'alertname', value: 'FlowStalled', isEqual: true, isRegex: false },
  ]);
  const hours = (Date.parse(silence!.endsAt) - Date.parse(silence!.startsAt)) / 3_600_000;
  expect(Math.round(hours * 100) / 100).toBe(4);
  await eventually(
    async () => message.text,
    (text) => text.includes('Taken by Anna'),
  );
  expect(it.telegram.answeredQueries()).toEqual([
    expect.objectContaining({ callback_query_id: query, text: 'FlowStalled is yours for 4 h.' }),
  ]);
  const history = await it.relay.http.history({
    alertname: 'FlowStalled',
    status: undefined,
    sinceMs: undefined,
    untilMs: undefined,
    limit: 5,
  });
  expect(history.events[0]).toMatchObject({ acknowledged_by: 'Anna' });
  expect(history.mean_time_to_acknowledge_seconds).toBeGreaterThan(0);
  const scraped = await it.text();
  expect(samplesOf(scraped, 'alert_acknowledge_seconds_count').get('severity="critical"')).toBe(1);
  expect(samplesOf(scraped, 'alert_acknowledge_seconds_count').get('severity="info"')).toBe(0);

  press(it.telegram, message, 'Undo');
  await eventually(it.alertmanager.silences, (all) => all.length === 0);
  await eventually(
    async () => buttonsOf(message).map(({ text }) => text),
    ([first]) => first === 'Take it',
  );
  expect(message.text).not.toContain('Anna');
  expect(await it.audit()).toMatchObject([
    { action: 'take', outcome: 'done', user_id: '501', chat: CHAT },
    { action: 'undo', outcome: 'done', user_id: '501', chat: CHAT },
  ]);
  expect(it.telegram.messages(CHAT)).toHaveLength(1);
  expect(it.telegram.violations()).toEqual([]);
});

test('one group has one silence: a later button changes its end', async () => {
  const it = await chatRelay();
  const message = await firing(it);
  press(it.telegram, message, 'Take it');
  await eventually(it.alertmanager.silences, (all) => all.length === 1);
  press(it.telegram, message, 'Silence 1h');
  const [silence] = await eventually(it.alertmanager.silences, ([one]) => /^Silenced/.test(one!.comment));
  expect(Date.parse(silence!.endsAt) - Date.now()).toBeLessThan(3_600_001);
  expect(await it.alertmanager.silences()).toHaveLength(1);
});

test('a stranger, and an allowed person in another chat, change nothing and leave a trace', async () => {
  const it = await chatRelay();
  const message = await firing(it);
  press(it.telegram, message, 'Take it', MALLORY);
  it.telegram.writeText(CHAT, '/alerts', MALLORY);
  it.telegram.writeText('999', '/maintenance 2h flow="tokens"', ANNA);
  it.telegram.writeText(CHAT, 'good morning', ANNA);
  it.telegram.writeText(CHAT, '/alerts@another_bot', ANNA);
  it.telegram.pushUpdate({ message: { text: '/alerts' } });
  it.telegram.pushUpdate({ callback_query: { id: 'x', from: ANNA, data: '../../:1:1' } });
  const rows = await eventually(it.audit, (all) => all.length === 3 && all[2]!.outcome !== 'begun');
  expect(rows).toMatchObject([
    { action: 'take', outcome: 'refused', user_id: '666' },
    { action: 'alerts', outcome: 'refused', user_id: '666' },
    { action: 'maintenance', outcome: 'refused', user_id: '501', chat: '999' },
  ]);
  expect(await it.alertmanager.silences()).toEqual([]);
  expect(it.telegram.messages()).toHaveLength(1);
});

test.each([
  ['/maintenance 2h', 'at least one label'],
  ['/maintenance flow="tokens"', 'The end is missing'],
  ['/maintenance 8d flow="tokens"', '1m to 7d'],
  ['/maintenance 2h alertname=~".+"', 'at least one label'],
  ['/maintenance 2h flow=""', 'at least one label'],
  ['/maintenance 2h flow!="x"', 'at least one label'],
  ['/maintenance 2h alertname="Watchdog"', 'never silenced'],
])('%s is refused: %s', async (text, remedy) => {
  const read = readMaintenance(text.replace('/maintenance', ''), 'Watchdog');
  expect(read).toMatchObject({ ok: false, remedy: expect.stringContaining(remedy) });
});

test('commands are answered: alerts, status, stuck items, maintenance', async () => {
  const it = await chatRelay();
  await it.alertmanager.post(LABELS);
  await it.alertmanager.post({ alertname: 'Watchdog', severity: 'info' });
  for (const text of [
    '/alerts',
    '/status@flowgauge_test_bot',
    '/stuck tokens',
    '/stuck nothing',
    '/maintenance 2h flow=“tokens”',
  ])
    it.telegram.writeText(CHAT, text, ANNA);
  await eventually(
    async () => it.telegram.messages(CHAT),
    (all) => all.length === 5,
    20_000,
  );
  expect(textsWith(it.telegram, CHAT, '1 firing, 0 muted')[0]).toContain('🔴 FlowStalled (flow-0) for 1 min');
  expect(textsWith(it.telegram, CHAT, 'Status')[0]).toContain('tokens: stalled, 2 stuck (active 7)');
  expect(textsWith(it.telegram, CHAT, 'tokens: 2 stuck')[0]).toContain('mint-1 · active for 2 h 5 min');
  expect(textsWith(it.telegram, CHAT, 'There is no such flow')[0]).toContain('Known: tokens, orders');
  expect(textsWith(it.telegram, CHAT, 'Silenced for 2 h')).toHaveLength(1);
  const [silence] = await it.alertmanager.silences();
  expect(silence!.matchers.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
    { name: 'alertname', value: 'Watchdog', isEqual: false, isRegex: false },
    { name: 'flow', value: 'tokens', isEqual: true, isRegex: false },
    { name: 'pipeline', value: 'notifications', isEqual: false, isRegex: false },
    { name: 'quiet', value: 'never', isEqual: false, isRegex: false },
  ]);
  expect(it.telegram.violations()).toEqual([]);
});

test('/maintenance off ends what was asked for, and the chat hears what fires still', async () => {
  const it = await chatRelay();
  const about = { ...LABELS, flow: 'tokens' };
  await it.alertmanager.post(about);
  it.telegram.writeText(CHAT, '/maintenance off', ANNA);
  const nothing = async () => textsWith(it.telegram, CHAT, 'No maintenance is on');
  await eventually(nothing, (all) => all.length === 1);
  it.telegram.writeText(CHAT, '/maintenance 2h flow="tokens"', ANNA);
  const [silence] = await eventually(it.alertmanager.silences, (all) => all.length === 1);
  expect(silence!.comment).toMatch(/^Maintenance by Anna \[flowgauge-[0-9a-f]{12}\]$/);
  it.telegram.writeText(CHAT, '/maintenance off', ANNA);
  await eventually(it.alertmanager.silences, (all) => all.length === 0);
  await eventually(
    async () => textsWith(it.telegram, CHAT, '1 silence ends'),
    (all) => all.length === 1,
  );
  const [text] = await eventually(
    async () => textsWith(it.telegram, CHAT, 'Maintenance is over'),
    (all) => all.length === 1,
  );
  expect(text).toContain('Maintenance is over: 1 firing, 0 muted');
  expect(text).toContain('🔴 FlowStalled (tokens)');
  expect(text).toContain('Ended by Anna');
  expect(await it.audit()).toMatchObject([
    { action: 'maintenance off', outcome: 'refused' },
    { action: 'maintenance', outcome: 'done' },
    { action: 'maintenance off', outcome: 'done' },
  ]);
});

test('while Alertmanager is away the wish is kept, and made once when it is back', async () => {
  const it = await chatRelay();
  const message = await firing(it);
  await it.alertmanager.stop();
  press(it.telegram, message, 'Take it');
  const [row] = await eventually(it.audit, ([one]) => one?.outcome === 'pending');
  expect(row).toMatchObject({ detail: expect.stringContaining('it follows') });
  await it.alertmanager.start();
  await it.alertmanager.post(LABELS);
  await eventually(it.alertmanager.silences, (all) => all.length === 1, 30_000);
});

test('without the key there are no buttons and nobody reads the chat', async () => {
  const { db } = await freshStore();
  const telegram = await fakeTelegram();
  const { relay } = startRelay({ db, telegram });
  await relay.http.takeIn(batch([{}]), undefined);
  const [message] = await eventually(
    async () => telegram.messages(CHAT),
    (all) => all.length === 1,
  );
  expect(message!.buttons).toBeUndefined();
  expect(telegram.requests('getUpdates')).toEqual([]);
});
