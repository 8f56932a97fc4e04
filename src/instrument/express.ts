/** Owns the latency of inbound requests, as a middleware that looks at a request when its answer has ended. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Gauge, GaugeSeries } from '../metrics/gauge.js';
import type { Histogram, HistogramSeries } from '../metrics/histogram.js';
import { SetupReader } from '../resilience/setup-options.js';
import { type RoutedRequest, routeLabel, UNMATCHED } from './express-route.js';
import { methodLabel, statusLabel } from './http-labels.js';
import { type AskTrace, type TraceLabels, traceLabels } from './trace-labels.js';

/** The series that inbound requests write. */
export interface HttpServerMetrics {
  readonly httpServerDuration: Histogram<'http_request_method' | 'http_route' | 'http_response_status_code'>;
  readonly httpServerActive: Gauge<never>;
}

/** Options of the inbound instrumentation. A wrong or unknown one throws InstrumentOptionError. */
export interface ExpressInstrumentOptions {
  /** Routes whose series exist from the start, at zero, as method and pattern of 1 to 200 characters. None by default; at most 1,000. */
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

const KNOWN = [
  'declared',
  'exemplar',
  'nowMs',
  'wallMs',
] as const satisfies readonly (keyof ExpressInstrumentOptions)[];

/**
 * The middleware; use it before everything else. A request counts once, when its answer has ended or its client has
 * left, under the pattern of the route that answered; Express 4 does not keep the path of a mount, which is then `/*`.
 * A catch-all route that only calls `next()`, such as `app.all('/{*any}', …)`, is a route that answered as far as Express
 * tells: what nobody else answers then counts under it and not under `unmatched`. Nothing is patched, and nothing is
 * thrown into the application.
 */
export function instrumentExpress(
  metrics: HttpServerMetrics,
  options: ExpressInstrumentOptions = {},
): HttpMiddleware {
  const read = new SetupReader('instrumentExpress', options, KNOWN);
  const declared = read.list<readonly [string, string]>('declared', isRoute, DECLARED, 1_000);
  const exemplar = read.optionalFunction<AskTrace>('exemplar');
  const meter: Meter = {
    latest: undefined,
    turn: turnOf(metrics.httpServerDuration),
    duration: metrics.httpServerDuration,
    active: metrics.httpServerActive.bind({} as never),
    nowMs: read.optionalFunction<() => number>('nowMs') ?? (() => performance.now()),
    wallMs: read.optionalFunction<() => number>('wallMs') ?? Date.now,
  };
  for (const [method, route] of [...declared, ['GET', UNMATCHED] as const]) {
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

const DECLARED = "[method, pattern] such as ['GET', '/users/:id'], the pattern of 1 to 200 characters";

function isRoute(value: unknown): boolean {
  if (!Array.isArray(value) || value.length !== 2) return false;
  return value.every((one) => typeof one === 'string' && one.length >= 1 && one.length <= 200);
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
 * look at its listeners would cost a tenth of all the rest, and so only the first requests are noted, and all where the
 * slow kind was found. Found late, the first requests of that kind are active twice until one of them ends.
 */
interface Turn {
  begun: ServerResponse | undefined;
  ended: ServerResponse | undefined;
  /** Requests that were seen; undefined once it is plain that each is seen by one middleware. */
  seen: WeakSet<ServerResponse> | undefined;
  /** Requests to note before that is plain; no end to them once one was seen twice. */
  doubtful: number;
}

/** Requests after which an application is taken to have the middleware once, or twice with nothing slow between. */
const DOUBTFUL = 100;

/** The turn of each metrics, by their series: two metrics in one application count each on their own. */
const turns = new WeakMap<object, Turn>();

function turnOf(duration: object): Turn {
  const turn = turns.get(duration) ?? {
    begun: undefined,
    ended: undefined,
    seen: new WeakSet(),
    doubtful: DOUBTFUL,
  };
  turns.set(duration, turn);
  return turn;
}

/** True for a request that another middleware has begun. */
function wasSeen(turn: Turn, seen: WeakSet<ServerResponse>, response: ServerResponse): boolean {
  if (seen.has(response)) {
    turn.doubtful = Number.POSITIVE_INFINITY;
    return true;
  }
  seen.add(response);
  turn.doubtful -= 1;
  if (turn.doubtful === 0) turn.seen = undefined;
  return false;
}

interface Meter {
  readonly turn: Turn;
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
    const { turn } = meter;
    if (response === turn.begun) return;
    turn.begun = response;
    if (turn.seen !== undefined && wasSeen(turn, turn.seen, response)) return;
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
  const { turn } = meter;
  if (response === turn.ended) {
    turn.seen ??= new WeakSet();
    turn.doubtful = Number.POSITIVE_INFINITY;
    return;
  }
  turn.ended = response;
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
