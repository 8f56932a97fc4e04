/** Owns the series about who comes in: refusals, administration, and the configuration that decides. */
import type { MetricSpec } from './define.js';

const STABLE = { stability: 'stable', feature: 'self' } as const;

export const accessMetrics = {
  accessRefused: {
    name: 'flowgauge_access_refused_total',
    help: 'Requests that were refused before their handler saw them.',
    type: 'counter',
    unit: undefined,
    labels: {
      reason:
        '`missing` or `wrong` credentials, no `role`, `limited` after wrong passwords, `busy` by the rate limit, `host` or `origin` of another place',
    },
    ...STABLE,
  },
  configReloadSuccessful: {
    name: 'flowgauge_config_last_reload_successful',
    help: 'Whether the web configuration file was good when it was last read; at 0 the one before stays in force.',
    type: 'gauge',
    unit: undefined,
    labels: {},
    ...STABLE,
  },
  configReloadSuccessTime: {
    name: 'flowgauge_config_last_reload_success_timestamp_seconds',
    help: 'Moment at which the configuration in force was taken.',
    type: 'gauge',
    unit: 'seconds',
    labels: {},
    ...STABLE,
  },
  tlsExpiry: {
    name: 'flowgauge_tls_certificate_expiry_timestamp_seconds',
    help: 'Moment at which the certificate of the web pages ends; absent without TLS.',
    type: 'gauge',
    unit: 'seconds',
    labels: {},
    ...STABLE,
  },
} as const satisfies Readonly<Record<string, MetricSpec>>;
