/** Proves recurring windows on a real Alertmanager: on once per occurrence, changed and ended with the configuration. */
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { plainAlertmanager } from '../notifications/chat.js';
import { freshStore } from '../notifications/relay.js';
import { startKeeper } from './keeper.js';

describe('a recurring window', () => {
  const more =
    'maintenance: { windows: { nightly: { cron: "30 2 * * *", duration: 1h, time_zone: Europe/Berlin } } }';

  it('is on from its start to its end, once, with a positive condition', async () => {
    const { db, fresh } = await freshStore();
    const alertmanager = await plainAlertmanager();
    // Alertmanager and the store have the real clock, so the window is moved to it.
    const begin = new Date(Date.now() - 20 * 60_000);
    const cron = `${begin.getUTCMinutes()} ${begin.getUTCHours()} * * *`;
    const section = `maintenance: { windows: { nightly: { cron: "${cron}", duration: 1h } } }`;
    const it = startKeeper({ db, alertmanagerUrl: alertmanager.url, more: section, job: 'by hand' });
    await it.look();
    await it.look();
    const [silence, ...others] = await alertmanager.silences();
    expect(others).toEqual([]);
    expect(
      silence!.matchers.map(({ name, value, isEqual }) => `${name}${isEqual ? '=' : '!='}${value}`).sort(),
    ).toEqual(['alertname!=Watchdog', 'job=flowgauge', 'pipeline!=notifications', 'quiet!=never']);
    expect(silence!.comment).toMatch(/^Maintenance window nightly \[flowgauge-[0-9a-f]{12}\]$/);
    const minutesLeft = (Date.parse(silence!.endsAt) - Date.now()) / 60_000;
    expect(minutesLeft).toBeGreaterThan(37);
    expect(minutesLeft).toBeLessThan(41);
    expect((await it.samples('maintenance_active')).get('window="nightly"')).toBe(1);
    expect(await it.http.disable('chief')).toMatchObject({ wishes: [{ name: 'nightly' }], state: 'ended' });
    await it.look();
    expect(await alertmanager.silences()).toEqual([]);
    const rows = await fresh.sql`select count(*)::int as rows from flowgauge.maintenance_wishes`;
    expect(rows).toEqual([{ rows: 1 }]);
  });

  it('that the configuration no longer has is ended, and one that it changed is changed', async () => {
    const { db } = await freshStore();
    const alertmanager = await plainAlertmanager();
    const begin = new Date(Date.now() - 20 * 60_000);
    const cron = `${begin.getUTCMinutes()} ${begin.getUTCHours()} * * *`;
    const keeperWith = (windows: string) =>
      startKeeper({
        db,
        alertmanagerUrl: alertmanager.url,
        more: `maintenance: { windows: { ${windows} } }`,
        job: 'by hand',
      });
    await keeperWith(`nightly: { cron: "${cron}", duration: 1h }`).look();
    await keeperWith(`nightly: { cron: "${cron}", duration: 2h }`).look();
    const [longer, ...others] = await alertmanager.silences();
    expect(others).toEqual([]);
    expect((Date.parse(longer!.endsAt) - Date.now()) / 60_000).toBeGreaterThan(95);
    await keeperWith(`nightly: { cron: "${cron}", duration: 2h, matchers: { flow: tokens } }`).look();
    const [other, ...more2] = await alertmanager.silences();
    expect(more2).toEqual([]);
    expect(other!.matchers.some(({ name }) => name === 'flow')).toBe(true);
    const none = startKeeper({ db, alertmanagerUrl: alertmanager.url, job: 'by hand' });
    await none.look();
    await none.look();
    expect(await alertmanager.silences()).toEqual([]);
  });

  it('that is put in force while it runs begins at the next look, and ends when it is taken out', async () => {
    const { db } = await freshStore();
    const alertmanager = await plainAlertmanager();
    const begin = new Date(Date.now() - 20 * 60_000);
    const at = (hours: number) => `${begin.getUTCMinutes()} ${(begin.getUTCHours() + hours) % 24} * * *`;
    const planned = (section: string) =>
      parseConfig(
        `source: { url: postgres://nobody@127.0.0.1/none }\nalertmanager: { url: "${alertmanager.url}" }\nmaintenance: { ${section} }\n`,
        { env: {} },
      ).maintenance;
    const it = startKeeper({
      db,
      alertmanagerUrl: alertmanager.url,
      more: `maintenance: { windows: { nightly: { cron: "${at(5)}", duration: 1h } } }`,
      job: 'by hand',
    });
    await it.look();
    expect(await alertmanager.silences()).toEqual([]);
    // The same name at another time: what was remembered of it must not count any more.
    it.keeper.take(
      planned(
        `matchers: { job: shop }, windows: { nightly: { cron: "${at(0)}", duration: 1h }, weekly: { cron: "${at(5)}", duration: 1h } }`,
      ),
    );
    await it.look();
    const [silence, ...others] = await alertmanager.silences();
    expect(others).toEqual([]);
    expect(silence!.matchers).toContainEqual(expect.objectContaining({ name: 'job', value: 'shop' }));
    expect(it.http.defaultMatchers()).toContainEqual({ name: 'job', value: 'shop', isEqual: true });
    expect((await it.http.status()).windows.map(({ name }) => name)).toEqual(['nightly', 'weekly']);
    expect([...(await it.samples('maintenance_active'))]).toEqual([
      ['window="manual"', 0],
      ['window="nightly"', 1],
      ['window="weekly"', 0],
    ]);
    it.keeper.take(planned('windows: {}'));
    await it.look();
    await it.look();
    expect(await alertmanager.silences()).toEqual([]);
    expect([...(await it.samples('maintenance_active'))]).toEqual([['window="manual"', 0]]);
  });

  it('begins and ends by the clock of the store, whatever ours says', async () => {
    const { db, fresh } = await freshStore();
    const alertmanager = await plainAlertmanager();
    const begin = new Date(Date.now() - 20 * 60_000);
    const cron = `${begin.getUTCMinutes()} ${begin.getUTCHours()} * * *`;
    const section = `maintenance: { windows: { nightly: { cron: "${cron}", duration: 1h } } }`;
    for (const aheadMs of [3_600_000, 0, 3_600_000, -3_600_000]) {
      const wallMs = () => Date.now() + aheadMs;
      const at = { db, alertmanagerUrl: alertmanager.url, more: section, wallMs, job: 'by hand' } as const;
      await startKeeper(at).look();
      expect([aheadMs, (await alertmanager.silences()).length]).toEqual([aheadMs, 1]);
    }
    const rows = await fresh.sql`select cancelled_by, ended_at from flowgauge.maintenance_wishes`;
    expect(rows).toEqual([{ cancelled_by: null, ended_at: null }]);
  });

  it('is shown with its next time when the clocks change', async () => {
    const wallMs = () => Date.parse('2026-03-28T12:00:00Z');
    const { db } = await freshStore();
    const it = startKeeper({ db, alertmanagerUrl: 'http://127.0.0.1:9', more, wallMs, job: 'by hand' });
    const [window] = (await it.http.status()).windows;
    expect(new Date(window!.next!.startsAtMs).toISOString()).toBe('2026-03-29T01:30:00.000Z');
    expect(await it.samples('maintenance_active')).toEqual(
      new Map([
        ['window="manual"', 0],
        ['window="nightly"', 0],
      ]),
    );
  });
});
