/** Owns the dashboard that answers in one screen whether everything is all right. */
import type { DashboardSpec, Word } from '../dashboard-spec.js';
import { alertsOf, BREAKER, chosen, FLOW, limitsOf, ofFlow, stateNumber } from '../selectors.js';

/** The verdicts of a flow as numbers, from good to bad. */
export const VERDICTS = ['flowing', 'idle', 'backlogged', 'starved', 'stalled'] as const;
export const VERDICT_WORDS: readonly Word[] = [
  { value: 1, text: 'flowing', colour: 'green' },
  { value: 2, text: 'idle', colour: 'blue' },
  { value: 3, text: 'backlogged', colour: 'orange' },
  { value: 4, text: 'starved', colour: 'orange' },
  { value: 5, text: 'stalled', colour: 'red' },
];
/** The states of a breaker as numbers. */
export const BREAKER_STATES = ['closed', 'half_open', 'open', 'forced_closed', 'forced_open'] as const;
export const BREAKER_WORDS: readonly Word[] = [
  { value: 1, text: 'closed', colour: 'green' },
  { value: 2, text: 'half open', colour: 'yellow' },
  { value: 3, text: 'open', colour: 'red' },
  { value: 4, text: 'forced closed', colour: 'blue' },
  { value: 5, text: 'forced open', colour: 'purple' },
];
/** Columns of a table of alerts. */
export const ALERT_COLUMNS = {
  severity: 'Severity',
  alertname: 'Alert',
  flow: 'Flow',
  status: 'Status',
  api: 'API',
  instance: 'Instance',
  alertstate: 'State',
};

/** The share of the error budget of 30 days that is left, each event weighted alike; one series per objective. */
export const BUDGET_LEFT = `min by (slo) (1 - ${monthOf('slo:bad:increase5m')} / (${monthOf('slo:events:increase5m')} > 0) / on (job, instance, slo) ${chosen('slo:budget:ratio')})`;
/** Colours of a budget: a tenth and a half of it left. */
export const BUDGET_STEPS = [
  { from: null, colour: 'red' },
  { from: 0.1, colour: 'yellow' },
  { from: 0.5, colour: 'green' },
] as const;
const SCORE_STEPS = [
  { from: null, colour: 'red' },
  { from: 60, colour: 'yellow' },
  { from: 70, colour: 'green' },
] as const;

/** Counts of five minutes each, added up. */
function monthOf(metric: string): string {
  return `sum by (job, instance, slo) (sum_over_time(${chosen(metric)}[30d:5m]))`;
}

