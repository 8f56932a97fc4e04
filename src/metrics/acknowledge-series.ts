/** Owns the series of how long alerts wait for a person, and how long they last, by severity. */
import type { Metrics } from './registry.js';

const severities = ['critical', 'error', 'warning', 'info'] as const;

/** Writes the two series. An unknown severity counts as `warning`, as everywhere. */
export interface AcknowledgeSeries {
  acknowledged(severity: string, seconds: number): void;
  resolved(severity: string, seconds: number): void;
}

/** The series of all severities, at 0 from the start. */
export function acknowledgeSeries(metrics: Metrics): AcknowledgeSeries {
  for (const severity of severities) {
    metrics.alertAcknowledge.bind({ severity });
    metrics.alertResolve.bind({ severity });
  }
  const known = (severity: string) => severities.find((one) => one === severity) ?? 'warning';
  return {
    acknowledged: (severity, seconds) =>
      metrics.alertAcknowledge.observe({ severity: known(severity) }, seconds),
    resolved: (severity, seconds) => metrics.alertResolve.observe({ severity: known(severity) }, seconds),
  };
}
