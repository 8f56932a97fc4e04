/** Proves what another configuration means for windows that are on: none is lost, and what a person ended stays ended. */
import { expect, it } from 'vitest';
import type { MaintenanceConfig } from '../../src/config/maintenance-schema.js';
import { BY_CONFIGURATION } from '../../src/maintenance/wish.js';
import { cancelWishes } from '../../src/maintenance/wish-store.js';
import type { Database } from '../../src/storage/database.js';
import { plainAlertmanager } from '../notifications/chat.js';
import { freshStore } from '../notifications/relay.js';
import { startKeeper } from './keeper.js';

const begin = new Date(Date.now() - 20 * 60_000);
const at = (hours: number) => `${begin.getUTCMinutes()} ${(begin.getUTCHours() + hours) % 24} * * *`;
const planned = (
  matchers: Readonly<Record<string, string>> | undefined,
  cron = at(0),
  ofAll: Readonly<Record<string, string>> = { job: 'flowgauge' },
): MaintenanceConfig => ({
  matchers: ofAll,
  windows: [{ name: 'nightly', cron, timeZone: 'UTC', durationMs: 3_600_000, matchers }],
});
const NONE: MaintenanceConfig = { matchers: { job: 'flowgauge' }, windows: [] };

async function world() {
  const { db } = await freshStore();
  const alertmanager = await plainAlertmanager();
  const one = startKeeper({ db, alertmanagerUrl: alertmanager.url, job: 'by hand' });
  const on = async () =>
    (await alertmanager.silences()).map(({ matchers }) => `${matchers[0]!.name}=${matchers[0]!.value}`);
  /** What Alertmanager holds once another configuration was taken and followed. */
  const after = async (config: MaintenanceConfig) => {
    one.keeper.take(config);
    await one.look();
    return on();
  };
  return { ...one, db, after };
}

it('a window that is taken out and put back is on again, however often its labels change', async () => {
  const { after, samples } = await world();
  const [a, b] = [planned({ flow: 'a' }), planned({ flow: 'b' })];
  expect(await after(a)).toEqual(['flow=a']);
  expect(await after(NONE)).toEqual([]);
  expect(await after(a)).toEqual(['flow=a']);
  expect(await after(b)).toEqual(['flow=b']);
  expect(await after(a)).toEqual(['flow=a']);
  expect((await samples('maintenance_active')).get('window="nightly"')).toBe(1);
  expect(await after(NONE)).toEqual([]);
});

it('a window that comes back before its end was carried out holds, and the end does not', async () => {
  const { after, db } = await world();
  await after(planned({ flow: 'a' }));
  // The first step of a pass without the others: Alertmanager has not heard of the end yet.
  expect(await cancelWishes(db, { kinds: ['window'] }, BY_CONFIGURATION)).toBe(1);
  expect(await after(planned({ flow: 'a' }))).toEqual(['flow=a']);
  expect(await after(planned({ flow: 'a' }))).toEqual(['flow=a']);
});

it('a window that a person ended for this time stays ended, whatever its labels become', async () => {
  const { after, http } = await world();
  await after(planned({ flow: 'a' }));
  expect(await http.disable('chief')).toMatchObject({ state: 'ended' });
  expect(await after(planned({ flow: 'b' }))).toEqual([]);
  expect(await after(NONE)).toEqual([]);
  expect(await after(planned({ flow: 'a' }))).toEqual([]);
});

it('so does one that was ended in Alertmanager', async () => {
  const { db } = await freshStore();
  const alertmanager = await plainAlertmanager();
  const { keeper, look } = startKeeper({ db, alertmanagerUrl: alertmanager.url, job: 'by hand' });
  keeper.take(planned({ flow: 'a' }));
  await look();
  const [silence] = await alertmanager.silences();
  await fetch(`${alertmanager.url}/api/v2/silence/${silence!.id}`, {
    method: 'DELETE',
    signal: AbortSignal.timeout(5_000),
  });
  await look();
  keeper.take(planned({ flow: 'b' }));
  await look();
  expect(await alertmanager.silences()).toEqual([]);
});

it('a window that is taken while a pass is under way is on after the next one', async () => {
  const { db } = await freshStore();
  const alertmanager = await plainAlertmanager();
  let asked = () => {};
  let answer: Promise<void> | undefined;
  const slow: Database = {
    ...db,
    run: async (name, deadlineMs, work) => {
      if (name === 'read clock') asked();
      if (name === 'read clock') await answer;
      return db.run(name, deadlineMs, work);
    },
    transaction: (...call) => db.transaction(...call),
    close: (deadlineMs) => db.close(deadlineMs),
  };
  const { keeper, look } = startKeeper({ db: slow, alertmanagerUrl: alertmanager.url, job: 'by hand' });
  keeper.take(planned(undefined, at(5)));
  const isAsked = new Promise<void>((resolve) => {
    asked = resolve;
  });
  let open = () => {};
  answer = new Promise((resolve) => {
    open = resolve;
  });
  const pass = look();
  await isAsked;
  keeper.take(planned(undefined, at(0)));
  open();
  await pass;
  await look();
  expect((await alertmanager.silences()).length).toBe(1);
});

it('labels that would silence the sign of life are not taken, and the ones before hold', async () => {
  const { keeper, http, after } = await world();
  const watchdog = { alertname: 'Watchdog' };
  const before = http.defaultMatchers();
  expect(before).not.toEqual([]);
  for (const wrong of [planned(undefined, at(0), watchdog), planned(watchdog)]) {
    expect(keeper.canTake(wrong)).toBe(false);
    expect(await after(wrong)).toEqual([]);
    expect(http.defaultMatchers()).toEqual(before);
    expect((await http.status()).windows).toEqual([]);
  }
  expect(keeper.canTake(planned({ flow: 'a' }))).toBe(true);
});
