/** Owns the dashboard of Flowgauge itself: its jobs, probes, series, scrapes and databases. */
import type { DashboardSpec, Word } from '../dashboard-spec.js';
import { chosen, limitsOf, stateNumber } from '../selectors.js';

const JOB_STATES = ['idle', 'running', 'late', 'stuck', 'crash_looping', 'stopped'] as const;
const JOB_WORDS: readonly Word[] = [
  { value: 1, text: 'idle', colour: 'green' },
  { value: 2, text: 'running', colour: 'blue' },
  { value: 3, text: 'late', colour: 'yellow' },
  { value: 4, text: 'stuck', colour: 'red' },
  { value: 5, text: 'crash looping', colour: 'dark-red' },
  { value: 6, text: 'stopped', colour: 'purple' },
];
const UP_DOWN: readonly Word[] = [
  { value: 0, text: 'no', colour: 'red' },
  { value: 1, text: 'yes', colour: 'green' },
];

export const self: DashboardSpec = {
  uid: 'flowgauge-self',
  title: 'Flowgauge / Itself',
  description: 'Whether the measuring itself works: jobs, probes, collectors, series, scrapes, databases.',
  variables: [],
  rows: [
    {
      title: 'Now',
      panels: [
        {
          kind: 'table',
          title: 'Version',
          description: 'Which version of Flowgauge and of Node.js runs where.',
          unit: 'none',
          height: 6,
          queries: [{ expr: chosen('flowgauge_build_info') }],
          columns: { instance: 'Instance', version: 'Version', node: 'Node.js' },
        },
        {
          kind: 'number',
          title: 'Databases and leader',
          description:
            'Whether the watched database and our own answer, and whether exactly one exporter reads the changes.',
          unit: 'none',
          height: 6,
          queries: [
            { expr: `min(${chosen('flowgauge_source_up')})`, legend: 'source answers' },
            { expr: `min(${chosen('flowgauge_store_up')})`, legend: 'store answers' },
            { expr: `sum(${chosen('flowgauge_leader')}) == bool 1`, legend: 'one leader' },
          ],
          colours: 'background',
          words: UP_DOWN,
        },
        {
          kind: 'number',
          title: 'Series of the largest metrics',
          description: 'Series in one scrape. Too many come from a label that is not a closed set.',
          unit: 'short',
          height: 6,
          queries: [
            { expr: `sum(${chosen('flowgauge_series')})`, legend: 'all' },
            { expr: `topk(3, max by (metric) (${chosen('flowgauge_series')}))`, legend: '{{metric}}' },
          ],
        },
      ],
    },
    {
      title: 'Jobs',
      panels: [
        {
          kind: 'states',
          title: 'State of the jobs',
          description:
            'Late is behind its plan, stuck goes on after it was aborted, crash looping rests after too many failures.',
          unit: 'none',
          width: 24,
          height: 9,
          queries: [
            {
              expr: stateNumber(
                'instance, job_name',
                (state) => chosen('job_state', `state="${state}"`),
                JOB_STATES,
              ),
              legend: '{{job_name}} {{instance}}',
            },
          ],
          words: JOB_WORDS,
        },
        {
          kind: 'bars',
          title: 'Since the last success',
          description: 'How long ago each job last succeeded; its series are as old as that.',
          unit: 's',
          queries: [
            {
              expr: `time() - max by (job_name) (${chosen('job_last_success_timestamp_seconds')} > 0)`,
              legend: '{{job_name}}',
            },
          ],
        },
        {
          kind: 'graph',
          title: 'Failed runs and restarts',
          description:
            'Runs per second that did not succeed, and runs that were begun anew because they were stuck.',
          unit: 'cps',
          queries: [
            {
              expr: `sum by (job_name) (rate(${chosen('job_runs_total', 'outcome!="success"')}[$__rate_interval]))`,
              legend: '{{job_name}} failed',
            },
            {
              expr: `sum by (job_name) (rate(${chosen('job_restarts_total')}[$__rate_interval]))`,
              legend: '{{job_name}} restarts',
            },
          ],
        },
        {
          kind: 'graph',
          title: 'Duration of runs, 95 %',
          description: '95 of 100 runs of a job took at most this long.',
          unit: 's',
          scale: 'log',
          queries: [
            {
              expr: `histogram_quantile(0.95, sum by (job_name, le) (rate(${chosen('job_duration_seconds_bucket')}[$__rate_interval])))`,
              legend: '{{job_name}}',
              exemplars: 'shown',
            },
          ],
        },
      ],
    },
    {
      title: 'Log',
      panels: [
        {
          kind: 'graph',
          title: 'Warnings and errors in the log',
          description:
            'Lines a minute, by level; what was held back as a repeat of the same message is shown apart.',
          unit: 'short',
          width: 16,
          queries: [
            {
              expr: `60 * sum by (level) (rate(${chosen('log_messages_total', 'level=~"warn|error|fatal"')}[$__rate_interval]))`,
              legend: '{{level}}',
            },
            {
              expr: `60 * sum by (level) (rate(${chosen('log_messages_suppressed_total', 'level=~"warn|error|fatal"')}[$__rate_interval]))`,
              legend: '{{level}} held back',
            },
          ],
        },
        {
          kind: 'graph',
          title: 'Errors a minute',
          description: 'Errors that were logged or held back, over 10 minutes, with the limit of the alert.',
          unit: 'short',
          queries: [
            {
              expr: `max by (instance) (${chosen('instance:log_errors_per_minute:rate10m')})`,
              legend: '{{instance}}',
            },
            ...limitsOf('log_errors_per_minute', ['warning']),
          ],
        },
      ],
    },
    {
      title: 'Probes',
      panels: [
        {
          kind: 'states',
          title: 'Services that are asked',
          description: 'Whether each probed service gave the answer it must give.',
          unit: 'none',
          queries: [{ expr: `min by (probe) (${chosen('probe_success')})`, legend: '{{probe}}' }],
          words: UP_DOWN,
        },
        {
          kind: 'graph',
          title: 'Duration of probes',
          description: 'Mean time of a probe over 10 minutes, with the limit of the alert.',
          unit: 's',
          queries: [
            {
              expr: `max by (probe) (${chosen('probe:duration_seconds:mean_rate10m')})`,
              legend: '{{probe}}',
            },
            ...limitsOf('probe_duration_seconds', ['warning']),
          ],
        },
        {
          kind: 'graph',
          title: 'Connections of the databases',
          description: 'Share of the connections that a PostgreSQL server allows and that are taken.',
          unit: 'percentunit',
          min: 0,
          max: 1,
          queries: [
            { expr: `max by (probe) (${chosen('probe:postgres_connections:ratio')})`, legend: '{{probe}}' },
            ...limitsOf('postgres_connections_ratio', ['warning', 'critical']),
          ],
        },
      ],
    },
    {
      title: 'Scrape and series',
      panels: [
        {
          kind: 'graph',
          title: 'Duration of requests, 95 %',
          description: '95 of 100 requests to the exporter took at most this long, by route.',
          unit: 's',
          queries: [
            {
              expr: `histogram_quantile(0.95, sum by (http_route, le) (rate(${chosen('http_server_request_duration_seconds_bucket')}[$__rate_interval])))`,
              legend: '{{http_route}}',
              exemplars: 'shown',
            },
          ],
        },
        {
          kind: 'graph',
          title: 'Scrapes as Prometheus sees them',
          description: 'How long each scrape took; with all jobs chosen, of Prometheus and Alertmanager too.',
          unit: 's',
          queries: [{ expr: chosen('scrape_duration_seconds'), legend: '{{instance}}' }],
        },
        {
          kind: 'graph',
          title: 'Samples of a scrape',
          description:
            'Series that Prometheus took from each target. A jump is a new label value, or a leak.',
          unit: 'short',
          queries: [{ expr: chosen('scrape_samples_scraped'), legend: '{{instance}}' }],
        },
        {
          kind: 'graph',
          title: 'Collectors',
          description:
            'Time that each collector takes in a scrape; one that fails is at 0 in the panel beside.',
          unit: 's',
          queries: [
            {
              expr: `max by (collector) (${chosen('flowgauge_collector_duration_seconds')})`,
              legend: '{{collector}}',
            },
          ],
        },
        {
          kind: 'states',
          title: 'Collectors that answer',
          description: 'A collector that does not answer costs only its own series.',
          unit: 'none',
          queries: [
            {
              expr: `min by (collector) (${chosen('flowgauge_collector_success')})`,
              legend: '{{collector}}',
            },
          ],
          words: UP_DOWN,
        },
        {
          kind: 'graph',
          title: 'What was refused',
          description:
            'Within an hour: recordings over the series budget, refused values, refused scrapes, failed refreshes. All should be 0.',
          unit: 'short',
          queries: [
            {
              expr: `sum(increase(${chosen('flowgauge_series_overflow_total')}[1h]))`,
              legend: 'over the series budget',
            },
            {
              expr: `sum(increase(${chosen('flowgauge_rejected_values_total')}[1h]))`,
              legend: 'refused values',
            },
            {
              expr: `sum(increase(${chosen('flowgauge_scrapes_rejected_total')}[1h]))`,
              legend: 'refused scrapes',
            },
            {
              expr: `sum(increase(${chosen('flowgauge_refresh_failures_total')}[1h]))`,
              legend: 'failed refreshes',
            },
          ],
        },
      ],
    },
  ],
};
