/** Proves what people hear of planned work: its beginning and end once, what fires still, and what ended meanwhile. */
import { expect, it } from 'vitest';
import { eventually } from '../harness/exporter.js';
import { plainAlertmanager, textsWith } from '../notifications/chat.js';
import { batch, fakeTelegram, freshStore, scratch, section, startRelay } from '../notifications/relay.js';
import { startKeeper, TOKENS } from './keeper.js';

const CHATS = { critical: '100', work: '200' };
const FIRING = { alertname: 'FlowStalled', severity: 'critical', flow: 'flow-0' };

async function arena(more = '', chats: Readonly<Record<string, string>> = CHATS) {
  const { db } = await freshStore();
  const telegram = await fakeTelegram();
  const alertmanager = await plainAlertmanager();
  const { relay } = startRelay({ db, telegram, chats });
  const routes = 'work' in chats ? '  routes: { maintenance: [work] }' : '';
  const keeper = () =>
    startKeeper({
      ...{ db, alertmanagerUrl: alertmanager.url, job: 'by hand' },
      more: `${more}\n${section(scratch(), telegram, chats, routes)}`,
      takeIn: (told) => relay.http.takeIn(told, undefined),
    });
  return { db, telegram, alertmanager, relay, keeper };
}

it('a window is told once when it begins and once when it is over, to the chat of its route', async () => {
  const begin = new Date(Date.now() - 20 * 60_000);
  const cron = `${begin.getUTCMinutes()} ${begin.getUTCHours()} * * *`;
  const it = await arena(`maintenance: { windows: { nightly: { cron: "${cron}", duration: 1h } } }`);
  const [one, other] = [it.keeper(), it.keeper()];
  for (const { look } of [one, other, one]) await look();
  const begun = async () => textsWith(it.telegram, '200', 'Maintenance until');
  const [text] = await eventually(begun, (all) => all.length === 1);
  expect(text).toContain('Window nightly');
  expect(text).toContain('job="flowgauge"');
  for (const { look } of [one, other]) await look();
  await other.http.disable('chief');
  for (const { look } of [one, other]) await look();
  const over = async () => textsWith(it.telegram, '200', 'Maintenance is over: nothing fires');
  await eventually(over, (all) => all.length === 1);
  expect(it.telegram.messages('200')).toHaveLength(2);
  expect(it.telegram.messages('100')).toEqual([]);
});

it('without a route the fallback hears it; the message of an alert that ended meanwhile says so', async () => {
  const it = await arena('', { critical: '100' });
  await it.alertmanager.post(FIRING);
  const [active] = await it.alertmanager.client.alerts([]);
  await it.relay.http.takeIn(batch([{ fingerprint: active!.fingerprint }]), undefined);
  const [message] = await eventually(
    async () => it.telegram.messages('100'),
    (all) => all.length === 1,
  );
  const { http } = it.keeper();
  await http.enable({ ...TOKENS, matchers: [{ name: 'flow', value: 'flow-0', isEqual: true }] });
  await it.alertmanager.post(FIRING, 'ended');
  await eventually(
    () => it.alertmanager.client.alerts([]),
    (all) => all.length === 0,
  );
  expect(message!.text).not.toContain('resolved');
  await http.disable('chief');
  await eventually(
    async () => message!.text,
    (text) => text.includes('resolved: FlowStalled'),
  );
  await eventually(
    async () => textsWith(it.telegram, '100', 'Maintenance is over: nothing fires'),
    (all) => all.length === 1,
  );
});

it('an alert called resolved that still fires at its end rings again', async () => {
  const it = await arena();
  await it.alertmanager.post(FIRING);
  const { http, look } = it.keeper();
  await http.resolve({ component: 'flow-0', alertType: 'FlowStalled', by: 'chief', reason: 'restarted' });
  expect(it.telegram.messages('200')).toEqual([]);
  // A day later.
  await it.db.run('age', 5_000, async (sql) => {
    await sql`update flowgauge.maintenance_wishes set until = clock_timestamp() - interval '1 second'`;
  });
  await look();
  const [text] = await eventually(
    async () => textsWith(it.telegram, '200', 'Still firing'),
    (all) => all.length === 1,
  );
  expect(text).toContain('Still firing: FlowStalled: 1 firing, 0 muted');
  expect(await it.alertmanager.silences()).toEqual([]);
});
