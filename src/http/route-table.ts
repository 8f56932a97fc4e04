/** Owns the table of all routes: method, path, role, description and handler of each stand in one row. */
import type { Role } from '../access/role.js';
import { reloadConfig, resetBreakers } from './admin-api.js';
import { BREAKERS_RESET, CONFIG_RELOADED } from './admin-operations.js';
import { listDead, listHistory, redriveDead, takeWebhook } from './alert-api.js';
import { DEAD_LISTED, DEAD_REDRIVEN, HISTORY_LISTED, WEBHOOK_TAKEN } from './alert-operations.js';
import { type Answer, jsonAnswer, textAnswer } from './answer.js';
import type { HttpDeps } from './deps.js';
import { listFlows, showFlow, showStuck } from './flow-api.js';
import { FLOW_SHOWN, FLOWS_LIST, STUCK_SHOWN } from './flow-operations.js';
import { HEALTH_ROUTES, NUMBERS_ROUTES } from './health-routes.js';
import { MAINTENANCE_ROUTES } from './maintenance-routes.js';
import { DAY_ROUTES, MONITORING_ROUTES } from './monitoring-routes.js';
import { openApiDocument } from './openapi.js';
import type { Operation } from './operation.js';
import {
  alive,
  LANDING_SHOWN,
  OPENAPI_SHOWN,
  RUNBOOK_SHOWN,
  RUNBOOKS_LISTED,
  ready,
  SCRAPED,
} from './page-operations.js';
import { landingAnswer, readinessAnswer } from './pages.js';
import { type Part, type Route, rowOf, SCRAPE_PATH } from './route.js';
import { listRunbooks, showRunbook } from './runbooks.js';

const live = (): Answer => textAnswer(200, 'alive\n');

/** Every route there is. */
export const ROUTES: readonly Route[] = [
  get('/', 'read', LANDING_SHOWN, landingAnswer),
  get(SCRAPE_PATH, 'scrape', SCRAPED, (deps, { headers }) => deps.scrape(headers)),
  get('/-/healthy', 'none', alive('healthy'), live),
  get('/healthz', 'none', alive('healthz'), live),
  get('/livez', 'none', alive('livez'), live),
  get('/-/ready', 'none', ready('ready'), readinessAnswer),
  get('/readyz', 'none', ready('readyz'), readinessAnswer),
  get('/openapi.json', 'read', OPENAPI_SHOWN, (deps) => jsonAnswer(200, openApiOf(deps))),
  get('/runbooks', 'read', RUNBOOKS_LISTED, (deps) => listRunbooks(deps)),
  get('/runbooks/:alert', 'read', RUNBOOK_SHOWN, showRunbook),
  get('/api/flows', 'read', FLOWS_LIST, (deps) => listFlows(deps)),
  get('/api/flows/:flow', 'read', FLOW_SHOWN, showFlow),
  get('/api/flows/:flow/stuck', 'read', STUCK_SHOWN, showStuck),
  ...DAY_ROUTES,
  ...HEALTH_ROUTES,
  ...NUMBERS_ROUTES,
  ...MONITORING_ROUTES,
  rowOf('alerts', ['POST', '/api/alerts/webhook', 'ingest'], WEBHOOK_TAKEN, takeWebhook),
  rowOf('alerts', ['GET', '/api/alerts/history', 'read'], HISTORY_LISTED, listHistory),
  rowOf('alerts', ['GET', '/api/notifications/dead', 'read'], DEAD_LISTED, listDead),
  rowOf('alerts', ['POST', '/api/notifications/dead/redrive', 'ingest'], DEAD_REDRIVEN, redriveDead),
  ...MAINTENANCE_ROUTES,
  rowOf('admin', ['POST', '/admin/circuit-breaker/reset', 'admin'], BREAKERS_RESET, resetBreakers),
  rowOf('admin', ['POST', '/-/reload', 'admin'], CONFIG_RELOADED, reloadConfig),
];

/** The routes of this process; the configuration has refused a telemetry path that one of them has. */
export function routeTable(deps: Pick<HttpDeps, 'telemetryPath' | Part>): readonly Route[] {
  const { telemetryPath } = deps;
  const rows = ROUTES.filter(({ needs }) => needs === undefined || deps[needs] !== undefined);
  return rows.map((row) => (row.path === SCRAPE_PATH ? { ...row, path: telemetryPath } : row));
}

function openApiOf(deps: HttpDeps): unknown {
  return openApiDocument(routeTable(deps), deps.buildInfo.version);
}

function get(path: string, role: Role, operation: Operation, handle: Route['handle']): Route {
  return { method: 'GET', path, role, operation, handle };
}
