/** Proves that what is said of planned work is what Alertmanager has: made, not made, over, or over and still silent. */
import { expect, it } from 'vitest';
import { noteOver, openWishes } from '../../src/maintenance/wish-store.js';
import { endMaintenance, FOLLOWS } from '../../src/notifications/chat-maintenance.js';
import { eventually } from '../harness/exporter.js';
import { startFace } from '../http/face.js';
import { plainAlertmanager } from '../notifications/chat.js';
import { freshStore } from '../notifications/relay.js';
import { frontOf } from './front.js';
import { startKeeper, TOKENS } from './keeper.js';
import { maintenanceDeps, WISH } from './made-up-maintenance.js';

/** Nobody listens there. */
const NOWHERE = 'http://127.0.0.1:9';

it('what is ended while Alertmanager is away is told and shown as ending until it is over there', async () => {
  const { db } = await freshStore();
  const alertmanager = await plainAlertmanager();
  const { http, keeper, look, samples } = startKeeper({
    ...{ db, alertmanagerUrl: alertmanager.url, job: 'by hand' },
  });
  const silences = async () => Object.fromEntries(await samples('maintenance_silences'));
  const { wish } = await http.enable(TOKENS);
  // An orderly end: it writes what it knows to disk.
  await alertmanager.stop('SIGTERM');
  expect(await http.disable('chief')).toMatchObject({ state: 'ending', wishes: [{ id: wish.id }] });
  expect(await http.status()).toMatchObject({ wishes: [], ending: [{ id: wish.id }] });
  const ending = { 'state="active"': 0, 'state="pending"': 0, 'state="ending"': 1 };
  expect(await silences()).toEqual(ending);
  expect((await samples('maintenance_active')).get('window="manual"')).toBe(0);
  // Asked again, nothing is on, and yet it is not quiet that ended.
  expect(await http.disable('chief')).toMatchObject({ state: 'ending', wishes: [] });
  expect(await endMaintenance(keeper.chat, 'Anna')).toMatchObject({
    outcome: 'pending',
    answer: { title: '🔕 Maintenance is ending', body: FOLLOWS },
  });
  await alertmanager.start();
  expect(await alertmanager.silences()).toHaveLength(1);
  await look();
  expect(await alertmanager.silences()).toEqual([]);
  expect(await silences()).toEqual({ ...ending, 'state="ending"': 0 });
  expect(await http.disable('chief')).toEqual({ state: 'ended', wishes: [] });
  expect(await endMaintenance(keeper.chat, 'Anna')).toMatchObject({ outcome: 'refused' });
});

it('the chat hears that an end follows', async () => {
  const { db } = await freshStore();
  const { http, keeper } = startKeeper({ db, alertmanagerUrl: NOWHERE, job: 'by hand' });
  await http.enable(TOKENS);
  const { outcome, answer } = await endMaintenance(keeper.chat, 'Anna');
  expect([outcome, answer?.body]).toEqual(['pending', `1 silence ends. ${FOLLOWS}`]);
});

it('a silence that is ending is in the list, and maintenance is off', async () => {
  const ending = [{ ...WISH, id: '3', cancelledBy: 'chief' }];
  const status = async () => ({ at: new Date(WISH.nowMs), wishes: [WISH], ending, windows: [] });
  const { get } = await startFace({ maintenance: maintenanceDeps({ status }) });
  const { json } = await shown();
  expect(json).toMatchObject({
    maintenance_mode: true,
    silences: [
      { id: 3, state: 'ending', silence_id: 'a1b2' },
      { id: 7, state: 'active' },
    ],
  });

  async function shown() {
    const { text } = await get('/api/monitoring/maintenance');
    return { json: JSON.parse(text) as unknown };
  }
});

it('of more wishes than one page has, the youngest is known too, and is not called made', async () => {
  const { db, fresh } = await freshStore();
  await fresh.sql`
    insert into flowgauge.maintenance_wishes (tag, kind, name, matchers, matchers_key, owner, reason, starts_at, until)
    select 'old-' || n, 'maintenance', 'manual', '[{"name": "flow", "value": "a", "isEqual": true}]', 'k' || n, 'x', '',
           now(), now() + interval '1 hour' from generate_series(1, 998) n`;
  const { http } = startKeeper({ db, alertmanagerUrl: NOWHERE, job: 'by hand' });
  expect(await http.enable(TOKENS)).toMatchObject({ state: 'pending', wish: { owner: 'chief' } });
  const { wishes } = await http.status();
  expect([wishes.length, wishes.at(-1)?.owner]).toEqual([999, 'chief']);
});

it('a wish that somebody ends while it is made is not called made', async () => {
  const { db } = await freshStore();
  const isLeader = () => false;
  const { http } = startKeeper({ db, alertmanagerUrl: NOWHERE, isLeader, job: 'by hand' });
  const asked = http.enable(TOKENS);
  const [wish] = await eventually(
    () => openWishes(db),
    (all) => all.length === 1,
  );
  await noteOver(db, wish!, 'by hand');
  expect((await asked).state).toBe('pending');
});

it('a silence whose making nobody confirmed, and that comes after the end, is ended', async () => {
  const { db } = await freshStore();
  const alertmanager = await plainAlertmanager();
  const held: string[] = [];
  const front = await frontOf(alertmanager.url, ({ method, body }) => {
    if (method !== 'POST') return 'pass';
    held.push(body);
    return 'break';
  });
  const one = startKeeper({ db, alertmanagerUrl: front.url, job: 'by hand' });
  expect((await one.http.enable(TOKENS)).state).toBe('pending');
  await one.http.disable('chief');
  expect(await openWishes(db)).toEqual([]);
  // Now the request arrives.
  await fetch(`${alertmanager.url}/api/v2/silences`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: held[0]!,
  });
  expect(await alertmanager.silences()).toHaveLength(1);
  await startKeeper({ db, alertmanagerUrl: front.url, job: 'by hand' }).look();
  expect(await alertmanager.silences()).toEqual([]);
});
