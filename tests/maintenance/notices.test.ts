/** Proves what people hear of planned work: its beginning and end once, what fires still, and what ended meanwhile. */
import { expect, it } from 'vitest';
import { firingBatches } from '../../src/notifications/firing-groups.js';
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
  let nowMs = 0;
  const keeper = () =>
    startKeeper({
      ...{ db, alertmanagerUrl: alertmanager.url, job: 'by hand', nowMs: () => nowMs },
      more: `${more}\n${section(scratch(), telegram, chats, routes)}`,
      takeIn: (told) => relay.http.takeIn(told, undefined),
    });
  /** So long, as the job looks while it passes. */
  const lookFor = async (look: () => Promise<unknown>, seconds: number) => {
    for (let passed = 0; passed < seconds; passed += 20) {
      nowMs += 20_000;
      await look();
    }
  };
  /** What it tells of is told, and Alertmanager has it as the same. */
  const toldFiring = async () => {
    await alertmanager.post(FIRING);
    const [active] = await alertmanager.client.alerts([]);
    await relay.http.takeIn(batch([{ fingerprint: active!.fingerprint }]), undefined);
    const [message] = await eventually(
      async () => telegram.messages('100'),
      (all) => all.length === 1,
    );
    return message!;
  };
  const sleep = (seconds: number) => {
    nowMs += seconds * 1_000;
  };
  return { db, telegram, alertmanager, relay, keeper, lookFor, sleep, toldFiring };
}

/** Names of what the store has as firing. */
async function firingOf(db: Parameters<typeof firingBatches>[0]): Promise<readonly unknown[]> {
  const batches = await firingBatches(db, Date.now());
  return batches.flatMap(({ alerts }) => alerts.map(({ labels }) => labels.alertname));
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
  // The first was sent, so that one more would be a row of its own; what is queued by a look is there when it ends.
  for (const { look } of [one, other]) await look();
  const queued = await it.db.run('read', 5_000, (sql) =>
    sql<{ kind: string; rows: number }[]>`
      select split_part(group_key, ' ', 1) as kind, count(*)::int as rows from flowgauge.notification_messages
       where group_key ~ '^(begin|end) of flowgauge-' group by 1 order by 1`.then((rows) => [...rows]),
  );
  expect(queued).toEqual([
    { kind: 'begin', rows: 1 },
    { kind: 'end', rows: 1 },
  ]);
  expect(it.telegram.messages('200')).toHaveLength(2);
  expect(it.telegram.messages('100')).toEqual([]);
});

it('without a route the fallback hears it; the message of an alert that ended meanwhile says so', async () => {
  const it = await arena('', { critical: '100' });
  const message = await it.toldFiring();
  const { http, look } = it.keeper();
  await http.enable({ ...TOKENS, matchers: [{ name: 'flow', value: 'flow-0', isEqual: true }] });
  await it.alertmanager.post(FIRING, 'ended');
  await eventually(
    () => it.alertmanager.client.alerts([]),
    (all) => all.length === 0,
  );
  expect(message.text).not.toContain('resolved');
  await http.disable('chief');
  await eventually(
    async () => textsWith(it.telegram, '100', 'Maintenance is over: nothing fires'),
    (all) => all.length === 1,
  );
  await it.lookFor(look, 120);
  expect(await firingOf(it.db)).toEqual(['FlowStalled']);
  await it.lookFor(look, 20);
  await eventually(
    async () => message.text,
    (text) => text.includes('resolved: FlowStalled'),
  );
});

it('an Alertmanager that was killed just before the end makes nobody say that an alert is resolved', async () => {
  const it = await arena('', { critical: '100' });
  const message = await it.toldFiring();
  const { http, look } = it.keeper();
  await http.enable({ ...TOKENS, matchers: [{ name: 'flow', value: 'flow-0', isEqual: true }] });
  await it.alertmanager.stop('SIGKILL');
  await it.alertmanager.start();
  expect(await it.alertmanager.client.alerts([])).toEqual([]);
  await http.disable('chief');
  await it.lookFor(look, 60);
  // Prometheus tells it again.
  await it.alertmanager.post(FIRING);
  await it.lookFor(look, 300);
  expect(await firingOf(it.db)).toEqual(['FlowStalled']);
  expect(message.text).not.toContain('resolved');
  // Away again, and nobody has looked for a minute in between: the time begins anew.
  await it.alertmanager.post(FIRING, 'ended');
  await it.lookFor(look, 100);
  it.sleep(60);
  await it.lookFor(look, 100);
  expect(await firingOf(it.db)).toEqual(['FlowStalled']);
  // The same after a look that failed.
  await it.alertmanager.stop('SIGKILL');
  await expect(look()).rejects.toMatchObject({ code: 'ALERTMANAGER_FAILED' });
  await it.alertmanager.start();
  await it.lookFor(look, 120);
  expect(await firingOf(it.db)).toEqual(['FlowStalled']);
  await it.lookFor(look, 20);
  expect(await firingOf(it.db)).toEqual([]);
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
