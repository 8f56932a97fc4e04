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
    help: 'Whether the configuration file and the web configuration file were good when each was last read; at 0 what was before stays in force.',
    type: 'gauge',
    unit: undefined,
    labels: {},
    ...STABLE,
  },
  configRestartRequired: {
    name: 'flowgauge_config_restart_required',
    help: 'Whether the configuration file, as it was last read well, says something that only a restart puts in force.',
    type: 'gauge',
    unit: undefined,
    labels: {},
    ...STABLE,
  },
  configReloadSuccessTime: {
    name: 'flowgauge_config_last_reload_success_timestamp_seconds',
    help: 'Moment at which something of a configuration file was last put in force.',
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
