/** Owns what an alert is once it has arrived: a group of alerts as Alertmanager tells it, in plain values. */

/** Whether the alert holds. */
export const alertStatuses = ['firing', 'resolved'] as const;
/** Whether the alert holds. */
export type AlertStatus = (typeof alertStatuses)[number];

/** One alert of a group. Moments are milliseconds since the epoch. */
export interface Alert {
  readonly status: AlertStatus;
  readonly fingerprint: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAtMs: number;
  /** Undefined while it fires. */
  readonly endsAtMs: number | undefined;
  /** The expression in Prometheus; empty when there is none. */
  readonly generatorUrl: string;
}

/** One notification of Alertmanager: all alerts of one group that are not muted, as they are now. */
export interface AlertBatch {
  readonly groupKey: string;
  readonly receiver: string;
  /** `resolved` when none of the group's alerts fires any more. */
  readonly status: AlertStatus;
  readonly groupLabels: Readonly<Record<string, string>>;
  /** Where Alertmanager is reached, for the link that silences; empty when it said none. */
  readonly externalUrl: string;
  /** Alerts of the group that Alertmanager left out of `alerts`. */
  readonly truncatedAlerts: number;
  readonly alerts: readonly Alert[];
  /** Set on a word of our own: it says of its alerts that they are over, and nothing of the others of the group. */
  readonly own?: {
    /** Who called them resolved; undefined when nobody did. */
    readonly resolvedBy: string | undefined;
  };
}

/** The name of an alert, and what stands in its place when it has none. */
export function alertName(alert: Pick<Alert, 'labels'>): string {
  return alert.labels.alertname ?? 'unnamed';
}

/** Severities from the most urgent; everything else counts as the one before `info`. */
export const severities = ['critical', 'error', 'warning', 'info'] as const;
/** How urgent. */
export type Severity = (typeof severities)[number];

/** The severity of an alert; one that is missing or unknown counts as `warning`, so that it is not silent. */
export function severityOf(alert: Pick<Alert, 'labels'>): Severity {
  return severities.find((severity) => severity === alert.labels.severity) ?? 'warning';
}
