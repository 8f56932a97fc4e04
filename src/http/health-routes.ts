/** Owns the rows of the table of routes that belong to health and to the numbers of flows and messages. */
import {
  showHealth,
  showPerformance,
  showPriority,
  showResourceHistory,
  showResourceStatus,
  showResources,
  showScheduler,
  showTelegram,
} from './health-api.js';
import {
  HEALTH_SHOWN,
  PERFORMANCE_SHOWN,
  PRIORITY_SHOWN,
  RESOURCE_STATUS_SHOWN,
  RESOURCES_SHOWN,
  SCHEDULER_SHOWN,
  TELEGRAM_SHOWN,
} from './health-operations.js';
import {
  listAlerts,
  listBreakers,
  listChanges,
  listDaily,
  listFailures,
  showDashboard,
  showRates,
  showSummary,
} from './metrics-api.js';
import {
  ALERTS_LISTED,
  BREAKERS_LISTED,
  FAILURES,
  NUMBERS_DASHBOARD,
  ORDERS_DAILY,
  STATUS_CHANGES,
  SUCCESS_RATE,
  SUMMARY_SHOWN,
} from './metrics-operations.js';
import { RESOURCE_HISTORY_SHOWN } from './resource-history-operations.js';
import { type Route, rowOf } from './route.js';

/** Rows of health. `/health` asks for nothing, because whoever runs the process asks it; its details do. */
export const HEALTH_ROUTES: readonly Route[] = [
  rowOf('health', ['GET', '/health', 'none'], HEALTH_SHOWN, showHealth),
  rowOf('health', ['GET', '/health/scheduler', 'read'], SCHEDULER_SHOWN, showScheduler),
  rowOf('health', ['GET', '/health/resources', 'read'], RESOURCES_SHOWN, showResources),
  rowOf('health', ['GET', '/health/performance', 'read'], PERFORMANCE_SHOWN, showPerformance),
  rowOf('health', ['GET', '/health/priority', 'read'], PRIORITY_SHOWN, showPriority),
  rowOf('health', ['GET', '/resources/status', 'read'], RESOURCE_STATUS_SHOWN, showResourceStatus),
  rowOf('health', ['GET', '/resources/history', 'read'], RESOURCE_HISTORY_SHOWN, showResourceHistory),
  rowOf('health', ['GET', '/telegram/status', 'read'], TELEGRAM_SHOWN, showTelegram),
];

/** Rows of numbers. */
export const NUMBERS_ROUTES: readonly Route[] = [
  rowOf('numbers', ['GET', '/api/metrics/orders/daily', 'read'], ORDERS_DAILY, listDaily),
  rowOf('numbers', ['GET', '/api/metrics/status-changes', 'read'], STATUS_CHANGES, listChanges),
  rowOf('numbers', ['GET', '/api/metrics/notifications/success-rate', 'read'], SUCCESS_RATE, showRates),
  rowOf('numbers', ['GET', '/api/metrics/notifications/failures', 'read'], FAILURES, listFailures),
  rowOf('numbers', ['GET', '/api/metrics/summary', 'read'], SUMMARY_SHOWN, showSummary),
  rowOf('numbers', ['GET', '/api/metrics/dashboard', 'read'], NUMBERS_DASHBOARD, showDashboard),
  rowOf('numbers', ['GET', '/api/metrics/alerts', 'read'], ALERTS_LISTED, listAlerts),
  rowOf('numbers', ['GET', '/api/metrics/circuit-breakers', 'read'], BREAKERS_LISTED, listBreakers),
];
