/** Owns the latency of outbound requests: hears what Node's own `fetch` and undici tell, and changes neither. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Histogram, HistogramSeries } from '../metrics/histogram.js';
import { WatchError } from '../metrics/watched-names.js';
import { SetupReader } from '../resilience/setup-options.js';
import { apiNames } from './api-names.js';
import { type FetchErrorType, fetchErrorType } from './fetch-error.js';
import { methodLabel, OTHER_VALUE, statusLabel } from './http-labels.js';
import { type AskTrace, type TraceLabels, traceLabels } from './trace-labels.js';

/** The series that outbound requests write. */
export interface HttpClientMetrics {
  readonly httpClientDuration: Histogram<
    'api' | 'http_request_method' | 'http_response_status_code' | 'error_type'
  >;
}

/** Options of the outbound instrumentation. A wrong or unknown one throws InstrumentOptionError. */
export interface FetchInstrumentOptions {
  /**
   * Host → name of the API, 1 to 100 characters, for instance `{ 'api.example.com': 'quotes' }`; at most 1,000 hosts.
   * Every other host is `other`.
   */
  readonly apis: Readonly<Record<string, string>>;
  /**
   * Labels of the trace in force, `{ trace_id }`, for an exemplar; asked when a request begins, in its caller's
   * context. None by default. What it throws is dropped.
   */
  readonly exemplar?: AskTrace | undefined;
  /** Monotonic clock in milliseconds. Default `performance.now`. */
  readonly nowMs?: (() => number) | undefined;
  /** Wall clock in milliseconds since the epoch, for the moment of an exemplar. Default `Date.now`. */
  readonly wallMs?: (() => number) | undefined;
}

/** A request that has begun; one flat object, because it is made for each request. */
interface Pending {
  /** Which instrumentation it belongs to; a process may have several. */
  readonly owner: object;
  /** What another instrumentation keeps of the same request. */
  readonly next: Pending | undefined;
  readonly startMs: number;
  hasEnded: boolean;
  readonly trace: TraceLabels | undefined;
  readonly api: string;
  readonly method: string | undefined;
  /** 0 until an answer has begun. */
  statusCode: number;
}

/**
 * On the request itself, which is the client's own and seen by subscribers only: one that never ends must not stay in
 * memory because of us, and a WeakMap or a private field costs as much as all the rest of the measurement.
 */
const PENDING = Symbol('flowgauge.pending');

interface ClientRequest {
  [PENDING]?: Pending;
  readonly method?: string;
  readonly origin?: unknown;
}

/** What the channels carry; each has only its part of it. */
interface Message {
  readonly request: ClientRequest;
  readonly response: { readonly statusCode: number };
  readonly error: unknown;
}

const KNOWN = [
  'apis',
  'exemplar',
  'nowMs',
  'wallMs',
] as const satisfies readonly (keyof FetchInstrumentOptions)[];

/** The series that an observation writes to now: two would count each request twice. */
const observed = new WeakSet<object>();

/** Sets that exist from the start, at zero, for each named API; whatever else happens adds its own. */
const DECLARED: readonly (readonly [string, FetchErrorType])[] = [
  ['200', 'none'],
  ['none', 'timeout'],
  ['none', 'refused'],
];

/**
 * Observes every request that this process makes through Node's own `fetch` or through undici, from now on; the answer
 * ends it. Requests of `node:http` and `node:https`, and so of the clients built on them (axios, got, node-fetch), are
 * not seen. A request counts when its answer is complete or has failed, so one whose long answer nobody reads counts when
 * it is dropped. Redirects and retries are requests of their own. A deadline that falls before the connection stands is
 * told by Node as an abort, and so is `aborted`, not `timeout`. Nothing is patched, and nothing is thrown into the code
 * that makes requests. Throws InstrumentOptionError for a wrong option, WatchError when these metrics observe them already.
 */
