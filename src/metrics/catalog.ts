/** Owns the catalogue: every series this release emits, with its labels, unit and purpose. */
import { defineCatalog } from './define.js';

/** Upper bounds of dwell times in seconds: from one second to one week. */
export const DWELL_BUCKETS_SECONDS = [
  1, 5, 15, 30, 60, 180, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200, 86_400, 259_200, 604_800,
] as const;
/** Upper bounds of background jobs in seconds. */
export const JOB_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const;
/** Upper bounds of the event loop's delay in seconds. */
export const LOOP_DELAY_BUCKETS_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5] as const;

const STABLE_FLOW = { stability: 'stable', feature: 'flow' } as const;
const STABLE_SELF = { stability: 'stable', feature: 'self' } as const;

const FLOW = 'name of the flow in the configuration';
const STATUS = 'declared statuses of the flow; every other value of the column is `other`';
const END = 'declared statuses, `other`, or `none` for a row that is not in the table';
const JOB = 'name of a background job, fixed in the program';
const METRIC = 'name of a metric in this catalogue';
const COLLECTOR = 'metric that a host registered with a collector of its own, `process` or `registered`';

export const catalog = defineCatalog({
  flowItems: {
    name: 'flow_items',
    help: 'Items that are in a status now.',
    type: 'gauge',
    unit: undefined,
    labels: { flow: FLOW, status: STATUS },
    ...STABLE_FLOW,
  },
  flowTransitions: {
    name: 'flow_transitions_total',
    help: 'Status changes that were observed, each counted once; inserts come from none, deletes go to none.',
    type: 'counter',
    unit: undefined,
    labels: { flow: FLOW, from: END, to: END },
    ...STABLE_FLOW,
  },
  flowTransitionReasons: {
    name: 'flow_transition_reasons_total',
    help: 'Status changes by the reason column of the row at the change.',
    type: 'counter',
    unit: undefined,
    labels: { flow: FLOW, to: END, reason: 'declared values of the reason column, everything else `other`' },
    ...STABLE_FLOW,
  },
  flowStatusDuration: {
    name: 'flow_status_duration_seconds',
    help: 'Time that items had spent in a status when they left it, in seconds.',
    type: 'histogram',
    unit: 'seconds',
    labels: { flow: FLOW, status: STATUS, to: END },
    buckets: DWELL_BUCKETS_SECONDS,
    ...STABLE_FLOW,
  },
  flowOldestItemTimestamp: {
    name: 'flow_oldest_item_timestamp_seconds',
    help: 'Moment at which the longest-waiting item of a status entered it, in seconds since the epoch; absent without items.',
    type: 'gauge',
    unit: 'seconds',
    labels: { flow: FLOW, status: STATUS },
    ...STABLE_FLOW,
  },
  flowOldestUpdateTimestamp: {
    name: 'flow_oldest_update_timestamp_seconds',
    help: 'Moment at which the item of a status that was left alone longest was last updated, in seconds since the epoch.',
    type: 'gauge',
    unit: 'seconds',
    labels: { flow: FLOW, status: STATUS },
    ...STABLE_FLOW,
  },
  flowLastTransitionTimestamp: {
    name: 'flow_last_transition_timestamp_seconds',
    help: 'Moment of the newest change into a status, in seconds since the epoch; absent before the first.',
    type: 'gauge',
    unit: 'seconds',
    labels: { flow: FLOW, to: END },
    ...STABLE_FLOW,
  },
  flowStuckItems: {
    name: 'flow_stuck_items',
    help: 'Items that are in a status for longer than its tightest declared limit.',
    type: 'gauge',
    unit: undefined,
    labels: { flow: FLOW, status: STATUS },
    ...STABLE_FLOW,
  },
  flowStatusLimit: {
    name: 'flow_status_limit_seconds',
    help: 'Declared limit of the time in a status, in seconds; rules compare ages with it.',
    type: 'gauge',
    unit: 'seconds',
    labels: { flow: FLOW, status: STATUS, severity: '`warning` or `critical`' },
    ...STABLE_FLOW,
  },
  flowVerdict: {
    name: 'flow_verdict',
    help: 'Judgement of the flow as a whole: 1 for the verdict that holds, 0 for the others.',
    type: 'gauge',
    unit: undefined,
    labels: { flow: FLOW, verdict: '`idle`, `flowing`, `backlogged`, `stalled`, `starved`' },
    stability: 'experimental',
    feature: 'flow',
  },
  flowUnknownStatusItems: {
    name: 'flow_unknown_status_items',
    help: 'Items whose status is not one of the declared ones.',
    type: 'gauge',
    unit: undefined,
    labels: { flow: FLOW },
    ...STABLE_FLOW,
  },
  flowUnexpectedTransitions: {
    name: 'flow_unexpected_transitions_total',
    help: 'Status changes outside the declared moves.',
    type: 'counter',
    unit: undefined,
    labels: { flow: FLOW },
    ...STABLE_FLOW,
  },
  flowCaptureInfo: {
    name: 'flow_capture_info',
    help: 'How changes are captured: 1 for the mode in force, 0 for the others.',
    type: 'gauge',
    unit: undefined,
    labels: { flow: FLOW, mode: '`journal`, `poll` or `snapshot`' },
    ...STABLE_FLOW,
  },
  flowCaptureLag: {
    name: 'flow_capture_lag_seconds',
    help: 'Age of the oldest change that is written but not counted yet, in seconds; 0 when all are counted.',
    type: 'gauge',
    unit: 'seconds',
    labels: { flow: FLOW },
    ...STABLE_FLOW,
  },
  flowCaptureBacklog: {
    name: 'flow_capture_backlog_entries',
    help: 'Journal entries that are written but not counted yet.',
    type: 'gauge',
    unit: undefined,
    labels: { flow: FLOW },
    ...STABLE_FLOW,
  },
  flowCaptureGaps: {
    name: 'flow_capture_gaps_total',
    help: 'Times the capture was found to have missed changes, so that counters may be short.',
    type: 'counter',
    unit: undefined,
    labels: { flow: FLOW },
    ...STABLE_FLOW,
  },
  flowCaptureFaults: {
    name: 'flow_capture_faults_total',
    help: 'Changes that the trigger could not write to the journal and marked as a fault instead.',
    type: 'counter',
    unit: undefined,
    labels: { flow: FLOW },
    ...STABLE_FLOW,
  },
  flowSnapshotDrift: {
    name: 'flow_snapshot_drift_items',
    help: 'Items found by the last audit minus items known from the changes, before the repair; 0 when they agree.',
    type: 'gauge',
    unit: undefined,
    labels: { flow: FLOW, status: STATUS },
    ...STABLE_FLOW,
  },
  flowSnapshotTimestamp: {
    name: 'flow_snapshot_timestamp_seconds',
    help: 'Moment of the last complete audit of the table, in seconds since the epoch.',
    type: 'gauge',
    unit: 'seconds',
    labels: { flow: FLOW },
    ...STABLE_FLOW,
  },
  jobRuns: {
    name: 'job_runs_total',
    help: 'Finished runs of a background job.',
    type: 'counter',
    unit: undefined,
    labels: { job_name: JOB, outcome: 'declared outcomes of the job, at least `success` and `failure`' },
    ...STABLE_SELF,
  },
  jobDuration: {
    name: 'job_duration_seconds',
    help: 'Duration of finished runs of a background job, in seconds.',
    type: 'histogram',
    unit: 'seconds',
    labels: { job_name: JOB },
    buckets: JOB_BUCKETS_SECONDS,
    ...STABLE_SELF,
  },
  jobLastSuccessTimestamp: {
    name: 'job_last_success_timestamp_seconds',
    help: 'Moment at which a background job last succeeded, in seconds since the epoch; 0 before the first success.',
    type: 'gauge',
    unit: 'seconds',
    labels: { job_name: JOB },
    ...STABLE_SELF,
  },
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
    ...STABLE_SELF,
  },
  collectorSuccess: {
    name: 'flowgauge_collector_success',
    help: 'Whether a collector answered in this scrape; at 0 its metrics are left out.',
    type: 'gauge',
    unit: undefined,
    labels: { collector: COLLECTOR },
    ...STABLE_SELF,
  },
  collectorDuration: {
    name: 'flowgauge_collector_duration_seconds',
    help: 'Time that a collector took in this scrape, in seconds.',
    type: 'gauge',
    unit: 'seconds',
    labels: { collector: COLLECTOR },
    ...STABLE_SELF,
  },
  exposedSeries: {
    name: 'flowgauge_series',
    help: 'Series that a metric puts into one scrape, the buckets of histograms included.',
    type: 'gauge',
    unit: undefined,
    labels: { metric: METRIC },
    ...STABLE_SELF,
  },
  seriesOverflow: {
    name: 'flowgauge_series_overflow_total',
    help: 'Recordings whose label set was over the series budget: kept in an overflow series, or dropped for gauges.',
    type: 'counter',
    unit: undefined,
    labels: { metric: METRIC },
    ...STABLE_SELF,
  },
  rejectedValues: {
    name: 'flowgauge_rejected_values_total',
    help: 'Recordings that were refused: not a finite number, below zero for a counter, or a wrong label set.',
    type: 'counter',
    unit: undefined,
    labels: { metric: METRIC },
    ...STABLE_SELF,
  },
  leader: {
    name: 'flowgauge_leader',
    help: 'Whether this process is the one that reads changes (1) or serves what another reads (0).',
    type: 'gauge',
    unit: undefined,
    labels: {},
    ...STABLE_SELF,
  },
  scrapesRejected: {
    name: 'flowgauge_scrapes_rejected_total',
    help: 'Scrapes answered with 503 because too many were waiting already.',
    type: 'counter',
    unit: undefined,
    labels: {},
    ...STABLE_SELF,
  },
  storeUp: {
    name: 'flowgauge_store_up',
    help: 'Whether the last contact with the store, the database of our own tables, succeeded.',
    type: 'gauge',
    unit: undefined,
    labels: {},
    ...STABLE_SELF,
  },
  sourceUp: {
    name: 'flowgauge_source_up',
    help: 'Whether the last contact with the source, the watched database, succeeded.',
    type: 'gauge',
    unit: undefined,
    labels: {},
    ...STABLE_SELF,
  },
});

/** The type of the catalogue: keys are the names of the instruments in the program. */
export type Catalog = typeof catalog;
