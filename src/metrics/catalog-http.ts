/** Owns the series about HTTP latency: requests that the program answers and requests that it makes. */
import type { MetricSpec } from './define.js';

/** Upper bounds of HTTP requests in seconds: those of the OpenTelemetry conventions. */
export const HTTP_BUCKETS_SECONDS = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
] as const;

const METHOD = 'the nine methods of RFC 9110 and RFC 5789; everything else is `other`';

export const httpMetrics = {
  httpServerDuration: {
    name: 'http_server_request_duration_seconds',
    help: 'Time from the arrival of a request to the end of its answer, in seconds.',
    type: 'histogram',
    unit: 'seconds',
    labels: {
      http_request_method: METHOD,
      http_route:
        'pattern of the route, mounts included, as the program declares it; `unmatched` without one',
      http_response_status_code: 'three digits; `aborted` when the client left before the end, else `other`',
    },
    buckets: HTTP_BUCKETS_SECONDS,
    stability: 'stable',
    feature: 'self',
  },
  httpServerActive: {
    name: 'http_server_active_requests',
    help: 'Requests that have arrived and whose answers have not ended.',
    type: 'gauge',
    unit: undefined,
    labels: {},
    stability: 'stable',
    feature: 'self',
  },
  httpClientDuration: {
    name: 'http_client_request_duration_seconds',
    help: 'Time from the start of an outbound request to the end of its answer or its failure, in seconds; each redirect is a request.',
    type: 'histogram',
    unit: 'seconds',
    labels: {
      api: 'name that the configuration gives to the host; every other host is `other`',
      http_request_method: METHOD,
      http_response_status_code: 'three digits; `none` when no answer began, else `other`',
      error_type:
        '`none` for a complete answer, else `timeout`, `aborted`, `dns`, `refused`, `unreachable`, `reset`, `tls`, `other`',
    },
    buckets: HTTP_BUCKETS_SECONDS,
    stability: 'stable',
    feature: 'dependency',
  },
} as const satisfies Readonly<Record<string, MetricSpec>>;
