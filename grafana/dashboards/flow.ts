/** Owns the dashboard of one flow: how many items are where, how fast they move, and what waits. */
import type { DashboardSpec, Query } from '../dashboard-spec.js';
import { FLOW, limitsOf, ofFlow, stateNumber } from '../selectors.js';
import { VERDICT_WORDS, VERDICTS } from './overview.js';

/** The declared limits of the statuses, which travel as a series of their own. */
function statusLimits(): readonly Query[] {
  return (['warning', 'critical'] as const).map((severity) => ({
    expr: `max by (flow, status) (${ofFlow('flow_status_limit_seconds', `severity="${severity}"`)})`,
    legend: `limit ${severity} {{status}}`,
    limit: severity,
  }));
}

/** Exporters that serve one store show the same, so the largest is the number. */
const perStatus = (metric: string): Query => ({
  expr: `max by (flow, status) (${ofFlow(metric)})`,
  legend: '{{flow}} {{status}}',
});
const perFlow = (metric: string): Query => ({
  expr: `max by (flow) (${ofFlow(metric)})`,
  legend: '{{flow}}',
});

/** A status that hardly drains would need years, and its line would flatten all others. */
function weekAtMost(query: Query): Query {
  return { ...query, expr: `${query.expr} < ${7 * 86_400}` };
}

function quantiles(metric: string, by: string, legend: string): [Query, Query, Query] {
  const one = (quantile: 'p50' | 'p95' | 'p99', name: string): Query => ({
    expr: `max by (${by}) (${ofFlow(`${metric}:${quantile}_rate1h`)})`,
    legend: `${name} ${legend}`,
  });
  return [one('p50', 'median'), one('p95', '95 %'), one('p99', '99 %')];
}

