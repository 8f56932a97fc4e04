/** Owns what a route is, and which path the scrape may have. */
import type { Role } from '../access/role.js';
import type { Answer, FaceRequest } from './answer.js';
import type { HttpDeps } from './deps.js';
import type { Operation } from './operation.js';

/** One row of the table. `path` is literal but for `:name`, which stands for one part; GET answers HEAD as well. */
export interface Route {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** What the caller must be given. */
  readonly role: Role;
  /** Without this part of the exporter the path does not exist. */
  readonly needs?: 'alerts' | 'admin';
  readonly operation: Operation;
  handle(deps: HttpDeps, request: FaceRequest): Answer | Promise<Answer>;
}

/** `TELEMETRY_PATH_INVALID`: the configured path of the scrape cannot be served. */
export class RouteError extends Error {
  override readonly name = 'RouteError';
  readonly code = 'TELEMETRY_PATH_INVALID';
}

/** Asked every few seconds by whoever runs the process. */
export const HEALTH_PATHS: readonly string[] = ['/-/healthy', '/healthz', '/livez', '/-/ready', '/readyz'];

/** The scrape's row has this path in the table, and the configured one on the wire. */
export const SCRAPE_PATH = '/metrics';

/** Refuses a telemetry path that is not plain, or that another route has. Throws RouteError. */
export function checkTelemetryPath(path: string, others: readonly Route[]): void {
  const refuse = (rule: string): never => {
    throw new RouteError(
      `the telemetry path is ${JSON.stringify(path)}, but ${rule}: change --web.telemetry-path`,
    );
  };
  // Anything else could be read as a pattern by the router, and then serve more than this one path.
  if (!/^(\/|(\/[A-Za-z0-9._~-]+)+)$/.test(path)) refuse('must look like /metrics');
  const isTaken = path.startsWith('/api/') || others.some((route) => route.path === path);
  if (isTaken) refuse('this path is in use');
}
