/** Owns the body of `/api/monitoring/performance/history`. */
import { rounded } from './health-facts.js';
import type { Summary, Trend } from './trend.js';
import type { PerformanceHistory } from './trend-history.js';

/** The body. Numbers are not rounded: whoever asks Prometheus the same gets the same. */
export function historyBody(history: PerformanceHistory, now: Date) {
  const { trends, summaries } = history;
  return {
    timestamp: now.toISOString(),
    history: {
      period_hours: history.hours,
      step_seconds: history.stepSeconds,
      data_points: history.points.map((point) => ({
        timestamp: new Date(point.atMs).toISOString(),
        memory_percent: point.memory_percent ?? null,
        cpu_percent: point.cpu_percent ?? null,
        transitions_per_minute: point.transitions_per_minute ?? null,
      })),
      trends: {
        memory_trend: trendJson(trends.memory_percent),
        cpu_trend: trendJson(trends.cpu_percent),
        processing_trend: trendJson(trends.transitions_per_minute),
      },
      summary: {
        avg_memory_percent: summaries.memory_percent.mean ?? null,
        avg_cpu_percent: summaries.cpu_percent.mean ?? null,
        total_tokens_processed: rounded(history.transitions),
        memory_percent: summaryJson(summaries.memory_percent),
        cpu_percent: summaryJson(summaries.cpu_percent),
        transitions_per_minute: summaryJson(summaries.transitions_per_minute),
      },
      queries: history.queries,
    },
    status: 'ok' as const,
  };
}

function trendJson({ direction, slopePerHour, r2, points }: Trend) {
  return { direction, slope_per_hour: slopePerHour ?? null, r2: r2 ?? null, points };
}

function summaryJson({ min, max, mean, last }: Summary) {
  return { min: min ?? null, max: max ?? null, mean: mean ?? null, last: last ?? null };
}
