/** Owns the Express application: built from the table of routes, with one way in and one way out for errors. */

import type { IncomingMessage } from 'node:http';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { type Answer, type FaceRequest, send } from './answer.js';
import type { HttpDeps } from './deps.js';
import { type Gate, openGate } from './gate.js';
import { HttpProblem, type Problem, problemAnswer } from './problem.js';
import { readBody } from './request-body.js';
import { requestFrame } from './request-context.js';
import { HEALTH_PATHS, type Route } from './route.js';
import { routeTable } from './route-table.js';

/** The face of the exporter. */
export function createApp(deps: HttpDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  // `/Api/flows` and `/api/flows/` are other paths: a later check of roles by path must not be walked around.
  app.enable('case sensitive routing');
  app.enable('strict routing');

  const quietPaths = new Set([...HEALTH_PATHS, deps.telemetryPath]);
  const { logger, tracing, newRequestId } = deps;
  app.use(requestFrame({ logger, tracing, newRequestId, quietPaths }));
  // Behind the frame, so that a slow request leads to its trace.
  if (deps.instrument !== undefined) app.use(deps.instrument);
  const table = routeTable(deps);
  const gate = openGate(deps);
  for (const path of new Set(table.map((row) => row.path))) {
    const rows = table.filter((row) => row.path === path);
    const route = app.route(path);
    for (const row of rows) {
      const handle = (req: Request, res: Response) => answer(deps, gate, row, req, res);
      if (row.method === 'GET') route.get(handle);
      else route.post(handle);
    }
    route.all(() => {
      throw methodRefused(rows);
    });
  }
  app.use(() => {
    throw NOT_FOUND;
  });
  // Four parameters make it an error handler; without one Express sends the stack to the client.
  app.use(async (error: unknown, req: Request, res: Response, _next: NextFunction) => {
    await answerError(deps, error, req, res);
  });
  return app;
}

async function answer(deps: HttpDeps, gate: Gate, row: Route, req: Request, res: Response): Promise<void> {
  const caller = await gate.admit(row, req);
  const gone = new AbortController();
  res.once('close', () => gone.abort());
  const request: FaceRequest = {
    headers: req.headers,
    caller,
    remote: req.socket.remoteAddress ?? '',
    params: req.params as Readonly<Record<string, string>>,
    query: queryOf(req),
    signal: gone.signal,
    body: (limitBytes) => readBody(req, limitBytes),
  };
  await reply(deps, req, res, await row.handle(deps, request));
}

/** The operator's headers come last: a stricter policy of theirs must win over ours. */
function reply({ extraHeaders }: HttpDeps, req: Request, res: Response, answer: Answer): Promise<void> {
  if (extraHeaders === undefined) return send(req, res, answer);
  return send(req, res, { ...answer, headers: { ...answer.headers, ...extraHeaders() } });
}

/** Read from the raw target: Express' parsed query has arrays in it, and a new meaning with each major version. */
function queryOf(req: IncomingMessage): URLSearchParams {
  const target = req.url ?? '';
  const start = target.indexOf('?');
  return new URLSearchParams(start === -1 ? '' : target.slice(start + 1));
}

async function answerError(deps: HttpDeps, error: unknown, req: Request, res: Response): Promise<void> {
  if (res.headersSent) {
    // The answer had begun: only a cut connection tells the client that the rest is missing.
    if (!isClientGone(error)) deps.logger.error('answer broke off', { path: req.path, err: error });
    res.destroy();
    return;
  }
  if (error instanceof HttpProblem) {
    await reply(deps, req, res, problemAnswer(error.problem, error.headers));
    return;
  }
  if (error instanceof URIError || statusOf(error) === 400) {
    await reply(deps, req, res, problemAnswer(BAD_ESCAPE));
    return;
  }
  const requestId = String(res.getHeader('x-request-id'));
  deps.logger.error('request failed', { request_id: requestId, path: req.path, err: error });
  await reply(deps, req, res, problemAnswer({ ...INTERNAL, request_id: requestId }));
}

/** A client that hangs up is its own affair, and must not be able to fill our log. */
function isClientGone(error: unknown): boolean {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ECONNRESET' || code === 'EPIPE';
}

function statusOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'status' in error ? error.status : undefined;
}

function methodRefused(rows: readonly Route[]): HttpProblem {
  const allowed = rows.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
  const problem: Problem = {
    status: 405,
    title: 'Method Not Allowed',
    code: 'METHOD_NOT_ALLOWED',
    detail: 'this path cannot be used with this method',
    remedy: `use ${allowed.join(' or ')}`,
  };
  return new HttpProblem(problem, { allow: allowed.join(', ') });
}

const NOT_FOUND = new HttpProblem({
  status: 404,
  title: 'Not Found',
  code: 'NOT_FOUND',
  detail: 'nothing is served at this path',
  remedy: 'open / for a list of what is',
});

const BAD_ESCAPE: Problem = {
  status: 400,
  title: 'Bad Request',
  code: 'BAD_PATH',
  detail: 'the path has a % that does not begin an escape of valid UTF-8',
  remedy: 'write a % in a name as %25',
};

const INTERNAL: Problem = {
  status: 500,
  title: 'Internal Server Error',
  code: 'INTERNAL',
  detail: 'the request failed for a reason that is not yours',
  remedy: 'look in the log for this request_id, or for `request failed` at this time',
};
