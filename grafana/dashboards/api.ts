/** Owns the dashboard of outbound requests and the policies around them: breakers, retries, fallbacks, limiters. */
import type { DashboardSpec } from '../dashboard-spec.js';
import { API, BREAKER, chosen, LIMITER, limitsOf, POLICY, stateNumber } from '../selectors.js';
import { BREAKER_STATES, BREAKER_WORDS } from './overview.js';

const api = (metric: string, more = ''): string =>
  chosen(metric, `api=~"$api"${more === '' ? '' : `,${more}`}`);
const breaker = (metric: string, more = ''): string =>
  chosen(metric, `breaker=~"$breaker"${more === '' ? '' : `,${more}`}`);
const policy = (metric: string, more = ''): string =>
  chosen(metric, `policy=~"$policy"${more === '' ? '' : `,${more}`}`);

const limiter = (metric: string): string => chosen(metric, 'limiter=~"$limiter"');

/** A request that its caller gave up says nothing about the API. */
const COUNTED = 'error_type!="aborted"';

function latency(quantile: number): string {
  const buckets = api('http_client_request_duration_seconds_bucket', COUNTED);
  return `histogram_quantile(${quantile}, sum by (api, le) (rate(${buckets}[$__rate_interval])))`;
}

export const apis: DashboardSpec = {
  uid: 'flowgauge-api',
  title: 'Flowgauge / APIs and circuit breakers',
  description: 'Rate, errors and duration of outbound requests, and what the policies around them do.',
  variables: [API, BREAKER, POLICY, LIMITER],
  rows: [
    {
      title: 'Requests',
      panels: [
        {
          kind: 'graph',
          title: 'Requests per second',
          description: 'Requests by the status of their answer; none where no answer began.',
          unit: 'reqps',
          drawn: 'stacked',
          queries: [
            {
              expr: `sum by (api, http_response_status_code) (rate(${api('http_client_request_duration_seconds_count')}[$__rate_interval]))`,
              legend: '{{api}} {{http_response_status_code}}',
            },
          ],
        },
        {
          kind: 'graph',
          title: 'Error ratio',
          description:
            'Share of the requests of 5 minutes that got an answer 5xx or none, with the limits of the alerts.',
          unit: 'percentunit',
          min: 0,
          queries: [
            { expr: `max by (api) (${api('api:errors:ratio_rate5m')})`, legend: '{{api}}' },
            ...limitsOf('api_error_ratio', ['warning', 'critical']),
          ],
        },
        {
          kind: 'graph',
          title: 'Errors by kind',
          description: 'Requests per second without a complete answer, by what went wrong.',
          unit: 'reqps',
          drawn: 'stacked',
          queries: [
            {
              expr: `sum by (api, error_type) (rate(${api('http_client_request_duration_seconds_count', 'error_type!="none"')}[$__rate_interval]))`,
              legend: '{{api}} {{error_type}}',
            },
          ],
          noValue: 'no error',
        },
        {
          kind: 'graph',
          title: 'Duration',
          description:
            'Half, 95 and 99 of 100 requests took at most this long. The dots are single requests: follow one to its trace.',
          unit: 's',
          width: 12,
          height: 9,
          queries: [
            { expr: latency(0.5), legend: 'median {{api}}', exemplars: 'shown' },
            { expr: latency(0.95), legend: '95 % {{api}}', exemplars: 'shown' },
            { expr: latency(0.99), legend: '99 % {{api}}', exemplars: 'shown' },
          ],
        },
        {
          kind: 'heatmap',
          title: 'Duration of all requests',
          description:
            'How many requests took how long; a second band above the first is a part that is slow.',
          unit: 's',
          width: 12,
          height: 9,
          queries: [
            {
              expr: `sum by (le) (increase(${api('http_client_request_duration_seconds_bucket', COUNTED)}[$__rate_interval]))`,
              legend: '{{le}}',
              exemplars: 'shown',
            },
          ],
        },
        {
          kind: 'graph',
          title: 'Mean against the usual',
          description:
            'Mean duration of complete answers over 15 minutes, and the mean of the last day where there is one.',
          unit: 's',
          width: 12,
          queries: [
            { expr: `max by (api) (${api('api:latency_seconds:mean_rate15m')})`, legend: '{{api}}' },
            {
              expr: `max by (api) (${api('api:latency_usual_seconds:mean_1d')})`,
              legend: 'usual {{api}}',
              limit: 'bound',
            },
          ],
        },
        {
          kind: 'graph',
          title: 'Throttled',
          description:
            'Share of the requests of 5 minutes that the API refused because they were too many (429).',
          unit: 'percentunit',
          width: 12,
          min: 0,
          queries: [{ expr: `max by (api) (${api('api:throttled:ratio_rate5m')})`, legend: '{{api}}' }],
        },
      ],
    },
    {
      title: 'Circuit breakers',
      panels: [
        {
          kind: 'states',
          title: 'State of the breakers',
          description: 'Closed lets calls through, open refuses them at once, half open tries a few.',
          unit: 'none',
          width: 24,
          height: 6,
          queries: [
            {
              expr: stateNumber(
                'instance, breaker',
                (state) => breaker('circuit_breaker_state', `state="${state}"`),
                BREAKER_STATES,
              ),
              legend: '{{breaker}} {{instance}}',
            },
          ],
          words: BREAKER_WORDS,
        },
        {
          kind: 'graph',
          title: 'Open share',
          description:
            'Share of 5 minutes in which the breaker was open; from its own clock, so an opening between two scrapes counts too.',
          unit: 'percentunit',
          min: 0,
          queries: [
            { expr: `max by (breaker) (${breaker('breaker:open:ratio_rate5m')})`, legend: '{{breaker}}' },
            ...limitsOf('breaker_open_ratio', ['warning', 'error']),
          ],
        },
        {
          kind: 'graph',
          title: 'Calls by outcome',
          description: 'Calls through the breaker. A rejected one was not made; an ignored one says nothing.',
          unit: 'ops',
          drawn: 'stacked',
          queries: [
            {
              expr: `sum by (breaker, outcome) (rate(${breaker('circuit_breaker_calls_total')}[$__rate_interval]))`,
              legend: '{{breaker}} {{outcome}}',
            },
          ],
        },
        {
          kind: 'graph',
          title: 'Openings within an hour',
          description:
            'A breaker that opens again and again guards a dependency that recovers just enough to fail again.',
          unit: 'short',
          queries: [
            { expr: `max by (breaker) (${breaker('breaker:openings:increase1h')})`, legend: '{{breaker}}' },
            ...limitsOf('breaker_openings_per_hour', ['warning']),
          ],
        },
      ],
    },
    {
      title: 'Retries, fallbacks, limiters',
      panels: [
        {
          kind: 'graph',
          title: 'Attempts under a retry',
          description: 'Retried is followed by another attempt; every other outcome ends its call.',
          unit: 'ops',
          drawn: 'stacked',
          queries: [
            {
              expr: `sum by (policy, outcome) (rate(${policy('retry_attempts_total')}[$__rate_interval]))`,
              legend: '{{policy}} {{outcome}}',
            },
          ],
        },
        {
          kind: 'graph',
          title: 'Repeated calls',
          description: 'Share of the calls of 10 minutes that did not succeed at the first attempt.',
          unit: 'percentunit',
          width: 16,
          min: 0,
          queries: [
            {
              expr: `max by (policy) (${policy('policy:retried_calls:ratio10m')})`,
              legend: '{{policy}}',
            },
            ...limitsOf('retried_calls_ratio', ['warning']),
          ],
        },
        {
          kind: 'graph',
          title: 'Retry budget',
          description: 'Retries that the budget allows now; at 0 failures reach the user at once.',
          unit: 'short',
          queries: [{ expr: `min by (policy) (${policy('retry_budget_tokens')})`, legend: '{{policy}}' }],
        },
        {
          kind: 'graph',
          title: 'Timeouts',
          description: 'The longest time that a call would get now; an adaptive timeout follows the API.',
          unit: 's',
          queries: [{ expr: `max by (policy) (${policy('timeout_limit_seconds')})`, legend: '{{policy}}' }],
        },
        {
          kind: 'graph',
          title: 'Answers of fallbacks',
          description: 'Where answers came from: anything but primary is stale, reduced or none.',
          unit: 'ops',
          drawn: 'stacked',
          queries: [
            {
              expr: `sum by (policy, answer) (rate(${policy('fallback_served_total')}[$__rate_interval]))`,
              legend: '{{policy}} {{answer}}',
            },
          ],
          noValue: 'no fallback',
        },
        {
          kind: 'graph',
          title: 'Age of the answers of fallbacks',
          description:
            'How old the latest answer was when it was given; 0 unless it was the last good value.',
          unit: 's',
          queries: [
            { expr: `max by (policy) (${policy('fallback_answer_age_seconds')})`, legend: '{{policy}}' },
          ],
          noValue: 'no fallback',
        },
        {
          kind: 'graph',
          title: 'Limiters',
          description:
            'Calls that hold a permit and calls that wait for one; dashed: how many permits there are.',
          unit: 'short',
          queries: [
            {
              expr: `sum by (limiter) (${limiter('limiter_in_flight')})`,
              legend: 'in flight {{limiter}}',
            },
            { expr: `sum by (limiter) (${limiter('limiter_queued')})`, legend: 'waiting {{limiter}}' },
            {
              expr: `sum by (limiter) (${limiter('limiter_limit')})`,
              legend: 'limit {{limiter}}',
              limit: 'bound',
            },
          ],
        },
        {
          kind: 'graph',
          title: 'Turned away by limiters',
          description:
            'Share of the calls of 5 minutes that got no permit, because the queue was full or the wait too long.',
          unit: 'percentunit',
          min: 0,
          queries: [
            { expr: `max by (limiter) (${limiter('limiter:rejected:ratio_rate5m')})`, legend: '{{limiter}}' },
            ...limitsOf('limiter_rejected_ratio', ['warning', 'error']),
          ],
        },
      ],
    },
  ],
};