export function instrumentFetch(metrics: HttpClientMetrics, options: FetchInstrumentOptions): () => void {
  const read = new SetupReader('instrumentFetch', options, KNOWN);
  const apiOf = apiNames(options.apis);
  const exemplar = read.optionalFunction<AskTrace>('exemplar');
  const nowMs = read.optionalFunction<() => number>('nowMs') ?? (() => performance.now());
  const wallMs = read.optionalFunction<() => number>('wallMs') ?? Date.now;
  const duration = metrics.httpClientDuration;
  if (observed.has(duration)) {
    throw new WatchError(
      'fetch is observed for these metrics already, and each request would count twice: name all hosts in one apis, or end the other first',
    );
  }
  observed.add(duration);
  const owner = {};
  const latest = new LatestSeries(duration);
  for (const api of new Set([...Object.values(options.apis), OTHER_VALUE])) {
    for (const [code, errorType] of DECLARED) {
      duration.bind({
        api,
        http_request_method: 'GET',
        http_response_status_code: code,
        error_type: errorType,
      });
    }
  }

  function end(request: ClientRequest, errorType: FetchErrorType): void {
    const one = ownOf(request, owner);
    if (one === undefined || one.hasEnded) return;
    one.hasEnded = true;
    const seconds = (nowMs() - one.startMs) / 1000;
    if (one.trace === undefined) latest.observe(one, errorType, seconds);
    else {
      const exemplarOf = { labels: one.trace, timestampSeconds: wallMs() / 1000 };
      duration.observe(labelsOf(one, errorType), seconds, exemplarOf);
    }
  }

  const removals = [
    listen('undici:request:create', ({ request }) => {
      request[PENDING] = {
        owner,
        next: request[PENDING],
        startMs: nowMs(),
        hasEnded: false,
        trace: exemplar === undefined ? undefined : traceLabels(exemplar),
        api: apiOf(request.origin),
        method: request.method,
        statusCode: 0,
      };
    }),
    listen('undici:request:headers', ({ request, response }) => {
      const one = ownOf(request, owner);
      if (one !== undefined) one.statusCode = response.statusCode;
    }),
    listen('undici:request:trailers', ({ request }) => end(request, 'none')),
    listen('undici:request:error', ({ request, error }) => end(request, fetchErrorType(error))),
  ];
  return () => {
    for (const remove of removals.splice(0)) {
      remove();
      observed.delete(duration);
    }
  };
}

/** The labels of a request that has ended. */
function labelsOf({ api, method, statusCode }: Pending, errorType: FetchErrorType) {
  return {
    api,
    http_request_method: methodLabel(method),
    http_response_status_code: statusCode === 0 ? 'none' : statusLabel(statusCode),
    error_type: errorType,
  };
}

/** The series of the latest request: most are followed by one of the same kind, which then needs no look-up. */
class LatestSeries {
  private known: { readonly one: Pending; readonly errorType: FetchErrorType } | undefined;
  private series: HistogramSeries | undefined;

  constructor(private readonly duration: HttpClientMetrics['httpClientDuration']) {}

  observe(one: Pending, errorType: FetchErrorType, seconds: number): void {
    const known = this.known;
    if (
      known !== undefined &&
      known.one.api === one.api &&
      known.one.statusCode === one.statusCode &&
      known.errorType === errorType &&
      known.one.method === one.method
    ) {
      this.series?.observe(seconds);
      return;
    }
    const series = this.duration.bind(labelsOf(one, errorType));
    series.observe(seconds);
    // What is over a cap is looked up each time, for each time is counted there.
    const isOwn = series.labelValues[0] === one.api;
    // A copy: the request itself may have others hanging on it.
    this.known = isOwn ? { one: { ...one, next: undefined }, errorType } : undefined;
    this.series = isOwn ? series : undefined;
  }
}

function ownOf(request: ClientRequest, owner: object): Pending | undefined {
  let one = request[PENDING];
  while (one !== undefined && one.owner !== owner) one = one.next;
  return one;
}

function listen(channel: string, act: (message: Message) => void): () => void {
  const listener = (message: unknown) => {
    // What a subscriber throws becomes an uncaught exception of the process that made the request.
    try {
      act(message as Message);
    } catch {
      // A message of another shape than expected: this request has no series, and the caller never knows.
    }
  };
  subscribe(channel, listener);
  return () => void unsubscribe(channel, listener);
}
