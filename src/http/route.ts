/** Owns the table of routes: a path that is not in it does not exist, a method that is not in it is refused. */

import { listDead, listHistory, redriveDead, takeWebhook } from './alert-api.js';
import { type Answer, type FaceRequest, jsonAnswer, textAnswer } from './answer.js';
import type { HttpDeps, Readiness } from './deps.js';
import { listFlows, showFlow, showStuck } from './flow-api.js';
import { landingPage } from './landing.js';
import { listRunbooks, showRunbook } from './runbooks.js';

/** One row. `path` is literal but for `:name`, which stands for one part; GET answers HEAD as well. */
export interface Route {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  handle(request: FaceRequest): Answer | Promise<Answer>;
}

/** `TELEMETRY_PATH_INVALID`: the configured path of the scrape cannot be served. */
export class RouteError extends Error {
  override readonly name = 'RouteError';
  readonly code = 'TELEMETRY_PATH_INVALID';
}

/** Asked every few seconds by whoever runs the process. */
export const HEALTH_PATHS: readonly string[] = ['/-/healthy', '/healthz', '/livez', '/-/ready', '/readyz'];

/** Every route there is. A telemetry path of `/` takes the place of the landing page. */
export function routeTable(deps: HttpDeps): readonly Route[] {
  const get = (path: string, handle: Route['handle']): Route => ({ method: 'GET', path, handle });
  const alive = (): Answer => textAnswer(200, 'alive\n');
  const ready = (): Answer => readinessAnswer(deps);
  const fixed = [
    get('/-/healthy', alive),
    get('/healthz', alive),
    get('/livez', alive),
    get('/-/ready', ready),
    get('/readyz', ready),
    get('/runbooks', () => listRunbooks(deps)),
    get('/runbooks/:alert', (request) => showRunbook(deps, request)),
    get('/api/flows', () => listFlows(deps)),
    get('/api/flows/:flow', (request) => showFlow(deps, request)),
    get('/api/flows/:flow/stuck', (request) => showStuck(deps, request)),
  ];
  fixed.push(...alertRoutes(deps));
  checkTelemetryPath(deps.telemetryPath, fixed);
  const scrape = get(deps.telemetryPath, (request) => deps.scrape(request.headers));
  if (deps.telemetryPath === '/') return [scrape, ...fixed];
  return [get('/', () => landingAnswer(deps)), scrape, ...fixed];
}

/** Without a way to people there is nothing to promise, so these paths do not exist. */
function alertRoutes({ alerts }: HttpDeps): readonly Route[] {
  if (alerts === undefined) return [];
  return [
    { method: 'POST', path: '/api/alerts/webhook', handle: (request) => takeWebhook(alerts, request) },
    { method: 'GET', path: '/api/alerts/history', handle: (request) => listHistory(alerts, request) },
    { method: 'GET', path: '/api/notifications/dead', handle: (request) => listDead(alerts, request) },
    {
      method: 'POST',
      path: '/api/notifications/dead/redrive',
      handle: (request) => redriveDead(alerts, request),
    },
  ];
}

function checkTelemetryPath(path: string, fixed: readonly Route[]): void {
  const refuse = (rule: string): never => {
    throw new RouteError(
      `the telemetry path is ${JSON.stringify(path)}, but ${rule}: change --web.telemetry-path`,
    );
  };
  // Anything else could be read as a pattern by the router, and then serve more than this one path.
  if (!/^(\/|(\/[A-Za-z0-9._~-]+)+)$/.test(path)) refuse('must look like /metrics');
  if (path.startsWith('/api/') || fixed.some((route) => route.path === path)) refuse('this path is in use');
}

function readinessAnswer(deps: Pick<HttpDeps, 'ready' | 'logger'>): Answer {
  const { ready, reasons } = readiness(deps);
  return jsonAnswer(ready ? 200 : 503, { ready, reasons });
}

function readiness(deps: Pick<HttpDeps, 'ready' | 'logger'>): Readiness {
  try {
    return deps.ready();
  } catch (error) {
    deps.logger.error('readiness check failed', { err: error });
    return { ready: false, reasons: ['the readiness check itself failed'] };
  }
}

function landingAnswer(deps: HttpDeps): Answer {
  const headers = { 'content-type': 'text/html; charset=utf-8' };
  const page = landingPage({
    version: deps.buildInfo.version,
    telemetryPath: deps.telemetryPath,
    flows: deps.flows(),
    readiness: readiness(deps),
  });
  return { status: 200, headers, body: page };
}
