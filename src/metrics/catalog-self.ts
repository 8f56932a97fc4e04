/** Owns the series about the program itself: its build, its scrapes, its series and its databases. */
import type { MetricSpec } from './define.js';

/** Upper bounds of the event loop's delay in seconds. */
export const LOOP_DELAY_BUCKETS_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5] as const;

const STABLE = { stability: 'stable', feature: 'self' } as const;

const METRIC = 'name of a metric in this catalogue';
const COLLECTOR =
  'metric that a host registered with a collector of its own, `process`, `registered`, or `resource_` and what is measured';

export const selfMetrics = {
  eventLoopDelay: {
    name: 'nodejs_eventloop_delay_seconds',
    help: 'How late the event loop ran a periodic timer, in seconds; cumulative, so several scrapers agree.',
    type: 'histogram',
    unit: 'seconds',
    labels: {},
    buckets: LOOP_DELAY_BUCKETS_SECONDS,
    stability: 'stable',
    feature: 'resource',
  },
  buildInfo: {
    name: 'flowgauge_build_info',
    help: 'Version of the running program and of its Node.js; always 1.',
    type: 'info',
    unit: undefined,
    labels: { version: 'version of the package', node: 'version of Node.js' },
    ...STABLE,
  },
  startTime: {
    name: 'flowgauge_start_time_seconds',
    help: 'When the program started, in seconds since the epoch, to the microsecond: no two exporters share it.',
    type: 'gauge',
    unit: 'seconds',
    labels: {},
    ...STABLE,
  },
  recommendations: {
    name: 'flowgauge_recommendations',
    help: 'What should be done now, by what it is about; /admin/performance/recommendations has the words.',
    type: 'gauge',
    unit: undefined,
    labels: { kind: '`resource`, `flow`, `breaker`, `probe`, `job` or `channel`' },
    ...STABLE,
  },
  collectorSuccess: {
    name: 'flowgauge_collector_success',
    help: 'Whether a collector answered, in this scrape or when it last measured; at 0 its metrics are left out.',
    type: 'gauge',
    unit: undefined,
    labels: { collector: COLLECTOR },
    ...STABLE,
  },
  collectorDuration: {
    name: 'flowgauge_collector_duration_seconds',
    help: 'Time that a collector took, in this scrape or when it last measured, in seconds.',
    type: 'gauge',
    unit: 'seconds',
    labels: { collector: COLLECTOR },
    ...STABLE,
  },
  exposedSeries: {
    name: 'flowgauge_series',
    help: 'Series that a metric puts into one scrape, the buckets of histograms included.',
    type: 'gauge',
    unit: undefined,
    labels: { metric: METRIC },
    ...STABLE,
  },
  seriesOverflow: {
    name: 'flowgauge_series_overflow_total',
    help: 'Recordings whose label set was over the series budget: kept in an overflow series, or dropped for gauges.',
    type: 'counter',
    unit: undefined,
    labels: { metric: METRIC },
    ...STABLE,
  },
  rejectedValues: {
    name: 'flowgauge_rejected_values_total',
    help: 'Recordings that were refused: not a finite number, below zero for a counter, or a wrong label set.',
    type: 'counter',
    unit: undefined,
    labels: { metric: METRIC },
    ...STABLE,
  },
  leader: {
    name: 'flowgauge_leader',
    help: 'Whether this process is the one that reads changes (1) or serves what another reads (0).',
    type: 'gauge',
    unit: undefined,
    labels: {},
    ...STABLE,
  },
  scrapesRejected: {
    name: 'flowgauge_scrapes_rejected_total',
    help: 'Scrapes answered with 503 because too many were waiting already.',
    type: 'counter',
    unit: undefined,
    labels: {},
    ...STABLE,
  },
  storeUp: {
    name: 'flowgauge_store_up',
    help: 'Whether the last contact with the store, the database of our own tables, succeeded.',
    type: 'gauge',
    unit: undefined,
    labels: {},
    ...STABLE,
  },
  sourceUp: {
    name: 'flowgauge_source_up',
    help: 'Whether the last contact with the source, the watched database, succeeded.',
    type: 'gauge',
    unit: undefined,
    labels: {},
    ...STABLE,
  },
  refreshFailures: {
    name: 'flowgauge_refresh_failures_total',
    help: 'Times that a part of the program failed to bring its series up to date before a scrape, so that they show older numbers.',
    type: 'counter',
    unit: undefined,
    labels: {},
    ...STABLE,
  },
} as const satisfies Readonly<Record<string, MetricSpec>>;
