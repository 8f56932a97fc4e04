/** Owns where the routes of monitoring get their answers: the facts of this process, and the two servers beside it. */
import { performance } from 'node:perf_hooks';
import { alertmanagerAt } from './alerts/alertmanager.js';
import type { ValidConfig } from './config/valid-config.js';
import { watchdogName } from './config/watchdog-name.js';
import type { AlertDeps } from './http/alert-api.js';
import type { MaintenanceDeps } from './http/maintenance-api.js';
import type { MonitoringDeps } from './http/monitoring-api.js';
import type { Metrics } from './metrics/registry.js';
import type { HealthFacts } from './operations/health-facts.js';
import type { MonitoringFacts } from './operations/monitoring-facts.js';
import type { AlertGroupsReport, EndedAlert } from './operations/monitoring-groups.js';
import { prometheusAt } from './operations/prometheus-client.js';
import { RECOMMENDATION_KINDS, recommendationsNow } from './operations/recommendations.js';
import { reportThresholds, type ThresholdReport } from './operations/suggestions-report.js';
import { readHistory } from './operations/trend-history.js';
import type { Logger } from './telemetry/logger.js';

/** Alerts that are over are told of for a day. */
const ENDED_MS = 24 * 3_600_000;
const MOST_ENDED = 1_000;

/** What the desk looks at. */
export interface MonitoringDeskOptions {
  readonly config: Pick<ValidConfig, 'prometheusUrl' | 'alertmanagerUrl' | 'notifications'>;
  readonly metrics: Pick<Metrics, 'startTime' | 'recommendations' | 'onScrape'>;
  readonly logger: Logger;
  readonly facts: HealthFacts;
  readonly recentMoves: MonitoringFacts['recentMoves'];
  /** Past alerts; undefined without a way to people. */
  readonly alerts: Pick<AlertDeps, 'history'> | undefined;
  /** Planned work; undefined without an Alertmanager. */
  readonly maintenance: Pick<MaintenanceDeps, 'status'> | undefined;
  /** Wall clock in milliseconds. */
  readonly wallMs: () => number;
}

/** What stands behind the routes of monitoring. */
export function openMonitoring(options: MonitoringDeskOptions): MonitoringDeps {
  const { config, metrics, logger, facts, recentMoves, wallMs } = options;
  const startSeconds = performance.timeOrigin / 1000;
  metrics.startTime.set({}, startSeconds);
  const { prometheusUrl, alertmanagerUrl } = config;
  const prometheus = prometheusUrl === undefined ? undefined : prometheusAt(prometheusUrl);
  const known: MonitoringFacts = { ...facts, recentMoves };
  metrics.onScrape(() => {
    const now = recommendationsNow(known);
    for (const kind of RECOMMENDATION_KINDS)
      metrics.recommendations.set({ kind }, now.filter((one) => one.kind === kind).length);
  });
  const asked = () => ({ prometheus: prometheus!, startSeconds, nowMs: wallMs() });
  return {
    facts: known,
    history: prometheus === undefined ? undefined : (hours, signal) => readHistory(asked(), hours, signal),
    suggestions:
      prometheus === undefined
        ? undefined
        : shared(() => reportThresholds({ ...asked(), thresholds: facts.thresholds() })),
    alertGroups: alertmanagerUrl === undefined ? undefined : groupsAt(alertmanagerUrl, options),
    logger,
  };
}

/** One question at a time, whose answer everybody gets who asks meanwhile: each reads a week of two dozen series. */
function shared(ask: () => Promise<readonly ThresholdReport[]>): () => Promise<readonly ThresholdReport[]> {
  let running: Promise<readonly ThresholdReport[]> | undefined;
  return () => {
    running ??= ask().finally(() => {
      running = undefined;
    });
    return running;
  };
}

function groupsAt(
  url: string,
  { config, alerts, maintenance, wallMs }: MonitoringDeskOptions,
): (signal: AbortSignal) => Promise<AlertGroupsReport> {
  const alertmanager = alertmanagerAt(url);
  const watchdog = watchdogName(config.notifications);
  return async (signal) => {
    const [active, past, work] = await Promise.all([
      alertmanager.groups(signal),
      alerts?.history({
        alertname: undefined,
        status: 'resolved',
        sinceMs: wallMs() - ENDED_MS,
        untilMs: undefined,
        limit: MOST_ENDED,
        deliveries: 'left out',
      }),
      maintenance?.status(),
    ]);
    const until = work?.wishes.filter(({ kind }) => kind !== 'resolve').map(({ untilMs }) => untilMs) ?? [];
    return {
      active: active.map((group) => ({
        ...group,
        alerts: group.alerts.filter(({ labels }) => labels.alertname !== watchdog),
      })),
      ended: past?.events.map(endedOf).filter(({ alertname }) => alertname !== watchdog),
      isEndedComplete: past === undefined || past.events.length >= past.total,
      maintenanceUntilMs: until.length === 0 ? undefined : Math.max(...until),
    };
  };
}

function endedOf(event: Readonly<Record<string, unknown>>): EndedAlert {
  const { alertname, labels, fingerprint, starts_at: start, ends_at: end, received_at: received } = event;
  return {
    alertname: String(alertname),
    labels: (labels ?? {}) as Readonly<Record<string, string>>,
    fingerprint: String(fingerprint),
    startsAtMs: Date.parse(String(start)),
    endsAtMs: Date.parse(String(end ?? received)),
  };
}
