/** Owns the rows of the table of routes that belong to monitoring and to the days of flows. */
import { recordLook } from './admin-api.js';
import { showDaily, showTransitions } from './flow-api.js';
import { DAILY_SHOWN, TRANSITIONS_SHOWN } from './flow-operations.js';
import {
  showAlertGroups,
  showDashboard,
  showHistory,
  showRecommendations,
  showSuggestions,
  showSystemHealth,
  showTokenFlow,
} from './monitoring-api.js';
import {
  ALERT_GROUPS_SHOWN,
  DASHBOARD_SHOWN,
  HISTORY_SHOWN,
  RECOMMENDATIONS_SHOWN,
  SUGGESTIONS_SHOWN,
  SYSTEM_HEALTH_SHOWN,
  TOKEN_FLOW_SHOWN,
} from './monitoring-operations.js';
import { type Route, rowOf } from './route.js';

/** Rows of the days of a flow. */
export const DAY_ROUTES: readonly Route[] = [
  {
    ...{ method: 'GET', path: '/api/flows/:flow/transitions', role: 'read', needs: 'flowDays' },
    operation: TRANSITIONS_SHOWN,
    handle: showTransitions,
  },
  {
    ...{ method: 'GET', path: '/api/flows/:flow/daily', role: 'read', needs: 'flowDays' },
    operation: DAILY_SHOWN,
    handle: showDaily,
  },
];

/** Rows of monitoring. Recommendations are for whoever may act on them, and not there until that is enabled. */
export const MONITORING_ROUTES: readonly Route[] = [
  rowOf('monitoring', ['GET', '/api/monitoring/dashboard', 'read'], DASHBOARD_SHOWN, showDashboard),
  rowOf('monitoring', ['GET', '/api/monitoring/tokens/flow', 'read'], TOKEN_FLOW_SHOWN, showTokenFlow),
  rowOf(
    'monitoring',
    ['GET', '/api/monitoring/system/health', 'read'],
    SYSTEM_HEALTH_SHOWN,
    showSystemHealth,
  ),
  rowOf('monitoring', ['GET', '/api/monitoring/performance/history', 'read'], HISTORY_SHOWN, showHistory),
  rowOf('monitoring', ['GET', '/api/monitoring/alerts/groups', 'read'], ALERT_GROUPS_SHOWN, showAlertGroups),
  rowOf(
    'monitoring',
    ['GET', '/api/monitoring/thresholds/suggestions', 'read'],
    SUGGESTIONS_SHOWN,
    showSuggestions,
  ),
  {
    ...{ method: 'GET', path: '/admin/performance/recommendations', role: 'admin', needs: 'admin' },
    operation: RECOMMENDATIONS_SHOWN,
    handle: async ({ admin, monitoring }, request) => {
      await recordLook(admin!, request, '/admin/performance/recommendations');
      return showRecommendations(monitoring);
    },
  },
];
