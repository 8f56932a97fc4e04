/** Owns the probe of Prometheus: ready, and a query is answered. */
import type { ApiProbeConfig } from '../config/probes.js';
import { ProbeFailure } from './failure.js';
import { askHttp, below, expectGoodStatus, jsonOf, MAX_JSON_BYTES, type ProbeParts } from './http-target.js';
import type { ProbeSpec } from './probe.js';

/** Asks `/-/ready`, then for the value of `vector(1)`: rules can only fire where queries are answered. */
export function prometheusProbe(config: ApiProbeConfig, parts: ProbeParts): ProbeSpec {
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
      const url = below(base, 'api/v1/query');
      url.search = '?query=vector(1)';
      const reply = await askHttp(parts, config, { url, maxBytes: MAX_JSON_BYTES }, asking);
      expectGoodStatus(reply.status, target, '/api/v1/query');
      if (isOne(jsonOf(reply, target, '/api/v1/query'))) return;
      throw new ProbeFailure(
        'body',
        `${target} did not answer the query vector(1) with 1. Check that it is a Prometheus and look at its log.`,
      );
    },
  };
}

function isOne(answer: Readonly<Record<string, unknown>>): boolean {
  const { data } = answer as { data?: { result?: unknown } };
  const result = Array.isArray(data?.result) ? (data.result as { value?: unknown }[]) : [];
  const value = result[0]?.value;
  return answer.status === 'success' && Array.isArray(value) && value[1] === '1';
}
