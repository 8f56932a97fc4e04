/** Proves that an alert which somebody calls resolved is silenced, it alone, until it is over. */
import { describe, expect, it } from 'vitest';
import { eventually } from '../harness/exporter.js';
import { plainAlertmanager } from '../notifications/chat.js';
import { freshStore } from '../notifications/relay.js';
import { startKeeper } from './keeper.js';

const FIRING = { alertname: 'FlowStalled', flow: 'tokens', severity: 'critical', job: 'flowgauge' };

async function arena() {
  const { db } = await freshStore();
  const alertmanager = await plainAlertmanager();
  return { alertmanager, ...startKeeper({ db, alertmanagerUrl: alertmanager.url, job: 'by hand' }) };
}

describe('an alert that somebody calls resolved', () => {
  const resolve = { component: 'tokens', alertType: 'FlowStalled', by: 'chief', reason: 'restarted' };

  it('is none when none such fires, or it is the sign of life', async () => {
    const it = await arena();
    await it.alertmanager.post(FIRING);
    await it.alertmanager.post({ alertname: 'Watchdog', job: 'tokens' });
    expect(await it.http.resolve({ ...resolve, component: 'orders' })).toBeUndefined();
    expect(await it.http.resolve({ ...resolve, alertType: 'FlowItemsStuck' })).toBeUndefined();
    expect(await it.http.resolve({ ...resolve, alertType: 'Watchdog' })).toBeUndefined();
    expect(await it.alertmanager.silences()).toEqual([]);
  });

  it('is not resolved with more than fifty others: nothing is silenced, and the remedy is told', async () => {
    const it = await arena();
    for (let part = 0; part < 50; part += 1) await it.alertmanager.post({ ...FIRING, part: `${part}` });
    await it.alertmanager.post({ ...FIRING, part: 'one more' });
    await expect(it.http.resolve(resolve)).rejects.toMatchObject({
      problem: {
        status: 409,
        code: 'TOO_MANY_ALERTS',
        detail: expect.stringContaining('51 alerts'),
        remedy: expect.stringContaining('/api/monitoring/maintenance/enable'),
      },
    });
    expect((await it.http.status()).wishes).toEqual([]);
    expect(await it.alertmanager.silences()).toEqual([]);
    await it.alertmanager.post({ ...FIRING, part: 'one more' }, 'ended');
    expect(await it.http.resolve(resolve)).toMatchObject({ alerts: 50 });
    expect((await it.http.status()).wishes).toHaveLength(50);
  });

  it('is silenced, it alone with its copies, until it is over', async () => {
    const { db } = await freshStore();
    const alertmanager = await plainAlertmanager();
    const it = startKeeper({ db, alertmanagerUrl: alertmanager.url, job: 'by hand', absentForMs: 0 });
    await alertmanager.post(FIRING);
    await alertmanager.post({ ...FIRING, tier: '2' });
    await alertmanager.post({ ...FIRING, flow: 'orders' });
    expect(await it.http.resolve(resolve)).toMatchObject({ alerts: 2, state: 'active' });
    const [silence, ...others] = await alertmanager.silences();
    expect(others).toEqual([]);
    expect(Object.fromEntries(silence!.matchers.map(({ name, value }) => [name, value]))).toEqual(FIRING);
    const muted = (await alertmanager.client.alerts([])).filter(({ isMuted }) => isMuted);
    expect(muted.map(({ labels }) => [labels.flow, labels.tier ?? '']).sort()).toEqual([
      ['tokens', ''],
      ['tokens', '2'],
    ]);
    await it.look();
    expect(await alertmanager.silences()).toHaveLength(1);
    await it.http.disable('chief');
    expect(await alertmanager.silences()).toHaveLength(1);
    await alertmanager.post(FIRING, 'ended');
    await alertmanager.post({ ...FIRING, tier: '2' }, 'ended');
    await eventually(
      async () => {
        await it.look();
        return alertmanager.silences();
      },
      (all) => all.length === 0,
    );
  });
});
