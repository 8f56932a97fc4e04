/** Owns the series about the lines of the log. */
import type { MetricSpec } from './define.js';

const LEVEL = '`trace`, `debug`, `info`, `warn`, `error`, `fatal`';

export const logMetrics = {
  logMessages: {
    name: 'log_messages_total',
    help: 'Lines that the log has written, by their level; a level below the one in force writes none.',
    type: 'counter',
    unit: undefined,
    labels: { level: LEVEL },
    stability: 'stable',
    feature: 'self',
  },
  logMessagesSuppressed: {
    name: 'log_messages_suppressed_total',
    help: 'Lines that the log has held back because the same message had just been written, by their level.',
    type: 'counter',
    unit: undefined,
    labels: { level: LEVEL },
    stability: 'stable',
    feature: 'self',
  },
} as const satisfies Readonly<Record<string, MetricSpec>>;
