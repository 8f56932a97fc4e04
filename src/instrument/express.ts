/** Owns the latency of inbound requests, as a middleware that looks at a request when its answer has ended. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Gauge, GaugeSeries } from '../metrics/gauge.js';
import type { Histogram, HistogramSeries } from '../metrics/histogram.js';
import { type RoutedRequest, routeLabel, UNMATCHED } from './express-route.js';
import { methodLabel, statusLabel } from './http-labels.js';
import { type AskTrace, type TraceLabels, traceLabels } from './trace-labels.js';

/** The series that inbound requests write. */
export interface HttpServerMetrics {
  readonly httpServerDuration: Histogram<'http_request_method' | 'http_route' | 'http_response_status_code'>;
  readonly httpServerActive: Gauge<never>;
}

/** Options of the inbound instrumentation. */
export interface ExpressInstrumentOptions {
  /** Routes whose series exist from the start, at zero, as method and pattern. None by default. */
  readonly declared?: readonly (readonly [method: string, route: string])[] | undefined;
  /**
   * Labels of the trace in force, `{ trace_id }`, for an exemplar; asked when the request arrives. None by default.
   * What it throws is dropped.
   */
  readonly exemplar?: AskTrace | undefined;
  /** Monotonic clock in milliseconds. Default `performance.now`. */
  readonly nowMs?: (() => number) | undefined;
  /** Wall clock in milliseconds since the epoch, for the moment of an exemplar. Default `Date.now`. */
  readonly wallMs?: (() => number) | undefined;
}

/** A middleware of Express 5 or 4. */
export type HttpMiddleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

/** Label of the status when the client left before the answer had ended. */
const ABORTED = 'aborted';

/**
 * The middleware; use it before everything else. A request counts once, when its answer has ended or its client has
 * left, under the pattern of the route that answered; Express 4 does not keep the path of a mount, which is then `/*`.
 * Nothing is patched, and nothing is thrown into the application.
 */
export function instrumentExpress(
  metrics: HttpServerMetrics,
  options: ExpressInstrumentOptions = {},
): HttpMiddleware {
  const { exemplar } = options;
  const meter: Meter = {
    latest: undefined,
    duration: metrics.httpServerDuration,
    active: metrics.httpServerActive.bind({} as never),
    nowMs: options.nowMs ?? (() => performance.now()),
    wallMs: options.wallMs ?? Date.now,
  };
  for (const [method, route] of [...(options.declared ?? []), ['GET', UNMATCHED] as const]) {
    meter.duration.bind({
      http_request_method: methodLabel(method),
      http_route: route,
      http_response_status_code: route === UNMATCHED ? '404' : '200',
    });
  }
  return (request, response, next) => {
    begin(meter, request, response, exemplar);
    next();
  };
}

/** The series of the latest request: most are followed by one of the same kind, which then needs no look-up. */
interface Latest {
  readonly method: string | undefined;
  readonly route: string;
  readonly status: string;
  readonly series: HistogramSeries;
}

/**
 * The middleware may stand in an application and again in a part of it, and one request counts once: both see it one
 * right after the other, when it comes or, with something slow between them, when it ends. A mark on the answer or a
 * look at its listeners would cost a tenth of all the rest.
 */
let latestBegun: ServerResponse | undefined;
let latestEnded: ServerResponse | undefined;

interface Meter {
  latest: Latest | undefined;
  readonly duration: HttpServerMetrics['httpServerDuration'];
  readonly active: GaugeSeries;
  readonly nowMs: () => number;
  readonly wallMs: () => number;
}

function begin(
  meter: Meter,
  request: IncomingMessage,
  response: ServerResponse,
  exemplar: ExpressInstrumentOptions['exemplar'],
): void {
  try {
    if (response === latestBegun) return;
    latestBegun = response;
    const trace = traceLabels(exemplar);
    const startMs = meter.nowMs();
    // `close` comes after every answer, complete or not.
    response.on('close', () => end(meter, request, response, startMs, trace));
    meter.active.inc();
  } catch {
    // A response of another shape has no series; the application goes on.
  }
}

function end(
  meter: Meter,
  request: IncomingMessage,
  response: ServerResponse,
  startMs: number,
  trace: TraceLabels | undefined,
): void {
  meter.active.dec();
  if (response === latestEnded) return;
  latestEnded = response;
  try {
    const { method } = request;
    const route = routeLabel(request as RoutedRequest);
    const status = isComplete(response) ? statusLabel(response.statusCode) : ABORTED;
    const seconds = (meter.nowMs() - startMs) / 1000;
    const series = seriesOf(meter, method, route, status);
    if (trace === undefined) series.observe(seconds);
    else series.observe(seconds, { labels: trace, timestampSeconds: meter.wallMs() / 1000 });
  } catch {
    // Thrown from a listener it would end the process.
  }
}

/**
 * Node takes the socket from an answer when the last of it is out. Two fields of its own say that; the getter lies
 * behind the prototypes that Express puts before it, and asking it costs a tenth of all the rest.
 */
function isComplete(response: ServerResponse): boolean {
  return (response.socket === null && response.finished) || response.writableFinished;
}

function seriesOf(meter: Meter, method: string | undefined, route: string, status: string): HistogramSeries {
  const { latest } = meter;
  if (latest?.route === route && latest.status === status && latest.method === method) return latest.series;
  const series = meter.duration.bind({
    http_request_method: methodLabel(method),
    http_route: route,
    http_response_status_code: status,
  });
  // What is over a cap is looked up each time, for each time is counted there.
  meter.latest = series.labelValues.includes(route) ? { method, route, status, series } : undefined;
  return series;
}
