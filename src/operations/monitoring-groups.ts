/** Owns the groups of alerts: those that fire, as Alertmanager groups them, and those of the last day that are over. */
import type { AlertGroup } from '../alerts/alertmanager.js';
import { componentOf } from '../alerts/component.js';

const MINUTE_MS = 60_000;

/** One alert that is over, as the history has it. Moments are milliseconds since the epoch. */
export interface EndedAlert {
  readonly alertname: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly fingerprint: string;
  readonly startsAtMs: number;
  readonly endsAtMs: number;
}

/** What was read. */
export interface AlertGroupsReport {
  readonly active: readonly AlertGroup[];
  /** Of the last 24 hours; undefined when no history is kept. */
  readonly ended: readonly EndedAlert[] | undefined;
  /** False when there were more than `ended` has. */
  readonly isEndedComplete: boolean;
  /** Until when alerts are silenced for planned work; undefined when they are not. */
  readonly maintenanceUntilMs: number | undefined;
}

/** The body of `/api/monitoring/alerts/groups`. */
export function alertGroupsBody(
  { active, ended, isEndedComplete, maintenanceUntilMs }: AlertGroupsReport,
  now: Date,
) {
  const groups = active.filter(({ alerts }) => alerts.length > 0).map(activeJson);
  const resolved = ended === undefined ? null : resolvedJson(ended);
  return {
    timestamp: now.toISOString(),
    active_groups: groups,
    resolved_groups: resolved,
    statistics: {
      active_groups: groups.length,
      active_alerts: new Set(active.flatMap(({ alerts }) => alerts.map(({ fingerprint }) => fingerprint)))
        .size,
      resolved_last_24h: resolved?.length ?? null,
      total_groups: groups.length + (resolved?.length ?? 0),
      complete: ended === undefined ? null : isEndedComplete,
      maintenance_mode: maintenanceUntilMs !== undefined,
      maintenance_until: maintenanceUntilMs === undefined ? null : momentOf(maintenanceUntilMs),
    },
    status: 'ok' as const,
  };
}

function activeJson({ receiver, labels, alerts }: AlertGroup) {
  const first = alerts[0]!;
  const starts = alerts.map(({ startsAtMs }) => startsAtMs);
  return {
    group_id: groupId(receiver, labels),
    alert_type: labels.alertname ?? first.labels.alertname ?? 'none',
    component: componentOf({ ...sharedLabels(alerts.map((alert) => alert.labels)), ...labels }),
    severity: sharedLabels(alerts.map((alert) => alert.labels)).severity ?? null,
    count: alerts.length,
    muted: alerts.filter(({ isMuted }) => isMuted).length,
    first_occurrence: momentOf(Math.min(...starts)),
    last_occurrence: momentOf(Math.max(...starts)),
    summary: first.annotations.summary ?? first.labels.alertname ?? '',
    receiver,
  };
}

/** Alerts of one name and one part are one group; an alert that came and went several times counts each time. */
function resolvedJson(ended: readonly EndedAlert[]) {
  const groups = new Map<string, { type: string; component: string; alerts: EndedAlert[] }>();
  // An alert that went to two receivers is in the history twice.
  const once = new Map(ended.map((alert) => [`${alert.fingerprint} ${alert.startsAtMs}`, alert]));
  for (const alert of once.values()) {
    const component = componentOf(alert.labels);
    const key = JSON.stringify([alert.alertname, component]);
    const group = groups.get(key) ?? { type: alert.alertname, component, alerts: [] };
    group.alerts.push(alert);
    groups.set(key, group);
  }
  return [...groups.values()]
    .map(({ type, component, alerts }) => {
      const endMs = Math.max(...alerts.map(({ endsAtMs }) => endsAtMs));
      const startMs = Math.min(...alerts.map(({ startsAtMs }) => startsAtMs));
      return {
        group_id: groupId('', { alertname: type, component }),
        alert_type: type,
        component,
        count: alerts.length,
        resolved_at: momentOf(endMs),
        duration_minutes: Math.round(((endMs - startMs) / MINUTE_MS) * 10) / 10,
      };
    })
    .sort((a, b) => (a.resolved_at < b.resolved_at ? 1 : -1));
}

/** As Alertmanager writes a group: the receiver and the labels that it is grouped by. */
function groupId(receiver: string, labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return `${receiver}{${pairs.join(',')}}`;
}

function sharedLabels(all: readonly Readonly<Record<string, string>>[]): Readonly<Record<string, string>> {
  const [first = {}, ...others] = all;
  return Object.fromEntries(
    Object.entries(first).filter(([name, value]) => others.every((labels) => labels[name] === value)),
  );
}

function momentOf(ms: number): string {
  return new Date(ms).toISOString();
}
