/** Owns the body of `/health/performance`: what this process did in the last minutes, and its circuit breakers. */
import { breakersJson, openBreakers } from './health-breakers.js';
import { type HealthFacts, rounded } from './health-facts.js';
import type { Traffic } from './health-traffic.js';

/** The body. Numbers of the last minutes are null until this process has looked at itself twice. */
export function performanceBody(
  facts: Pick<HealthFacts, 'performance' | 'breakers' | 'now'>,
): Readonly<Record<string, unknown>> {
  const { windowSeconds, http, apis, movesPerMinute, eventLoopDelayP99Seconds } = facts.performance();
  const breakers = facts.breakers();
  return {
    status: openBreakers(breakers).length === 0 ? 'healthy' : 'degraded',
    timestamp: facts.now().toISOString(),
    circuit_breakers: breakersJson(breakers),
    metrics: {
      window_seconds: rounded(windowSeconds),
      requests: http === undefined ? null : trafficJson(http),
      apis: Object.fromEntries([...apis].map(([api, traffic]) => [api, trafficJson(traffic)])),
      moves_per_minute: Object.fromEntries([...movesPerMinute].map(([flow, n]) => [flow, rounded(n)])),
      event_loop_delay_p99_seconds: rounded(eventLoopDelayP99Seconds),
    },
  };
}

function trafficJson(traffic: Traffic): unknown {
  const { count, errors } = traffic;
  return {
    count,
    errors,
    error_ratio: count > 0 ? rounded(errors / count) : null,
    per_minute: rounded(traffic.perMinute),
    mean_seconds: fine(traffic.meanSeconds),
    p50_seconds: fine(traffic.p50Seconds),
    p95_seconds: fine(traffic.p95Seconds),
    p99_seconds: fine(traffic.p99Seconds),
  };
}

/** To the microsecond: answers from memory take less than one millisecond. */
function fine(seconds: number | undefined): number | null {
  return seconds === undefined ? null : Math.round(seconds * 1e6) / 1e6;
}
