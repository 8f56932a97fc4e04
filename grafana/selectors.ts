/** Owns how the panels choose series: by the variables at the head of the dashboard. */
import type { Query, VariableSpec } from './dashboard-spec.js';

/** Every process of ours has this series, the exporters as well as services that use the library. */
const EVERYWHERE = 'flowgauge_refresh_failures_total';
/** Matchers of every series of ours. */
export const TARGET = 'job=~"$job",instance=~"$instance"';

/** `metric{…}` of the chosen exporters, with more matchers when given. */
export function chosen(metric: string, more = ''): string {
  return `${metric}{${TARGET}${more === '' ? '' : `,${more}`}}`;
}

/** The same for the chosen flows. */
export function ofFlow(metric: string, more = ''): string {
  return chosen(metric, `flow=~"$flow"${more === '' ? '' : `,${more}`}`);
}

/** Metrics that Prometheus and Alertmanager have too: of our processes only. */
export function ours(metric: string): string {
  return `${chosen(metric)} and on (job, instance) ${chosen('flowgauge_series')}`;
}

/** Some alerts come without a job, such as that of an absent target: they always show. */
export const ALERT_TARGET = 'job=~"$job|",instance=~"$instance|"';

/** Alerts, firing or pending. */
export function alertsOf(more: string): string {
  return `ALERTS{${ALERT_TARGET},${more}}`;
}

/** The lines of a threshold by severity; where exporters are configured differently, the highest. */
export function limitsOf(
  threshold: string,
  severities: readonly ('warning' | 'error' | 'critical')[],
): readonly Query[] {
  return severities.map((severity) => ({
    expr: `max(${chosen('instance:threshold:effective', `threshold="${threshold}",severity="${severity}"`)})`,
    legend: `limit ${severity}`,
    limit: severity,
  }));
}

/** `state` series to one number per item: the position of the state in the list, counted from 1. */
export function stateNumber(
  by: string,
  selectorOf: (state: string) => string,
  states: readonly string[],
): string {
  const parts = states.map((state, at) => `${at + 1} * max by (${by}) (${selectorOf(state)})`);
  return parts.join(' + ');
}

export const JOB: VariableSpec = {
  name: 'job',
  label: 'Job',
  description: 'Jobs of Prometheus that scrape Flowgauge.',
  metric: EVERYWHERE,
  from: 'job',
  matchers: '',
};
export const INSTANCE: VariableSpec = {
  name: 'instance',
  label: 'Instance',
  description: 'Exporters, and services that use the library.',
  metric: EVERYWHERE,
  from: 'instance',
  matchers: 'job=~"$job"',
};
export const FLOW: VariableSpec = {
  name: 'flow',
  label: 'Flow',
  description: 'Watched tables, by their names in the configuration.',
  metric: 'flow_items',
  from: 'flow',
  matchers: TARGET,
  first: { text: 'tokens', value: 'tokens' },
};
export const API: VariableSpec = {
  name: 'api',
  label: 'API',
  description: 'Hosts that are called, by their names in the program.',
  metric: 'http_client_request_duration_seconds_count',
  from: 'api',
  matchers: TARGET,
};
export const BREAKER: VariableSpec = {
  name: 'breaker',
  label: 'Breaker',
  description: 'Circuit breakers, by their names in the program.',
  metric: 'circuit_breaker_state',
  from: 'breaker',
  matchers: TARGET,
};
export const POLICY: VariableSpec = {
  name: 'policy',
  label: 'Policy',
  description: 'Retries, by their names in the program; fallbacks and timeouts usually carry the same.',
  metric: 'retry_attempts_total',
  from: 'policy',
  matchers: TARGET,
};
export const LIMITER: VariableSpec = {
  name: 'limiter',
  label: 'Limiter',
  description: 'Limiters of calls at the same time, by their names in the program.',
  metric: 'limiter_limit',
  from: 'limiter',
  matchers: TARGET,
};
