/** Owns the naming of what went wrong with an outbound request, from a closed set. */

/** Why a request has no complete answer; `none` when it has. */
export const fetchErrorTypes = [
  'none',
  'timeout',
  'aborted',
  'dns',
  'refused',
  'unreachable',
  'reset',
  'tls',
  'other',
] as const;
/** Why a request has no complete answer; `none` when it has. */
export type FetchErrorType = (typeof fetchErrorTypes)[number];

const RULES: readonly (readonly [FetchErrorType, RegExp])[] = [
  ['timeout', /^(E?TIMEDOUT|ETIMEOUT|CALL_TIMEOUT|UND_ERR_(CONNECT|HEADERS|BODY)_TIMEOUT)$/],
  ['aborted', /^(ABORT_ERR|UND_ERR_ABORTED)$/],
  ['dns', /^(ENOTFOUND|EAI_[A-Z]+|ENODATA)$/],
  ['refused', /^ECONNREFUSED$/],
  ['unreachable', /^(E(HOST|NET)(UNREACH|DOWN)|EADDRNOTAVAIL)$/],
  ['reset', /^(ECONNRESET|ECONNABORTED|EPIPE|UND_ERR_SOCKET)$/],
  ['tls', /^(ERR_TLS_\w+|ERR_SSL_\w+|EPROTO|\w*CERT\w*|UNABLE_TO_\w+|DEPTH_ZERO_\w+)$/],
];

/** Names an error by its name and the codes in it and its causes, at most five deep; anything unknown is `other`. */
export function fetchErrorType(error: unknown): FetchErrorType {
  let subject: unknown = error;
  for (let depth = 0; depth < 5 && typeof subject === 'object' && subject !== null; depth += 1) {
    const { name, code, cause, errors } = subject as Readonly<Record<string, unknown>>;
    if (name === 'TimeoutError') return 'timeout';
    if (name === 'AbortError') return 'aborted';
    const rule = typeof code === 'string' ? RULES.find(([, pattern]) => pattern.test(code)) : undefined;
    if (rule !== undefined) return rule[0];
    // Several addresses of one host were tried: the first failure stands for all.
    subject = cause ?? (Array.isArray(errors) ? errors[0] : undefined);
  }
  return 'other';
}
