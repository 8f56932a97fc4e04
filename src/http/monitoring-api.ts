/** Owns the HTTP of monitoring: one flow at a glance, the system, its history in Prometheus, groups of alerts, better thresholds. */
import { AlertmanagerError } from '../alerts/alertmanager.js';
import type { MonitoringFacts } from '../operations/monitoring-facts.js';
import { dashboardBody, tokenFlowBody } from '../operations/monitoring-flow.js';
import { type AlertGroupsReport, alertGroupsBody } from '../operations/monitoring-groups.js';
import { systemHealthBody } from '../operations/monitoring-system.js';
import { NoSeriesError } from '../operations/own-series.js';
import { PrometheusError } from '../operations/prometheus-client.js';
import { recommendationsBody } from '../operations/recommendations.js';
import { suggestionsBody } from '../operations/suggestions-body.js';
import type { ThresholdReport } from '../operations/suggestions-report.js';
import { historyBody } from '../operations/trend-body.js';
import { MAX_HISTORY_HOURS, type PerformanceHistory } from '../operations/trend-history.js';
import type { Logger } from '../telemetry/logger.js';
import { type Answer, type FaceRequest, jsonAnswer } from './answer.js';
import { flowOf } from './counted-flow.js';
import { type HttpProblem, notConfigured, unavailable } from './problem.js';
import { wholeNumber } from './query-number.js';

const DEFAULT_HOURS = 24;
/** The usual flow, where nobody names one. */
const USUAL_FLOW = 'tokens';

/** What stands behind the routes of monitoring. A part that is undefined is not configured. */
export interface MonitoringDeps {
  readonly facts: MonitoringFacts;
  /** Asks Prometheus; rejects with PrometheusError or NoSeriesError. */
  readonly history: ((hours: number, signal: AbortSignal) => Promise<PerformanceHistory>) | undefined;
  /** Asks Prometheus; rejects like `history`. Several at once share one question. */
  readonly suggestions: (() => Promise<readonly ThresholdReport[]>) | undefined;
  /** Asks Alertmanager, and the store for those that are over; rejects with AlertmanagerError, or as the store does. */
  readonly alertGroups: ((signal: AbortSignal) => Promise<AlertGroupsReport>) | undefined;
  readonly logger: Pick<Logger, 'warn'>;
}

/** `GET /api/monitoring/dashboard?flow=` */
export function showDashboard({ facts }: MonitoringDeps, request: FaceRequest): Answer {
  return jsonAnswer(200, dashboardBody(facts, flowOf(facts, request.query, USUAL_FLOW)));
}

/** `GET /api/monitoring/tokens/flow?flow=` */
export function showTokenFlow({ facts }: MonitoringDeps, request: FaceRequest): Answer {
  return jsonAnswer(200, tokenFlowBody(facts, flowOf(facts, request.query, USUAL_FLOW)));
}

/** `GET /api/monitoring/system/health`; 503 when measuring is off. */
export function showSystemHealth({ facts }: MonitoringDeps): Answer {
  const body = systemHealthBody(facts);
  if (body === undefined) throw notConfigured('the machine is not measured', 'set resources.enabled: true');
  return jsonAnswer(200, body);
}

/** `GET /api/monitoring/performance/history?hours=24` */
export async function showHistory(deps: MonitoringDeps, request: FaceRequest): Promise<Answer> {
  const hours = wholeNumber(request.query, 'hours', {
    least: 1,
    most: MAX_HISTORY_HOURS,
    usual: DEFAULT_HOURS,
  });
  const { history, facts } = deps;
  if (history === undefined) throw NO_PROMETHEUS();
  const read = await answered(deps, () => history(hours, request.signal));
  return jsonAnswer(200, historyBody(read, facts.now()));
}

/** `GET /api/monitoring/thresholds/suggestions` */
export async function showSuggestions(deps: MonitoringDeps): Promise<Answer> {
  const { suggestions, facts } = deps;
  if (suggestions === undefined) throw NO_PROMETHEUS();
  const reports = await answered(deps, suggestions);
  return jsonAnswer(200, suggestionsBody(reports, facts.now()));
}

/** `GET /api/monitoring/alerts/groups` */
export async function showAlertGroups(deps: MonitoringDeps, request: FaceRequest): Promise<Answer> {
  const { alertGroups, facts } = deps;
  if (alertGroups === undefined) throw notConfigured('no Alertmanager is configured', 'set alertmanager.url');
  const groups = await answered(deps, () => alertGroups(request.signal));
  return jsonAnswer(200, alertGroupsBody(groups, facts.now()));
}

/** `GET /admin/performance/recommendations` */
export function showRecommendations(monitoring: MonitoringDeps | undefined): Answer {
  if (monitoring === undefined) throw notConfigured('nothing is watched', 'name a table in flows');
  return jsonAnswer(200, recommendationsBody(monitoring.facts));
}

const NO_PROMETHEUS = () => notConfigured('no Prometheus is configured', 'set prometheus.url');

/** What another server does not answer is its failure, told with its remedy, never an empty list. */
async function answered<T>({ logger }: MonitoringDeps, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const problem = problemOf(error);
    if (problem === undefined) throw error;
    logger.warn('a server beside us did not answer as needed', { err: error });
    throw problem;
  }
}

function problemOf(error: unknown): HttpProblem | undefined {
  if (error instanceof NoSeriesError)
    return unavailable(error.code, `Prometheus has ${error.what}`, error.remedy);
  if (error instanceof PrometheusError)
    return unavailable(
      error.code,
      `Prometheus did not answer as it must: ${error.detail}`,
      'look whether it runs, and at prometheus.url',
    );
  if (error instanceof AlertmanagerError)
    return unavailable(
      error.code,
      'Alertmanager did not answer as it must',
      'look whether it runs, and at alertmanager.url',
    );
  const { code } = error as { code?: unknown };
  if (typeof code !== 'string' || !code.startsWith('DATABASE_')) return undefined;
  return unavailable(
    'STORE_UNAVAILABLE',
    'the store did not answer',
    'try again; if it stays, see the readiness endpoint and the log',
  );
}
