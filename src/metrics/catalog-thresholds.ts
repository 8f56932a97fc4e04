/** Owns the series that carry the limits of the configuration to the alert rules. */
import type { MetricSpec } from './define.js';

export const thresholdMetrics = {
  threshold: {
    name: 'flowgauge_threshold',
    help: 'Limit of the section `thresholds` that alert rules compare with; the name carries the unit. A limit that is off is absent.',
    type: 'gauge',
    unit: undefined,
    labels: {
      threshold: 'name of an entry of the section `thresholds`',
      severity: '`info`, `warning`, `error`, `critical`; `none` for a number without a ladder',
    },
    stability: 'stable',
    feature: 'alert',
  },
} as const satisfies Readonly<Record<string, MetricSpec>>;
