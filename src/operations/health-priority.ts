/** Owns the body of `/health/priority`: what waits where a limit is set, the most urgent first. */
import type { LimitSeverity } from '../flows/flow.js';
import { type FlowFacts, type HealthFacts, rounded, type StatusFacts } from './health-facts.js';

/** How urgent the head of a queue is, the most urgent first; the words after the limit that it has passed. */
export const PRIORITIES = ['critical', 'warning', 'normal'] as const;
type Priority = (typeof PRIORITIES)[number];

interface Queue {
  readonly priority: Priority;
  /** Age of the oldest item as a share of the lowest limit; undefined while nothing waits. */
  readonly usedOfLimit: number | undefined;
  readonly body: Readonly<Record<string, unknown>>;
}

/** The body; undefined when no status of any flow has a limit, for then nothing is more urgent than anything else. */
export function priorityBody(
  facts: Pick<HealthFacts, 'flows' | 'now'>,
): Readonly<Record<string, unknown>> | undefined {
  const flows = facts.flows();
  const queues = flows.flatMap((flow) =>
    flow.statuses.flatMap((status) => {
      const limits = flow.limits.get(status.status);
      return limits === undefined ? [] : [queueOf(flow, status, limits)];
    }),
  );
  if (queues.length === 0) return undefined;
  queues.sort((a, b) => rank(a) - rank(b) || (b.usedOfLimit ?? -1) - (a.usedOfLimit ?? -1));
  const counts = PRIORITIES.map((one) => [one, queues.filter(({ priority }) => priority === one).length]);
  return {
    status: queues.every(({ priority }) => priority === 'normal') ? 'healthy' : 'degraded',
    timestamp: facts.now().toISOString(),
    counts: Object.fromEntries(counts),
    queue: queues.map(({ body }) => body),
  };
}

/** A critical limit that has just been passed comes before a warning that was passed many times over. */
function rank({ priority }: Queue): number {
  return PRIORITIES.indexOf(priority);
}

function queueOf(
  { flow, asOf }: FlowFacts,
  { status, items, stuckItems, oldestAgeSeconds: age }: StatusFacts,
  limits: Partial<Record<LimitSeverity, number>>,
): Queue {
  const lowest = limits.warning ?? limits.critical;
  const usedOfLimit = age === undefined || lowest === undefined ? undefined : age / lowest;
  const isOver = (limit: number | undefined) => limit !== undefined && age !== undefined && age > limit;
  const priority = isOver(limits.critical) ? 'critical' : isOver(limits.warning) ? 'warning' : 'normal';
  const body = {
    flow,
    status,
    priority,
    items: items ?? null,
    over_limit_items: stuckItems ?? null,
    oldest_age_seconds: rounded(age),
    warning_seconds: limits.warning ?? null,
    critical_seconds: limits.critical ?? null,
    used_of_limit: rounded(usedOfLimit),
    as_of: asOf?.toISOString() ?? null,
  };
  return { priority, usedOfLimit, body };
}
