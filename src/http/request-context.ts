/** Owns the frame around each request: its id on the answer and in the log, its span, and a line when it ended badly. */
import { AsyncResource } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import type { NextFunction, Request, Response } from 'express';
import { methodLabel, OTHER_VALUE } from '../instrument/http-labels.js';
import { inContext } from '../telemetry/context.js';
import type { Logger } from '../telemetry/logger.js';
import { noTracing, type OpenSpan, type Tracing } from '../telemetry/tracing.js';

/** What the frame needs. */
export interface RequestFrameOptions {
  readonly logger: Pick<Logger, 'debug' | 'warn'>;
  readonly tracing?: Pick<Tracing, 'isOn' | 'span'> | undefined;
  /** Default: a random UUID. */
  readonly newRequestId?: (() => string) | undefined;
  /** Paths asked every few seconds by machines: a span only when the caller has a trace, a line only under `debug`. */
  readonly quietPaths: ReadonlySet<string>;
}

/** Longest id that is taken over, in characters. */
const LONGEST_ID = 128;

/** The id that the caller sent when it is harmless in a header and a log line; otherwise undefined. */
export function acceptedRequestId(sent: string | string[] | undefined): string | undefined {
  if (typeof sent !== 'string' || sent.length > LONGEST_ID) return undefined;
  return /^[A-Za-z0-9][A-Za-z0-9._:/=+@-]*$/.test(sent) ? sent : undefined;
}

/** The first middleware of the application: everything after it runs inside the request's context and span. */
export function requestFrame(
  options: RequestFrameOptions,
): (req: Request, res: Response, next: NextFunction) => void {
  const { logger, tracing = noTracing, newRequestId = randomUUID, quietPaths } = options;
  return (req, res, next) => {
    const requestId = acceptedRequestId(req.headers['x-request-id']) ?? newRequestId();
    res.setHeader('x-request-id', requestId);
    const isQuiet = quietPaths.has(req.path);
    const startedMs = performance.now();
    inContext({ requestId }, () => {
      const ended = (span?: OpenSpan) => {
        if (span !== undefined) tellSpan(span, req, res);
        tellLog(logger, isQuiet, req, res, performance.now() - startedMs);
      };
      if (!tracing.isOn || (isQuiet && req.headers.traceparent === undefined)) {
        onceClosed(res, () => ended());
        next();
        return;
      }
      const attributes = { 'http.request.method': methodOf(req), 'url.path': req.path };
      void tracing.span(
        { name: methodOf(req), kind: 'server', parent: req.headers, attributes },
        (span) =>
          new Promise<void>((resolve) => {
            onceClosed(res, () => {
              ended(span);
              resolve();
            });
            next();
          }),
      );
    });
  };
}

/** When a client leaves, the event comes out of the socket, which knows nothing of the request that it served. */
function onceClosed(res: Response, act: () => void): void {
  res.once('close', AsyncResource.bind(act));
}

function tellSpan(span: OpenSpan, req: Request, res: Response): void {
  const route = routeOf(req);
  if (route !== undefined) {
    span.rename(`${methodOf(req)} ${route}`);
    span.set({ 'http.route': route });
  }
  span.set({ 'http.response.status_code': res.statusCode });
  if (res.statusCode >= 500) span.fail(String(res.statusCode));
  else if (!res.writableFinished) span.fail('aborted');
}

/** The answer 500 has told more in a line of its own. */
function tellLog(
  logger: RequestFrameOptions['logger'],
  isQuiet: boolean,
  req: Request,
  res: Response,
  tookMs: number,
): void {
  const { statusCode: status, writableFinished } = res;
  if (writableFinished && (status < 400 || status === 500)) return;
  const fields = { method: methodOf(req), route: routeOf(req) ?? 'none', status, seconds: tookMs / 1000 };
  if (!writableFinished) logger.debug('client left before the answer was complete', fields);
  else if (status > 500 && !isQuiet) logger.warn('request answered with an error', fields);
  else logger.debug('request answered with an error', fields);
}

/** The word of OpenTelemetry for a method that is none: anybody can send any word, and a span's name is kept. */
function methodOf(req: Request): string {
  const method = methodLabel(req.method);
  return method === OTHER_VALUE ? '_OTHER' : method;
}

function routeOf(req: Request): string | undefined {
  const path: unknown = (req.route as { path?: unknown } | undefined)?.path;
  return typeof path === 'string' ? path : undefined;
}
