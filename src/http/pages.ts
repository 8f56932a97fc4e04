/** Owns the answers of readiness and of the landing page, for callers who may see more and for those who may not. */
import { isEnough } from '../access/role.js';
import { type Answer, type FaceRequest, jsonAnswer } from './answer.js';
import type { HttpDeps, Readiness } from './deps.js';
import { landingPage } from './landing.js';

/** `GET /-/ready`: 200 or 503; the reasons name parts of the system, so they are for callers who may read. */
export function readinessAnswer(deps: HttpDeps, { caller }: FaceRequest): Answer {
  const { ready, reasons } = readiness(deps);
  return jsonAnswer(ready ? 200 : 503, { ready, reasons: isEnough(caller.grants, 'read') ? reasons : [] });
}

/** `GET /` */
export function landingAnswer(deps: HttpDeps): Answer {
  const headers = { 'content-type': 'text/html; charset=utf-8' };
  const page = landingPage({
    version: deps.buildInfo.version,
    telemetryPath: deps.telemetryPath,
    flows: deps.flows(),
    readiness: readiness(deps),
    health: deps.health?.facts,
    runbooks: new Set(deps.runbooks?.keys()),
  });
  return { status: 200, headers, body: page };
}

function readiness(deps: Pick<HttpDeps, 'ready' | 'logger'>): Readiness {
  try {
    return deps.ready();
  } catch (error) {
    deps.logger.error('readiness check failed', { err: error });
    return { ready: false, reasons: ['the readiness check itself failed'] };
  }
}
