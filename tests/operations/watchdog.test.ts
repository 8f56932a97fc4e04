/** Checks that the sign of life, with the labels that the bundled rule gives it, is no alert among the others. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { NotificationsConfig } from '../../src/config/notifications.js';
import { watchdogName } from '../../src/config/watchdog-name.js';
import { createMetrics } from '../../src/metrics/registry.js';
import { openMonitoring } from '../../src/monitoring-desk.js';
import { countFiring, FiringBoard } from '../../src/operations/health-firing.js';
import { alertGroupsBody } from '../../src/operations/monitoring-groups.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { WATCHDOG_LABELS } from './bundled-watchdog.js';
import { alert, facts, NOW } from './made-up-facts.js';
import { recent } from './made-up-monitoring.js';

const sign = alert(undefined, { labels: WATCHDOG_LABELS, fingerprint: 'f1' });
const other = { ...WATCHDOG_LABELS, alertname: 'Heartbeat' };
const heartbeat = alert(undefined, { labels: other, fingerprint: 'f2' });
const loud = alert('critical');

/** The part of the configuration that names the sign of life. */
function naming(alertname: string): NotificationsConfig {
  return { watchdog: { alertname, patienceMs: 1, pingUrlFile: undefined } } as NotificationsConfig;
}

describe('what fires', () => {
  it.each([
    ['the bundled name', undefined, [heartbeat, loud]],
    ['a name of the configuration', naming('Heartbeat'), [sign, loud]],
  ])('leaves out the sign of life: %s', async (_, notifications, left) => {
    const asked = { alerts: async () => [sign, heartbeat, loud] };
    const board = new FiringBoard(asked, watchdogName(notifications), () => NOW.getTime());
    await board.jobs()[0]!.run(new AbortController().signal, () => {});
    expect(board.report()).toEqual({ kind: 'known', at: NOW, alerts: left });
  });

  it('is nothing when only the sign of life does', async () => {
    const board = new FiringBoard({ alerts: async () => [sign] }, watchdogName(undefined), () => 0);
    await board.jobs()[0]!.run(new AbortController().signal, () => {});
    const report = board.report();
    expect(report.kind === 'known' && countFiring(report.alerts)).toEqual({
      critical: 0,
      error: 0,
      warning: 0,
      info: 0,
      muted: 0,
    });
  });
});

describe('groups of alerts', () => {
  const means = { mean_time_to_acknowledge_seconds: null, mean_time_to_resolve_seconds: null };

  async function groupsBody(notifications: NotificationsConfig | undefined) {
    const told = [sign, heartbeat, loud].map(({ labels, fingerprint }) => ({
      receiver: { name: 'oncall' },
      labels: { alertname: labels.alertname },
      alerts: [
        { labels, fingerprint, annotations: {}, startsAt: NOW.toISOString(), status: { state: 'active' } },
      ],
    }));
    const server = createServer((_request, response) => response.end(JSON.stringify(told)));
    server.listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const events = [sign, heartbeat, loud].map(({ labels, fingerprint }) => ({
      ...{ alertname: labels.alertname, labels, fingerprint },
      ...{ starts_at: NOW.toISOString(), ends_at: NOW.toISOString(), received_at: NOW.toISOString() },
    }));
    const { alertGroups } = openMonitoring({
      config: { prometheusUrl: undefined, alertmanagerUrl: url, notifications },
      metrics: createMetrics({ processMetrics: 'omit' }),
      logger: createLogger({ stream: { write() {} }, now: () => 0, repeatMs: 0 }).named('http'),
      facts: facts(),
      recentMoves: () => recent,
      alerts: { history: async () => ({ events, total: 3, ...means }) },
      maintenance: undefined,
      wallMs: () => NOW.getTime(),
    });
    return alertGroupsBody(await alertGroups!(new AbortController().signal), NOW);
  }

  it.each([
    ['the bundled name', undefined, ['FlowStalled', 'Heartbeat']],
    ['a name of the configuration', naming('Heartbeat'), ['FlowStalled', 'Watchdog']],
  ])('leave out the sign of life, firing or over: %s', async (_, notifications, left) => {
    const body = await groupsBody(notifications);
    expect(body.active_groups.map((group) => group.alert_type).sort()).toEqual(left);
    expect(body.resolved_groups!.map((group) => group.alert_type).sort()).toEqual(left);
    expect(body.statistics).toMatchObject({ active_groups: 2, active_alerts: 2, resolved_last_24h: 2 });
  });
});
