/** Owns the probe of any HTTP service: status, text of the body, expiry of the certificate. */
import { createContext, runInContext } from 'node:vm';
import type { HttpProbeConfig } from '../config/probes.js';
import { ProbeFailure } from './failure.js';
import { askHttp, expectGoodStatus, type ProbeParts } from './http-target.js';
import type { ProbeSpec } from './probe.js';

/** A pattern that takes longer on 64 KiB will never end: the whole process would stand still meanwhile. */
const MATCH_MS = 50;

/** Asks one address and compares the answer with what was expected. */
export function httpProbe(config: HttpProbeConfig, parts: ProbeParts): ProbeSpec {
  const { name, kind, target, timeoutMs } = config;
  return {
    name,
    kind,
    target,
    deadlineMs: timeoutMs,
    async ask(asking) {
      const url = new URL(config.url.reveal());
      const { method, redirects } = config;
      const reply = await askHttp(parts, config, { url, method, redirects }, asking);
      checkStatus(reply.status, config);
      if (config.bodyContains !== undefined && !reply.body.includes(config.bodyContains)) {
        throw missing(config, 'body_contains', reply.isWhole);
      }
      if (config.bodyMatches !== undefined && !matches(config.bodyMatches, reply.body, target)) {
        throw missing(config, 'body_matches', reply.isWhole);
      }
    },
  };
}

function checkStatus(status: number, { expectStatus, target }: HttpProbeConfig): void {
  if (expectStatus === undefined) {
    expectGoodStatus(status, target, 'the probe');
    return;
  }
  if (expectStatus.includes(status)) return;
  const wanted = expectStatus.join(', ');
  throw new ProbeFailure(
    status === 401 || status === 403 ? 'auth' : 'status',
    `${target} answered ${status}, expected ${wanted}. Look at the log of the service, or correct expect_status.`,
  );
}

function missing({ target }: HttpProbeConfig, key: string, isWhole: boolean): ProbeFailure {
  const where = isWhole ? 'the body' : 'the first 64 KiB of the body';
  return new ProbeFailure(
    'body',
    `${target} answered, but ${where} lacks what ${key} asks for. Look at the page, or correct ${key}.`,
  );
}

function matches(pattern: string, body: string, target: string): boolean {
  try {
    const context = createContext({ pattern, body });
    return runInContext('new RegExp(pattern, "u").test(body)', context, { timeout: MATCH_MS }) === true;
  } catch {
    throw new ProbeFailure(
      'body',
      `${target} answered, but body_matches could not be compared within ${MATCH_MS} ms. Write a pattern that does not go back so often.`,
    );
  }
}
