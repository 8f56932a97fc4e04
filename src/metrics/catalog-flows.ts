/** Owns the series about flows: items, moves, dwell times, limits, and how the moves are captured. */
import type { MetricSpec } from './define.js';

/** Upper bounds of dwell times in seconds: from one second to one week. */
export const DWELL_BUCKETS_SECONDS = [
  1, 5, 15, 30, 60, 180, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200, 86_400, 259_200, 604_800,
] as const;

const STABLE = { stability: 'stable', feature: 'flow' } as const;

const FLOW = 'name of the flow in the configuration, or in the program that tells its moves';
const STATUS = 'declared statuses of the flow; every other value of the column is `other`';
const END = 'declared statuses, `other`, or `none` for an item that is not there';

export const flowMetrics = {
  flowItems: {
    name: 'flow_items',
    help: 'Items that are in a status now.',
    type: 'gauge',
    unit: undefined,
    labels: { flow: FLOW, status: STATUS },
    ...STABLE,
  },
  flowTransitions: {
    name: 'flow_transitions_total',
    help: 'Status changes that were observed, each counted once; inserts come from none, deletes go to none.',
    type: 'counter',
    unit: undefined,
    labels: { flow: FLOW, from: END, to: END },
    ...STABLE,
  },
  flowTransitionReasons: {
    name: 'flow_transition_reasons_total',
    help: 'Status changes by the reason column of the row at the change.',
    type: 'counter',
    unit: undefined,
    labels: { flow: FLOW, to: END, reason: 'declared values of the reason column, everything else `other`' },
    ...STABLE,
  },
  flowStatusDuration: {
    name: 'flow_status_duration_seconds',
    help: 'Time that items had spent in a status when they left it, in seconds.',
    type: 'histogram',
    unit: 'seconds',
    labels: { flow: FLOW, status: STATUS, to: END },
    buckets: DWELL_BUCKETS_SECONDS,
    ...STABLE,
  },
  flowOldestItemTimestamp: {
    name: 'flow_oldest_item_timestamp_seconds',
    help: 'Moment at which the longest-waiting item of a status entered it, in seconds since the epoch; absent without items.',
    type: 'gauge',
    unit: 'seconds',
    labels: { flow: FLOW, status: STATUS },
    ...STABLE,
  },
  flowOldestUpdateTimestamp: {
    name: 'flow_oldest_update_timestamp_seconds',
    help: 'Moment at which the item of a status that was left alone longest was last updated, in seconds since the epoch.',
    type: 'gauge',
    unit: 'seconds',
    labels: { flow: FLOW, status: STATUS },
    ...STABLE,
  },
  flowLastTransitionTimestamp: {
    name: 'flow_last_transition_timestamp_seconds',
    help: 'Moment of the newest change into a status, in seconds since the epoch; absent before the first.',
    type: 'gauge',
    unit: 'seconds',
    labels: { flow: FLOW, to: END },
    ...STABLE,
  },
  flowStuckItems: {
    name: 'flow_stuck_items',
    help: 'Items that are in a status for longer than its tightest declared limit.',
    type: 'gauge',
    unit: undefined,
    labels: { flow: FLOW, status: STATUS },
    ...STABLE,
  },
  flowStatusLimit: {
    name: 'flow_status_limit_seconds',
    help: 'Declared limit of the time in a status, in seconds; rules compare ages with it.',
    type: 'gauge',
    unit: 'seconds',
    labels: { flow: FLOW, status: STATUS, severity: '`warning` or `critical`' },
    ...STABLE,
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
    ...STABLE,
  },
  flowUnexpectedTransitions: {
    name: 'flow_unexpected_transitions_total',
    help: 'Status changes outside the declared moves.',
    type: 'counter',
    unit: undefined,
    labels: { flow: FLOW },
    ...STABLE,
  },
  flowCaptureInfo: {
    name: 'flow_capture_info',
    help: 'How changes are captured: 1 for the mode in force, 0 for the others.',
    type: 'gauge',
    unit: undefined,
    labels: {
      flow: FLOW,
      mode: '`journal`, `poll`, `snapshot`; `told` for a flow whose moves a program tells',
    },
    ...STABLE,
  },
  flowCaptureLag: {
    name: 'flow_capture_lag_seconds',
    help: 'Age of the oldest change that is written but not counted yet, in seconds; 0 when all are counted.',
    type: 'gauge',
    unit: 'seconds',
    labels: { flow: FLOW },
    ...STABLE,
  },
  flowCaptureBacklog: {
    name: 'flow_capture_backlog_entries',
    help: 'Journal entries that are written but not counted yet.',
    type: 'gauge',
    unit: undefined,
    labels: { flow: FLOW },
    ...STABLE,
  },
  flowCaptureGaps: {
    name: 'flow_capture_gaps_total',
    help: 'Times the capture was found to have missed changes, so that counters may be short.',
    type: 'counter',
    unit: undefined,
    labels: { flow: FLOW },
    ...STABLE,
  },
  flowCaptureFaults: {
    name: 'flow_capture_faults_total',
    help: 'Changes that the trigger could not write to the journal and marked as a fault instead.',
    type: 'counter',
    unit: undefined,
    labels: { flow: FLOW },
    ...STABLE,
  },
  flowSnapshotDrift: {
    name: 'flow_snapshot_drift_items',
    help: 'Items found by the last audit minus items known from the changes, before the repair; 0 when they agree.',
    type: 'gauge',
    unit: undefined,
    labels: { flow: FLOW, status: STATUS },
    ...STABLE,
  },
  flowSnapshotTimestamp: {
    name: 'flow_snapshot_timestamp_seconds',
    help: 'Moment of the last complete audit of the table, in seconds since the epoch.',
    type: 'gauge',
    unit: 'seconds',
    labels: { flow: FLOW },
    ...STABLE,
  },
  flowForgottenItems: {
    name: 'flow_forgotten_items_total',
    help: 'Items of a flow whose moves a program tells that were forgotten because too many lived: their next stay is not timed.',
    type: 'counter',
    unit: undefined,
    labels: { flow: FLOW },
    ...STABLE,
  },
} as const satisfies Readonly<Record<string, MetricSpec>>;