export const flow: DashboardSpec = {
  uid: 'flowgauge-flow',
  title: 'Flowgauge / Flow',
  description:
    'One flow: items per status, moves, success, time to activation, what waits and how far the capture is.',
  variables: [FLOW],
  rows: [
    {
      title: 'Items and moves',
      panels: [
        {
          kind: 'states',
          title: 'Verdict',
          description: 'The judgement of the flow over time.',
          unit: 'none',
          width: 24,
          height: 4,
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
          kind: 'graph',
          title: 'Items per status',
          description:
            'Items that are in each status. A status that only grows is where the flow is blocked.',
          unit: 'short',
          width: 12,
          height: 9,
          drawn: 'stacked',
          queries: [perStatus('flow_items')],
        },
        {
          kind: 'graph',
          title: 'Moves per minute',
          description:
            'Status changes by origin and target. None stands for an item that comes in or is deleted.',
          unit: 'cpm',
          width: 12,
          height: 9,
          queries: [
            {
              expr: `max by (flow, from, to) (${ofFlow('flow_from_to:transitions_per_minute:rate5m')}) > 0`,
              legend: '{{from}} to {{to}}',
            },
          ],
        },
        {
          kind: 'graph',
          title: 'Success ratio',
          description: 'Share of the items that left a status within the last hour and became active.',
          unit: 'percentunit',
          min: 0,
          queries: [
            {
              expr: `max by (flow, from) (${ofFlow('flow_from:activation_success:ratio1h')})`,
              legend: 'from {{from}}',
            },
            ...limitsOf('activation_success_ratio', ['warning', 'critical']),
          ],
        },
        {
          kind: 'graph',
          title: 'Activations per hour',
          description: 'Items that became active, at the speed of the last hour.',
          unit: 'short',
          queries: [perFlow('flow:activations_per_hour:rate1h')],
        },
        {
          kind: 'graph',
          title: 'Why items moved',
          description: 'Moves per minute by the reason column of the row, where the configuration names one.',
          unit: 'cpm',
          drawn: 'stacked',
          queries: [
            {
              expr: `60 * max by (flow, to, reason) (rate(${ofFlow('flow_transition_reasons_total')}[$__rate_interval])) > 0`,
              legend: '{{to}}: {{reason}}',
            },
          ],
          noValue: 'no reason column',
        },
      ],
    },
    {
      title: 'Time',
      panels: [
        {
          kind: 'heatmap',
          title: 'Time to activation',
          description:
            'How long items had waited when they became active; each column is one moment, darker is more items.',
          unit: 's',
          width: 12,
          height: 9,
          queries: [
            {
              expr: `sum by (le) (max by (flow, status, le) (increase(${ofFlow('flow_status_duration_seconds_bucket', 'status!="active",to="active"')}[$__rate_interval])))`,
              legend: '{{le}}',
            },
          ],
        },
        {
          kind: 'graph',
          title: 'Time to activation, quantiles',
          description:
            'Half, 95 and 99 of 100 items that became active within the last hour had waited at most this long.',
          unit: 's',
          width: 12,
          height: 9,
          queries: quantiles('flow:time_to_activation_seconds', 'flow', '{{flow}}'),
        },
        {
          kind: 'graph',
          title: 'Time in a status, 95 %',
          description:
            '95 of 100 items that left a status within the last hour had been in it at most this long; dashed: its limits.',
          unit: 's',
          width: 12,
          height: 9,
          scale: 'log',
          queries: [perStatus('flow_status:stay_seconds:p95_rate1h'), ...statusLimits()],
        },
        {
          kind: 'graph',
          title: 'Oldest item',
          description:
            'How long the longest-waiting item of a status has been in it; dashed: the limits that alerts compare with.',
          unit: 's',
          width: 12,
          height: 9,
          scale: 'log',
          queries: [perStatus('flow_status:oldest_age:seconds'), ...statusLimits()],
        },
      ],
    },
    {
      title: 'What waits',
      panels: [
        {
          kind: 'graph',
          title: 'Stuck items',
          description: 'Items that are in a status for longer than its tightest limit.',
          unit: 'short',
          queries: [perStatus('flow_stuck_items')],
        },
        {
          kind: 'graph',
          title: 'Drain rate',
          description: 'Exits minus arrivals per second: above 0 the status empties, below 0 it fills.',
          unit: 'cps',
          queries: [perStatus('flow_status:drain:rate5m')],
        },
        {
          kind: 'graph',
          title: 'Time to empty',
          description:
            'How long a status needs to become empty at its present drain rate; absent while it fills, and beyond a week.',
          unit: 's',
          scale: 'log',
          queries: [weekAtMost(perStatus('flow_status:time_to_empty:seconds'))],
          noValue: 'nothing empties',
        },
      ],
    },
    {
      title: 'Compared with other days',
      panels: [
        {
          kind: 'graph',
          title: 'Moves and what is usual',
          description:
            'Moves per second over 15 minutes, and the band of the same time of yesterday and last week. The band needs a day of history.',
          unit: 'cps',
          width: 24,
          queries: [
            perFlow('flow:transitions:rate15m'),
            {
              expr: `max by (flow) (${ofFlow('flow:transitions_band_lower:rate15m')})`,
              legend: 'usual at least {{flow}}',
              limit: 'bound',
            },
            {
              expr: `max by (flow) (${ofFlow('flow:transitions_band_upper:rate15m')})`,
              legend: 'usual at most {{flow}}',
              limit: 'bound',
            },
          ],
        },
      ],
    },
    {
      title: 'Capture',
      panels: [
        {
          kind: 'graph',
          title: 'Capture lag',
          description:
            'Age of the oldest change that is written but not counted yet. A long transaction holds no others back; its own changes are as old as their statements when it commits.',
          unit: 's',
          width: 6,
          queries: [
            perFlow('flow_capture_lag_seconds'),
            ...limitsOf('processing_lag_seconds', ['warning', 'critical']),
          ],
        },
        {
          kind: 'graph',
          title: 'Changes not counted yet',
          description:
            'Journal entries that are written but not counted. It falls back to 0 while all is well.',
          unit: 'short',
          width: 6,
          queries: [perFlow('flow_capture_backlog_entries')],
        },
        {
          kind: 'graph',
          title: 'Drift found by the audit',
          description:
            'Items counted in the table minus items known from the changes, before the repair; 0 when they agree.',
          unit: 'short',
          width: 6,
          queries: [perStatus('flow_snapshot_drift_items')],
        },
        {
          kind: 'graph',
          title: 'Gaps, faults and surprises',
          description:
            'Within an hour: gaps and faults of the capture, moves that are not declared. Items of unknown status are shown as they are now.',
          unit: 'short',
          width: 6,
          queries: [
            {
              expr: `max by (flow) (increase(${ofFlow('flow_capture_gaps_total')}[1h]))`,
              legend: 'gaps {{flow}}',
            },
            {
              expr: `max by (flow) (increase(${ofFlow('flow_capture_faults_total')}[1h]))`,
              legend: 'faults {{flow}}',
            },
            {
              expr: `max by (flow) (increase(${ofFlow('flow_unexpected_transitions_total')}[1h]))`,
              legend: 'undeclared moves {{flow}}',
            },
            {
              expr: `max by (flow) (${ofFlow('flow_unknown_status_items')})`,
              legend: 'unknown status {{flow}}',
            },
          ],
        },
      ],
    },
  ],
};
