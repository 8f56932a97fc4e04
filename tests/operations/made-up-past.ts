/** Owns a made-up past of an exporter, as Prometheus would have scraped and recorded it. */
import type { PastSeries } from './past-prometheus.js';

/** Minutes of the series that are scraped. */
export const MINUTES = 3 * 60;

/** Three hours with a rising memory, a wave of the processor and steady moves; a week of what alerts compare. */
export function past(endSeconds: number): readonly PastSeries[] {
  const minutes = (count: number, valueAt: (n: number) => number): PastSeries['samples'] =>
    Array.from({ length: count }, (_, n) => [endSeconds - (count - 1 - n) * 60, valueAt(n)] as const);
  const wave = (n: number) => 0.5 + 0.4 * Math.sin(n / 7);
  const week = 7 * 1440;
  const gauge = (name: string, samples: PastSeries['samples'], labels = {}): PastSeries => ({
    name,
    labels,
    type: 'gauge',
    samples,
  });
  return [
    gauge(
      'system_memory_used_bytes',
      minutes(MINUTES, (n) => 1e9 + n * 1e7 + 1e6 * (n % 3)),
    ),
    gauge(
      'system_memory_total_bytes',
      minutes(MINUTES, () => 8e9),
    ),
    gauge('system_cpu_utilization_ratio', minutes(MINUTES, wave)),
    {
      name: 'flow_transitions_total',
      labels: { flow: 'tokens', from: 'monitoring', to: 'active' },
      type: 'counter',
      samples: minutes(MINUTES, (n) => n * 26),
    },
    // Crossed more often than not: the limit of warning is 0.8.
    gauge(
      'instance:cpu_utilization:avg5m',
      minutes(week, (n) => 0.6 + 0.3 * Math.abs(Math.sin(n / 11))),
    ),
    // Never near its limit of 0.8, on two mount points: the fuller one counts.
    gauge(
      'mountpoint:filesystem_utilization:ratio',
      minutes(week, (n) => 0.2 + (n % 50) / 1000),
      {
        mountpoint: '/',
      },
    ),
    gauge(
      'mountpoint:filesystem_utilization:ratio',
      minutes(week, () => 0.1),
      { mountpoint: '/data' },
    ),
    gauge(
      'health_score',
      minutes(600, (n) => 90 + (n % 10)),
    ),
    gauge(
      'instance:heap_utilization:ratio',
      minutes(50, () => 0.01),
    ),
  ];
}
