/** Owns the choice of the probe that belongs to each kind of service. */
import type { ProbeConfig } from '../config/probes.js';
import { alertmanagerProbe } from './alertmanager.js';
import { httpProbe } from './http.js';
import type { ProbeParts } from './http-target.js';
import { postgresProbe } from './postgres.js';
import type { ProbeSpec } from './probe.js';
import { prometheusProbe } from './prometheus.js';
import { redisProbe } from './redis.js';
import { telegramProbe } from './telegram.js';

/** What a configured service is asked. */
export function probeSpecOf(config: ProbeConfig, parts: ProbeParts): ProbeSpec {
  switch (config.kind) {
    case 'postgres': {
      const { name, url, timeoutMs } = config;
      return postgresProbe({ name, url, timeoutMs, role: 'source', net: parts.net });
    }
    case 'redis':
      return redisProbe(config, parts);
    case 'http':
      return httpProbe(config, parts);
    case 'telegram':
      return telegramProbe(config, parts);
    case 'alertmanager':
      return alertmanagerProbe({ ...config, kind: 'alertmanager' }, parts);
    case 'prometheus':
      return prometheusProbe({ ...config, kind: 'prometheus' }, parts);
  }
}
