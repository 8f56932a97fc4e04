/** Checks the groups of alerts: those that fire, those that are over, and what part they are about. */
import { describe, expect, it } from 'vitest';
import { componentOf } from '../../src/alerts/component.js';
import { alertGroupsBody } from '../../src/operations/monitoring-groups.js';
import { alert, NOW } from './made-up-facts.js';

describe('groups of alerts', () => {
  const minute = (n: number) => NOW.getTime() - n * 60_000;
  const first = alert('critical', { startsAtMs: minute(10), fingerprint: 'a' });
  const second = alert('critical', { startsAtMs: minute(5), fingerprint: 'b', isMuted: true });

  it('tells those that fire, as Alertmanager groups them', () => {
    const active = [
      { receiver: 'oncall', labels: { alertname: 'FlowStalled', flow: 'tokens' }, alerts: [first, second] },
      { receiver: 'log', labels: {}, alerts: [first] },
      { receiver: 'none', labels: {}, alerts: [] },
    ];
    const body = alertGroupsBody(
      { active, ended: undefined, isEndedComplete: true, maintenanceUntilMs: undefined },
      NOW,
    );
    expect(body.active_groups[0]).toEqual({
      group_id: 'oncall{alertname="FlowStalled",flow="tokens"}',
      alert_type: 'FlowStalled',
      component: 'tokens',
      severity: 'critical',
      count: 2,
      muted: 1,
      first_occurrence: '2026-01-02T02:54:05.000Z',
      last_occurrence: '2026-01-02T02:59:05.000Z',
      summary: 'tokens does not move',
      receiver: 'oncall',
    });
    expect(body.statistics).toEqual({
      active_groups: 2,
      active_alerts: 2,
      resolved_last_24h: null,
      total_groups: 2,
      complete: null,
      maintenance_mode: false,
      maintenance_until: null,
    });
    expect(body.resolved_groups).toBeNull();
  });

  it('tells those that are over by name and part, and until when work is planned', () => {
    const ended = (fingerprint: string, instance: string, from: number, to: number) => ({
      alertname: 'CpuHigh',
      labels: { instance },
      fingerprint,
      startsAtMs: minute(from),
      endsAtMs: minute(to),
    });
    const body = alertGroupsBody(
      {
        active: [],
        ended: [ended('a', 'x:1', 60, 50), ended('a', 'x:1', 40, 30), ended('b', 'y:1', 20, 10)],
        isEndedComplete: false,
        maintenanceUntilMs: minute(-60),
      },
      NOW,
    );
    expect(body.resolved_groups).toEqual([
      expect.objectContaining({ component: 'y:1', count: 1, duration_minutes: 10 }),
      {
        group_id: '{alertname="CpuHigh",component="x:1"}',
        alert_type: 'CpuHigh',
        component: 'x:1',
        count: 2,
        resolved_at: '2026-01-02T02:34:05.000Z',
        duration_minutes: 30,
      },
    ]);
    expect(body.statistics).toMatchObject({
      resolved_last_24h: 2,
      total_groups: 2,
      complete: false,
      maintenance_mode: true,
      maintenance_until: '2026-01-02T04:04:05.000Z',
    });
  });

  it('finds the part by the most particular label', () => {
    expect(componentOf({ job: 'flowgauge', instance: 'a:1', flow: 'tokens' })).toBe('tokens');
    expect(componentOf({ instance: 'a:1', job: 'flowgauge' })).toBe('a:1');
    expect(componentOf({ alertname: 'Watchdog', flow: '' })).toBe('none');
  });
});
