/** Owns the recommendations: what to do now, each drawn from a value that is beyond what it should be. */
import type { Severity } from '../config/thresholds.js';
import { openBreakers } from './health-breakers.js';
import { jobsNotWell } from './health-facts.js';
import { passedLimits } from './health-limits.js';
import { ALL_WELL } from './health-resources.js';
import type { MonitoringFacts } from './monitoring-facts.js';
import { bottlenecksOf } from './monitoring-flow.js';

/** What a recommendation is about. */
export const RECOMMENDATION_KINDS = ['resource', 'flow', 'breaker', 'probe', 'job', 'channel'] as const;
export type RecommendationKind = (typeof RECOMMENDATION_KINDS)[number];

/** One recommendation. */
export interface Recommendation {
  readonly kind: RecommendationKind;
  readonly severity: Severity;
  /** The name of what it is about. */
  readonly component: string;
  /** What was seen. */
  readonly reason: string;
  /** What to do. */
  readonly action: string;
}

/** From the loudest on. */
export const URGENCIES: readonly Severity[] = ['critical', 'error', 'warning', 'info'];

/** Everything that should be done, the most urgent first. */
export function recommendationsNow(facts: MonitoringFacts): readonly Recommendation[] {
  const all = [
    ...ofResources(facts),
    ...ofFlows(facts),
    ...ofBreakers(facts),
    ...ofProbes(facts),
    ...ofJobs(facts),
    ...ofChannels(facts),
  ];
  return all.sort((a, b) => URGENCIES.indexOf(a.severity) - URGENCIES.indexOf(b.severity));
}

/** The body of `/admin/performance/recommendations`. */
export function recommendationsBody(facts: MonitoringFacts) {
  const recommendations = recommendationsNow(facts);
  return {
    timestamp: facts.now().toISOString(),
    recommendations,
    count: recommendations.length,
    message: recommendations.length === 0 ? ALL_WELL : recommendations[0]!.action,
    status: 'ok' as const,
  };
}

function ofResources(facts: MonitoringFacts): readonly Recommendation[] {
  const resources = facts.resources();
  if (resources === undefined) return [];
  return passedLimits(resources, facts.performance(), facts.thresholds()).map((one) => ({
    kind: 'resource',
    severity: one.severity,
    component: one.threshold,
    reason: one.message,
    action: one.recommendation,
  }));
}

const FLOW_ACTIONS = {
  stuck_items: 'Look at which items are stuck, and at what should move them on.',
  flow_stalled: 'Nothing leaves although items wait: look whether the worker of this flow runs.',
  flow_backlogged:
    'More comes than goes: give the worker of this flow more room, or its items a longer limit.',
  flow_starved: 'Nothing comes in: look at what creates the items.',
  capture_lag:
    'The counting is behind: look at the load of the source and of this machine, and in the log of its job.',
} as const;

function ofFlows(facts: MonitoringFacts): readonly Recommendation[] {
  return facts.flows().flatMap((flow) =>
    bottlenecksOf(facts, flow).map(({ type, severity, description }) => ({
      kind: 'flow' as const,
      severity,
      component: flow.flow,
      reason: description,
      action: FLOW_ACTIONS[type],
    })),
  );
}

function ofBreakers({ breakers }: MonitoringFacts): readonly Recommendation[] {
  return openBreakers(breakers()).map(({ name, state }) => ({
    kind: 'breaker',
    severity: 'warning',
    component: name,
    reason: `the circuit breaker is ${state}`,
    action:
      state === 'forced_open'
        ? 'Somebody opened it by hand: take that back once its service is well.'
        : 'Look at the service behind it; the breaker tries again by itself.',
  }));
}

function ofProbes({ probes }: MonitoringFacts): readonly Recommendation[] {
  return probes().flatMap(({ probe, outcome, consecutiveFailures }): Recommendation[] =>
    outcome?.success === false
      ? [
          {
            kind: 'probe',
            severity: consecutiveFailures > 1 ? 'error' : 'warning',
            component: probe,
            reason: `${consecutiveFailures} bad answers in a row: ${outcome.reason}`,
            action: outcome.message,
          },
        ]
      : [],
  );
}

function ofJobs({ jobs }: MonitoringFacts): readonly Recommendation[] {
  return jobsNotWell(jobs()).map(({ name, state, restarts }) => ({
    kind: 'job',
    severity: state === 'late' ? 'warning' : 'error',
    component: name,
    reason: `the job is ${state}${restarts > 0 ? ` and was begun anew ${restarts} times` : ''}`,
    action: 'Look in the log for its name; if it comes again, restart this process.',
  }));
}

function ofChannels({ channels }: MonitoringFacts): readonly Recommendation[] {
  return channels()
    .filter(({ messages }) => messages.dead > 0)
    .map(({ channel, messages }) => ({
      kind: 'channel',
      severity: 'error',
      component: channel,
      reason: `${messages.dead} messages could not be delivered`,
      action: 'See why at /api/notifications/dead, repair it, then redrive them.',
    }));
}
