/** Owns made-up parts of monitoring: everything configured, every server answering, and whatever a test changes about it. */

import type { HttpDeps } from '../../src/http/deps.js';
import type { MonitoringDeps } from '../../src/http/monitoring-api.js';
import type { MonitoringFacts, RecentMoves } from '../../src/operations/monitoring-facts.js';
import { judgeLadder, observedOf } from '../../src/operations/suggestions.js';
import type { ThresholdReport } from '../../src/operations/suggestions-report.js';
import { summaryOf, trendOf } from '../../src/operations/trend.js';
import type { PerformanceHistory } from '../../src/operations/trend-history.js';
import { alert, days, facts, flow, NOW, probe, resources, sample } from './made-up-facts.js';

/** An hour in which three of thirty moves were activations. */
export const recent: RecentMoves = {
  windowSeconds: 300,
  into: new Map([
    ['monitoring', 27],
    ['active', 3],
  ]),
  total: 30,
};

/** A flow that stands still, with late items and a late counting. */
export const stuckFlow = {
  ...flow,
  verdict: 'stalled' as const,
  captureLagSeconds: 700,
  statuses: [
    { status: 'monitoring', items: 12, stuckItems: 4, oldestAgeSeconds: 1200 },
    { status: 'active', items: 3, stuckItems: 0, oldestAgeSeconds: undefined },
  ],
};

/** A probe without an answer. */
export const badProbe = {
  ...probe,
  outcome: {
    success: false as const,
    reason: 'timeout' as const,
    message: 'no answer',
    latencyMs: 1,
    facts: {},
  },
  consecutiveFailures: 3,
};

/** A machine without a free processor. */
export const busy = {
  ...resources,
  sample: {
    ...sample,
    cpu: {
      kind: 'measured' as const,
      atMs: 0,
      durationMs: 1,
      value: { cores: 2, utilizationRatio: 0.97 },
    },
  },
};

/** Facts of monitoring, with these changed. */
export function monitoringFacts(over: Partial<MonitoringFacts> = {}): MonitoringFacts {
  return { ...facts(over), recentMoves: () => recent, ...over };
}

const minute = (n: number) => NOW.getTime() - (60 - n) * 60_000;
const points = [10, 20, 30].map((value, n) => ({ atMs: minute(n * 20), value }));

/** Three points on a line. */
export const history: PerformanceHistory = {
  hours: 1,
  stepSeconds: 15,
  points: points.map(({ atMs, value }) => ({
    atMs,
    memory_percent: value,
    cpu_percent: undefined,
    transitions_per_minute: 0,
  })),
  trends: {
    memory_percent: trendOf(points),
    cpu_percent: trendOf([]),
    transitions_per_minute: trendOf(points.map(({ atMs }) => ({ atMs, value: 0 }))),
  },
  summaries: {
    memory_percent: summaryOf(points),
    cpu_percent: summaryOf([]),
    transitions_per_minute: summaryOf([]),
  },
  transitions: 12,
  queries: { memory_percent: 'a', cpu_percent: 'b', transitions_per_minute: 'c' },
};

const values = Array.from({ length: 200 }, (_, n) => n / 200);

/** One threshold that is far away, one without observations, and one that no history says anything about. */
export const reports: readonly ThresholdReport[] = [
  {
    threshold: 'heap_utilization_ratio',
    component: 'process',
    query: 'max(instance:heap_utilization:ratio)',
    samples: values.length,
    firstSampleAtMs: minute(0),
    observed: observedOf(values),
    judgements: judgeLadder(
      { side: 'above', bounds: [0, 1] },
      [{ severity: 'warning', value: 0.99 }],
      values,
    ),
    without: undefined,
  },
  {
    threshold: 'api_error_ratio',
    component: 'apis',
    query: 'max(api:errors:ratio_rate5m)',
    samples: 0,
    firstSampleAtMs: undefined,
    observed: undefined,
    judgements: judgeLadder({ side: 'above', bounds: [0, 1] }, [{ severity: 'warning', value: 0.15 }], []),
    without: undefined,
  },
  {
    threshold: 'minimum_events',
    component: 'other',
    query: undefined,
    samples: 0,
    firstSampleAtMs: undefined,
    observed: undefined,
    judgements: [],
    without: 'it is no limit',
  },
];

/** What stands behind the routes of monitoring and of days, with these changed. */
export function monitoringDeps(
  over: Partial<MonitoringDeps> = {},
): Required<Pick<HttpDeps, 'monitoring' | 'flowDays'>> {
  return {
    flowDays: async () => days,
    monitoring: {
      facts: monitoringFacts(),
      history: async () => history,
      suggestions: async () => reports,
      alertGroups: async () => ({
        active: [{ receiver: 'oncall', labels: { alertname: 'FlowStalled' }, alerts: [alert('critical')] }],
        ended: [
          {
            alertname: 'CpuHigh',
            labels: { instance: 'a:1' },
            fingerprint: 'b1b2c3d4e5f60718',
            startsAtMs: minute(0),
            endsAtMs: minute(30),
          },
        ],
        isEndedComplete: true,
        maintenanceUntilMs: undefined,
      }),
      logger: { warn() {} },
      ...over,
    },
  };
}
