/** Owns the table of all routes: method, path, role, description and handler of each stand in one row. */
import type { Role } from '../access/role.js';
import { type AdminDeps, reloadConfig, resetBreakers } from './admin-api.js';
import { BREAKERS_RESET, CONFIG_RELOADED } from './admin-operations.js';
import { type AlertDeps, listDead, listHistory, redriveDead, takeWebhook } from './alert-api.js';
import { DEAD_LISTED, DEAD_REDRIVEN, HISTORY_LISTED, WEBHOOK_TAKEN } from './alert-operations.js';
import { type Answer, type FaceRequest, jsonAnswer, textAnswer } from './answer.js';
import type { HttpDeps } from './deps.js';
import { listFlows, showFlow, showStuck } from './flow-api.js';
import { FLOW_SHOWN, FLOWS_LIST, STUCK_SHOWN } from './flow-operations.js';
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
import { checkTelemetryPath, type Route, SCRAPE_PATH } from './route.js';
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
  ofAlerts('POST', '/api/alerts/webhook', 'ingest', WEBHOOK_TAKEN, takeWebhook),
  ofAlerts('GET', '/api/alerts/history', 'read', HISTORY_LISTED, listHistory),
  ofAlerts('GET', '/api/notifications/dead', 'read', DEAD_LISTED, listDead),
  ofAlerts('POST', '/api/notifications/dead/redrive', 'ingest', DEAD_REDRIVEN, redriveDead),
  ofAdmin('/admin/circuit-breaker/reset', BREAKERS_RESET, resetBreakers),
  ofAdmin('/-/reload', CONFIG_RELOADED, reloadConfig),
];

/** The routes of this process. A telemetry path of `/` takes the place of the landing page. Throws RouteError. */
export function routeTable(deps: Pick<HttpDeps, 'telemetryPath' | 'alerts' | 'admin'>): readonly Route[] {
  const { telemetryPath } = deps;
  const isScrape = ({ path }: Route) => path === SCRAPE_PATH;
  const rows = ROUTES.filter(({ needs }) => needs === undefined || deps[needs] !== undefined);
  const others = rows.filter((row) => !isScrape(row) && !(row.path === '/' && telemetryPath === '/'));
  checkTelemetryPath(telemetryPath, others);
  return [...others, ...rows.filter(isScrape).map((row) => ({ ...row, path: telemetryPath }))];
}

function openApiOf(deps: HttpDeps): unknown {
  return openApiDocument(routeTable(deps), deps.buildInfo.version);
}

function get(path: string, role: Role, operation: Operation, handle: Route['handle']): Route {
  return { method: 'GET', path, role, operation, handle };
}

/** Without a way to people there is nothing to promise, so these paths do not exist. */
function ofAlerts(
  method: Route['method'],
  path: string,
  role: Role,
  operation: Operation,
  handle: (deps: AlertDeps, request: FaceRequest) => Promise<Answer>,
): Route {
  return {
    method,
    path,
    role,
    needs: 'alerts',
    operation,
    handle: ({ alerts }, request) => handle(alerts!, request),
  };
}

/** Not there until the configuration enables them; never by GET, which any page can make a browser send. */
function ofAdmin(
  path: string,
  operation: Operation,
  handle: (deps: AdminDeps, request: FaceRequest) => Promise<Answer>,
): Route {
  return {
    method: 'POST',
    path,
    role: 'admin',
    needs: 'admin',
    operation,
    handle: ({ admin }, request) => handle(admin!, request),
  };
}
