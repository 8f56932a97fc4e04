/** Proves that planned work which does not end is heard of: its series tells its beginning, and its own silence leaves its alert out. */
import { expect, it } from 'vitest';
import { readMaintenance } from '../../src/alerts/silence.js';
import { eventually } from '../harness/exporter.js';
import { plainAlertmanager } from '../notifications/chat.js';
import { freshStore } from '../notifications/relay.js';
import { readRules } from '../rules/rule-files.js';
import { startKeeper, TOKENS } from './keeper.js';

it('tells since when it is on, however often it is asked for again, and nothing once it is over', async () => {
  const { db, fresh } = await freshStore();
  const alertmanager = await plainAlertmanager();
  const one = startKeeper({ db, alertmanagerUrl: alertmanager.url, job: 'by hand' });
  const since = async () => (await one.samples('maintenance_since_timestamp_seconds')).get('window="manual"');
  expect(await since()).toBeUndefined();
  const { wish } = await one.http.enable(TOKENS);
  expect(await since()).toBe(wish.startsAtMs / 1000);
  await fresh.sql`update flowgauge.maintenance_wishes set starts_at = starts_at - interval '30 hours'`;
  await one.http.enable({ ...TOKENS, minutes: 120 });
  expect(await since()).toBeCloseTo(wish.startsAtMs / 1000 - 30 * 3_600, 1);
  // Of two the older one counts; a silence that is no maintenance does not.
  await one.http.enable({ ...TOKENS, matchers: [{ name: 'flow', value: 'orders', isEqual: true }] });
  await fresh.sql`insert into flowgauge.maintenance_wishes (tag, kind, name, matchers, matchers_key, owner, reason, starts_at, until)
    select 'flowgauge-0', 'resolve', name, matchers, 'other', owner, reason, '2020-01-01', until
      from flowgauge.maintenance_wishes limit 1`;
  await one.look();
  expect(await since()).toBeCloseTo(wish.startsAtMs / 1000 - 30 * 3_600, 1);
  await one.http.disable('chief');
  expect(await since()).toBeUndefined();
});

it('mutes what it is about, and not the alert of the bundle that says how long', async () => {
  const rule = readRules().find(({ name }) => name === 'MaintenanceLong')!;
  const { db } = await freshStore();
  const alertmanager = await plainAlertmanager();
  const { http } = startKeeper({ db, alertmanagerUrl: alertmanager.url, job: 'by hand' });
  await alertmanager.post({ alertname: 'FlowStalled', job: 'flowgauge', severity: 'warning' });
  await alertmanager.post({
    alertname: rule.name,
    job: 'flowgauge',
    window: 'manual',
    ...rule.labels,
  });
  const chatWish = readMaintenance('2h severity="warning"', 'Watchdog');
  for (const matchers of [http.defaultMatchers(), chatWish.ok ? chatWish.matchers : []]) {
    const { state } = await http.enable({ ...TOKENS, matchers });
    expect(state).toBe('active');
  }
  const states = async () => {
    const answer = await fetch(`${alertmanager.url}/api/v2/alerts`, { signal: AbortSignal.timeout(5_000) });
    const alerts = (await answer.json()) as { labels: { alertname: string }; status: { state: string } }[];
    return Object.fromEntries(alerts.map(({ labels, status }) => [labels.alertname, status.state]));
  };
  const seen = await eventually(states, (all) => all.FlowStalled === 'suppressed');
  expect(seen).toEqual({ FlowStalled: 'suppressed', MaintenanceLong: 'active' });
});
