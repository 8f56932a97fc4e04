/** Owns what a route is, and the names of the paths that more than one place must know. */
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
  readonly needs?: Part;
  readonly operation: Operation;
  handle(deps: HttpDeps, request: FaceRequest): Answer | Promise<Answer>;
}

/** A part of the exporter that a process may be without. */
export type Part = 'alerts' | 'admin' | 'health' | 'numbers' | 'monitoring' | 'flowDays';

/** The row of a path that needs a part, which its handler is given. */
export function rowOf<P extends Part>(
  needs: P,
  [method, path, role]: readonly [Route['method'], path: string, Role],
  operation: Operation,
  handle: (part: NonNullable<HttpDeps[P]>, request: FaceRequest) => Answer | Promise<Answer>,
): Route {
  return {
    ...{ method, path, role, needs, operation },
    // The table leaves out the rows whose part is not there.
    handle: (deps, request) => handle(deps[needs]!, request),
  };
}

/** Asked every few seconds by whoever runs the process. */
export const HEALTH_PATHS: readonly string[] = [
  ...['/-/healthy', '/healthz', '/livez', '/-/ready', '/readyz'],
  '/health',
];

/** The scrape's row has this path in the table, and the configured one on the wire. */
export const SCRAPE_PATH = '/metrics';
