/** Owns what all probes over HTTP share: the address, the secret headers and the authority of their configuration. */
import type { HttpTargetConfig } from '../config/probes.js';
import { readRegularFile } from '../config/regular-file.js';
import type { Net } from './dial.js';
import { ProbeFailure } from './failure.js';
import { exchange, type HttpReply, MAX_PAGE_BYTES } from './http-exchange.js';
import type { Asking } from './probe.js';
import { headerSecret, type ReadSecret } from './secrets.js';

/** Bytes of an answer in JSON: half of one says nothing, and the status of Alertmanager holds its whole configuration. */
export const MAX_JSON_BYTES = 4 * 1024 ** 2;

/** What probes are given beside their configuration. */
export interface ProbeParts {
  readonly net: Net;
  readonly readSecret: ReadSecret;
}

/** One question to a target: by default GET, no redirects, and the first 64 KiB of the answer. */
export interface TargetQuestion {
  readonly url: URL;
  readonly method?: 'GET' | 'HEAD';
  readonly redirects?: number;
  readonly maxBytes?: number;
}

/** Asks one URL of a target once. */
export function askHttp(
  parts: ProbeParts,
  config: HttpTargetConfig,
  question: TargetQuestion,
  asking: Asking,
): Promise<HttpReply> {
  const { target } = config;
  return exchange(
    parts.net,
    {
      url: question.url,
      method: question.method ?? 'GET',
      headers: secretHeaders(parts.readSecret, config),
      ca: authorityOf(config.caFile, target),
      redirects: question.redirects ?? 0,
      maxBytes: question.maxBytes ?? MAX_PAGE_BYTES,
      target,
    },
    asking.signal,
    (tlsExpirySeconds) => asking.note({ tlsExpirySeconds }),
  );
}

/** PEM text of the file with the authorities; undefined without one. */
export function authorityOf(file: string | undefined, target: string): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readRegularFile(file);
  } catch {
    throw new ProbeFailure(
      'tls',
      `${target} was not asked: ca_file ${file} cannot be read. Repair the file.`,
    );
  }
}

/** The address of a page below the configured one: `/prometheus` and `-/ready` make `/prometheus/-/ready`. */
export function below(base: string, path: string): URL {
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/${path}`;
  return url;
}

/** Rejects unless the status is 2xx. 401 and 403 are the credentials' fault. */
export function expectGoodStatus(status: number, target: string, page: string): void {
  if (status >= 200 && status <= 299) return;
  if (status === 401 || status === 403) {
    throw new ProbeFailure('auth', `${target} answered ${status} to ${page}. Check the secret that is sent.`);
  }
  throw new ProbeFailure(
    'status',
    `${target} answered ${status} to ${page}. Look at the log of the service.`,
  );
}

/** The object in a body of JSON that was asked for with MAX_JSON_BYTES. Rejects for anything else. */
export function jsonOf(reply: HttpReply, target: string, page: string): Readonly<Record<string, unknown>> {
  if (!reply.isWhole) {
    throw new ProbeFailure(
      'body',
      `${target} answered more than 4 MiB to ${page}, and no more is read. Check that the address belongs to the kind of the probe.`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(reply.body);
  } catch {
    // The parser's message repeats the beginning of the text.
    value = undefined;
  }
  if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  throw new ProbeFailure(
    'protocol',
    `${target} answered no JSON object to ${page}. Check that the address belongs to the kind of the probe.`,
  );
}

function secretHeaders(read: ReadSecret, config: HttpTargetConfig): Readonly<Record<string, string>> {
  const { target, headerFiles, bearerTokenFile } = config;
  const headers: Record<string, string> = {};
  for (const [name, path] of headerFiles) {
    headers[name] = headerSecret(read, path, `header_files.${name}`, target);
  }
  if (bearerTokenFile !== undefined) {
    headers.authorization = `Bearer ${headerSecret(read, bearerTokenFile, 'bearer_token_file', target)}`;
  }
  return headers;
}