export const overview: DashboardSpec = {
  uid: 'flowgauge-overview',
  title: 'Flowgauge / Overview',
  description: 'Is everything all right? Health, flows, breakers, alerts and error budgets in one screen.',
  variables: [FLOW, BREAKER],
  rows: [
    {
      title: 'Now',
      panels: [
        {
          kind: 'number',
          title: 'Health',
          description:
            'Weighted mean of memory, processor and load, from 0 (nothing left) to 100 (all well); the lowest of the chosen instances.',
          unit: 'none',
          width: 4,
          height: 6,
          decimals: 0,
          queries: [{ expr: `min(${chosen('health_score')})`, legend: 'health' }],
          colours: 'background',
          sparkline: 'shown',
          steps: SCORE_STEPS,
        },
        {
          kind: 'bars',
          title: 'Reasons of the health',
          description:
            'The components of the score: the lowest is the reason. Load stands for work that waits beyond its limit.',
          unit: 'none',
          width: 5,
          height: 6,
          min: 0,
          max: 100,
          decimals: 0,
          queries: [
            { expr: `min by (component) (${chosen('health_component_score')})`, legend: '{{component}}' },
          ],
          steps: SCORE_STEPS,
        },
        {
          kind: 'number',
          title: 'Verdict per flow',
          description:
            'Flowing: items leave. Idle: nothing to do. Backlogged: items are late, or come in faster than they leave. Starved: nothing arrives. Stalled: items wait and none leaves.',
          unit: 'none',
          width: 5,
          height: 6,
          queries: [
            {
              expr: stateNumber(
                'flow',
                (verdict) => ofFlow('flow_verdict', `verdict="${verdict}"`),
                VERDICTS,
              ),
              legend: '{{flow}}',
            },
          ],
          colours: 'background',
          words: VERDICT_WORDS,
        },
        {
          kind: 'number',
          title: 'Firing alerts',
          description:
            'Alerts that are firing, by severity. The dead-man switch that always fires is left out.',
          unit: 'none',
          width: 5,
          height: 6,
          queries: [
            {
              expr: `count by (severity) (${alertsOf('alertstate="firing",alertname!="Watchdog",tier=""')})`,
              legend: '{{severity}}',
            },
          ],
          noValue: 'none',
          steps: [
            { from: null, colour: 'green' },
            { from: 1, colour: 'red' },
          ],
        },
        {
          kind: 'bars',
          title: 'Error budget left',
          description:
            'Share of the error budget of 30 days that is not used up, per objective; the worst of the chosen instances. Below 0 the objective is missed.',
          unit: 'percentunit',
          width: 5,
          height: 6,
          min: 0,
          max: 1,
          queries: [{ expr: BUDGET_LEFT, legend: '{{slo}}' }],
          noValue: 'no events yet',
          steps: BUDGET_STEPS,
        },
      ],
    },
    {
      title: 'Flows and dependencies',
      panels: [
        {
          kind: 'states',
          title: 'Verdicts over time',
          description: 'The verdict of each flow over time, to see since when it is as it is.',
          unit: 'none',
          width: 12,
          height: 6,
          queries: [
            {
              expr: stateNumber(
                'flow',
                (verdict) => ofFlow('flow_verdict', `verdict="${verdict}"`),
                VERDICTS,
              ),
              legend: '{{flow}}',
            },
          ],
          words: VERDICT_WORDS,
        },
        {
          kind: 'states',
          title: 'Circuit breakers',
          description: 'Closed lets calls through, open refuses them at once, half open tries a few.',
          unit: 'none',
          width: 12,
          height: 6,
          queries: [
            {
              expr: stateNumber(
                'instance, breaker',
                (state) => chosen('circuit_breaker_state', `breaker=~"$breaker",state="${state}"`),
                BREAKER_STATES,
              ),
              legend: '{{breaker}} {{instance}}',
            },
          ],
          words: BREAKER_WORDS,
        },
        {
          kind: 'graph',
          title: 'Moves per minute',
          description:
            'Status changes of all items of a flow. A line that falls to zero is a flow that stands still.',
          unit: 'cpm',
          queries: [
            { expr: `max by (flow) (${ofFlow('flow:transitions_per_minute:rate5m')})`, legend: '{{flow}}' },
          ],
        },
        {
          kind: 'graph',
          title: 'Stuck items',
          description: 'Items that are in a status for longer than its tightest declared limit; 0 is good.',
          unit: 'short',
          queries: [
            {
              expr: `max by (flow, status) (${ofFlow('flow_stuck_items')})`,
              legend: '{{flow}} {{status}}',
            },
          ],
        },
        {
          kind: 'graph',
          title: 'Health over time',
          description: 'The score of each instance with the limits below which alerts fire.',
          unit: 'none',
          min: 0,
          max: 100,
          queries: [
            { expr: chosen('health_score'), legend: '{{instance}}' },
            ...limitsOf('health_score', ['warning', 'critical']),
          ],
        },
      ],
    },
    {
      title: 'Alerts and reachability',
      panels: [
        {
          kind: 'table',
          title: 'Firing alerts',
          description: 'Every alert that is firing now, with what it speaks of.',
          unit: 'none',
          width: 16,
          queries: [{ expr: alertsOf('alertstate="firing",alertname!="Watchdog"') }],
          columns: ALERT_COLUMNS,
          noValue: 'none',
        },
        {
          kind: 'number',
          title: 'Reachable',
          description:
            'Whether Prometheus reaches each exporter, whether its databases answer, and whether probed services do.',
          unit: 'none',
          queries: [
            { expr: `min by (job) (${chosen('up')})`, legend: 'scrape of {{job}}' },
            { expr: `min(${chosen('flowgauge_source_up')})`, legend: 'source' },
            { expr: `min(${chosen('flowgauge_store_up')})`, legend: 'store' },
            { expr: `min by (probe) (${chosen('probe_success')})`, legend: 'probe {{probe}}' },
          ],
          colours: 'background',
          words: [
            { value: 0, text: 'down', colour: 'red' },
            { value: 1, text: 'up', colour: 'green' },
          ],
        },
      ],
    },
  ],
};
