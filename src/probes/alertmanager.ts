/** Owns the probe of Alertmanager: ready, and its API answers. */
import type { ApiProbeConfig } from '../config/probes.js';
import { ProbeFailure } from './failure.js';
import { askHttp, below, expectGoodStatus, jsonOf, MAX_JSON_BYTES, type ProbeParts } from './http-target.js';
import type { ProbeSpec } from './probe.js';

/** Asks `/-/ready`, then the API for its status: a process can be ready whose API is in the way of a proxy. */
export function alertmanagerProbe(config: ApiProbeConfig, parts: ProbeParts): ProbeSpec {
  const { name, kind, target, timeoutMs } = config;
  return {
    name,
    kind,
    target,
    deadlineMs: timeoutMs,
    async ask(asking) {
      const base = config.url.reveal();
      const ready = await askHttp(parts, config, { url: below(base, '-/ready') }, asking);
      expectGoodStatus(ready.status, target, '/-/ready');
      const reply = await askHttp(
        parts,
        config,
        { url: below(base, 'api/v2/status'), maxBytes: MAX_JSON_BYTES },
        asking,
      );
      expectGoodStatus(reply.status, target, '/api/v2/status');
      const { cluster } = jsonOf(reply, target, '/api/v2/status') as { cluster?: { status?: unknown } };
      // `settling` is a cluster that still gathers its members: it would send alerts twice, but it answers.
      if (typeof cluster?.status === 'string') return;
      throw new ProbeFailure(
        'body',
        `${target} answered /api/v2/status without the state of a cluster. Check that it is an Alertmanager.`,
      );
    },
  };
}
