/** Owns the words for what went wrong in a probe: a reason of the closed set, and a message without secrets. */
import type { PROBE_REASONS } from '../metrics/catalog-probes.js';

type Reason = (typeof PROBE_REASONS)[number];

/**
 * A probe had no good answer. Cause and remedy are in the message, which holds the target as it may be shown, codes and
 * numbers, and never a text of the service: an error page can repeat the token that it was sent.
 */
export class ProbeFailure extends Error {
  readonly code = 'PROBE_FAILED';
  override readonly name = 'ProbeFailure';
  constructor(
    readonly reason: Reason,
    message: string,
  ) {
    super(message);
  }
}

/** Why a question was ended from outside. */
export interface Ended {
  readonly ended: 'timeout' | 'cancelled';
  readonly deadlineMs: number;
}

/** The failure of whatever a question threw; only the `code` of a foreign error is kept, because its message can hold anything. */
export function failureOf(error: unknown, target: string): ProbeFailure {
  if (error instanceof ProbeFailure) return error;
  if (isEnded(error)) return endedFailure(error, target);
  const code = codeOf(error);
  const known = RULES.find(({ codes }) => codes.test(code));
  if (known === undefined) {
    return new ProbeFailure(
      'unavailable',
      `${target} could not be asked (${code}). Look at the log of the service.`,
    );
  }
  return new ProbeFailure(known.reason, `${target} ${known.what} (${code}). ${known.remedy}.`);
}

/** Network code, TLS code or parser's code of an error; `UNKNOWN` without one. */
export function codeOf(error: unknown): string {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  // Codes are words of capitals and digits: anything else could be a text that somebody put there.
  return typeof code === 'string' && /^[A-Z0-9_]{1,60}$/.test(code) ? code : 'UNKNOWN';
}

const RULES: readonly {
  readonly reason: Reason;
  readonly codes: RegExp;
  readonly what: string;
  readonly remedy: string;
}[] = [
  {
    reason: 'refused',
    codes: /^ECONNREFUSED$/,
    what: 'refused the connection',
    remedy: 'Check that the service runs and listens there',
  },
  {
    reason: 'dns',
    codes: /^(ENOTFOUND|EAI_.*|ENODATA|ESERVFAIL)$/,
    what: 'has a name that cannot be looked up',
    remedy: 'Check the host name and the DNS',
  },
  {
    reason: 'timeout',
    codes: /^(ETIMEDOUT|ESOCKETTIMEDOUT)$/,
    what: 'did not answer in time',
    remedy: 'Check the service and the network on the way',
  },
  {
    reason: 'tls',
    codes:
      /^(CERT_.*|DEPTH_ZERO_.*|SELF_SIGNED_.*|UNABLE_TO_.*|ERR_TLS_.*|ERR_SSL_.*|EPROTO|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE)$/,
    what: 'failed in TLS',
    remedy: 'Check the certificate, its name and its authority (ca_file)',
  },
  {
    reason: 'protocol',
    codes: /^(HPE_.*|ERR_HTTP_.*|ERR_INVALID_.*)$/,
    what: 'does not speak the protocol that was expected',
    remedy: 'Check the port and the kind of the probe',
  },
  {
    reason: 'unavailable',
    codes:
      /^(ECONNRESET|CONNECTION_CLOSED|EPIPE|ECONNABORTED|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|EADDRNOTAVAIL|EMFILE)$/,
    what: 'broke the connection or cannot be reached',
    remedy: 'Look at the log of the service and at what stands in between',
  },
];

function endedFailure({ ended, deadlineMs }: Ended, target: string): ProbeFailure {
  if (ended === 'cancelled')
    return new ProbeFailure('cancelled', `The probe of ${target} was ended from our side.`);
  return new ProbeFailure(
    'timeout',
    `${target} had no answer within ${deadlineMs} ms. Check whether it hangs, or raise the timeout of the probe.`,
  );
}

function isEnded(error: unknown): error is Ended {
  return typeof error === 'object' && error !== null && 'ended' in error;
}
