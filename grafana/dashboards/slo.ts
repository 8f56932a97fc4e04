/** Owns the dashboard of the service level objectives: what is left of the error budgets and how fast they burn. */
import type { DashboardSpec, GraphPanel } from '../dashboard-spec.js';
import { chosen, FLOW } from '../selectors.js';
import { BUDGET_LEFT, BUDGET_STEPS } from './overview.js';

/** Of the chosen flows; objectives of APIs and channels have no flow. */
const ofObjective = (metric: string, slo: string): string =>
  chosen(metric, slo === 'in_time' ? 'slo="in_time",flow=~"$flow"' : `slo="${slo}"`);

/** Above these speeds the alerts fire: they are part of the method, not of the configuration. */
const BURN_STEPS = [
  { from: null, colour: 'green' },
  { from: 3, colour: 'yellow' },
  { from: 6, colour: 'orange' },
  { from: 14.4, colour: 'red' },
] as const;

function burnPanel(slo: string, title: string, by: string, legend: string): GraphPanel {
  const burn = (window: string): string =>
    `max by (${by}) (${ofObjective(`slo:bad:ratio_rate${window}`, slo)} / on (job, instance, slo) group_left () ${chosen('slo:budget:ratio', `slo="${slo}"`)})`;
  return {
    kind: 'graph',
    title,
    description:
      'Bad events as a multiple of what the objective allows, over a short and a long window. At 1 the budget lasts exactly 30 days; lines at 3, 6 and 14.4, where alerts begin.',
    unit: 'none',
    height: 9,
    decimals: 1,
    steps: BURN_STEPS,
    showSteps: 'lines',
    queries: [
      { expr: burn('5m'), legend: `5 min ${legend}` },
      { expr: burn('1h'), legend: `1 h ${legend}` },
      { expr: burn('6h'), legend: `6 h ${legend}` },
    ],
    noValue: 'no events',
  };
}

export const slo: DashboardSpec = {
  uid: 'flowgauge-slo',
  title: 'Flowgauge / Objectives',
  description:
    'Error budgets of 30 days and the speed at which they burn: items in time, APIs, notifications.',
  variables: [FLOW],
  rows: [
    {
      title: 'Budgets',
      panels: [
        {
          kind: 'bars',
          title: 'Error budget left',
          description:
            'Share of the budget of 30 days that is not used up, per objective. Below 0 the objective is missed.',
          unit: 'percentunit',
          min: 0,
          max: 1,
          queries: [{ expr: BUDGET_LEFT, legend: '{{slo}}' }],
          noValue: 'no events yet',
          steps: BUDGET_STEPS,
        },
        {
          kind: 'number',
          title: 'Objectives',
          description: 'The share of good events that is promised, as the configuration says it.',
          unit: 'percentunit',
          decimals: 2,
          queries: [{ expr: `1 - max by (slo) (${chosen('slo:budget:ratio')})`, legend: '{{slo}}' }],
        },
        {
          kind: 'number',
          title: 'Good events of the last day',
          description:
            'Share of the events of the last day that kept the promise; the worst series of each objective.',
          unit: 'percentunit',
          decimals: 2,
          queries: [{ expr: `1 - max by (slo) (${chosen('slo:bad:ratio_rate1d')})`, legend: '{{slo}}' }],
          noValue: 'no events yet',
        },
      ],
    },
    {
      title: 'Burn rates',
      panels: [
        burnPanel('in_time', 'Items in time', 'flow, status', '{{flow}} {{status}}'),
        burnPanel('api', 'APIs', 'api', '{{api}}'),
        burnPanel('notification', 'Notifications', 'channel', '{{channel}}'),
      ],
    },
    {
      title: 'Events',
      panels: [
        {
          kind: 'graph',
          title: 'Events within an hour',
          description: 'What the ratios are made of. Below the minimum of events no alert fires, dashed.',
          unit: 'short',
          width: 12,
          scale: 'log',
          queries: [
            {
              expr: `max by (slo, flow, status, api, channel) (${chosen('slo:events:increase1h')})`,
              legend: '{{slo}} {{flow}} {{status}} {{api}} {{channel}}',
            },
            {
              expr: `max(${chosen('instance:threshold:effective', 'threshold="minimum_events",severity="none"')})`,
              legend: 'minimum of events',
              limit: 'bound',
            },
          ],
        },
        {
          kind: 'graph',
          title: 'Bad share within an hour',
          description:
            'Share of the events of an hour that broke the promise; dashed: what each objective allows.',
          unit: 'percentunit',
          width: 12,
          min: 0,
          queries: [
            {
              expr: `max by (slo, flow, status, api, channel) (${chosen('slo:bad:ratio_rate1h')})`,
              legend: '{{slo}} {{flow}} {{status}} {{api}} {{channel}}',
            },
            {
              expr: `max by (slo) (${chosen('slo:budget:ratio')})`,
              legend: 'allowed {{slo}}',
              limit: 'bound',
            },
          ],
        },
      ],
    },
  ],
};
