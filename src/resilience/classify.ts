/** Owns the judgement of errors and answers: does it speak against the dependency, and is another try worth it. */
import {
  BreakerOpenError,
  CallTimeoutError,
  LimiterRejectedError,
  LoadShedError,
  RateLimitedError,
} from './errors.js';

/** What the end of a call says about the dependency; `neutral` says nothing. */
export const verdicts = ['success', 'failure', 'neutral'] as const;
/** What the end of a call says about the dependency. */
export type Verdict = (typeof verdicts)[number];

const RETRYABLE_STATUS: ReadonlySet<number> = new Set([
  408, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529,
]);

/** Codes of Node, undici and PostgreSQL for a connection that failed or a server that asks to come back. */
const RETRYABLE_CODE =
  /^(ECONN(REFUSED|RESET|ABORTED)|EPIPE|E?TIMEDOUT|ETIMEOUT|ESOCKETTIMEDOUT|E(HOST|NET)(UNREACH|DOWN)|ENETRESET|EAI_AGAIN|UND_ERR_(SOCKET|(CONNECT|HEADERS|BODY)_TIMEOUT)|CONNECTION_(CLOSED|ENDED|DESTROYED)|CONNECT_TIMEOUT|08...|40001|40P01|53...|57P0[1-3])$/;

/** SQLSTATE classes of a statement that PostgreSQL refused for its content: the server is well, a repeat fails again. */
const REFUSED_STATEMENT = /^(22|23|42)[0-9A-Z]{3}$/;

/** The program's own mistakes: they come back on every try. */
const PROGRAM_ERRORS: ReadonlySet<string> = new Set([
  'TypeError',
  'ReferenceError',
  'SyntaxError',
  'RangeError',
]);

/** The HTTP status in an error or answer, wherever the usual clients put it; undefined when there is none. */
export function statusOf(subject: unknown): number | undefined {
  const response = read(subject, 'response');
  const found =
    number(read(subject, 'status')) ??
    number(read(subject, 'statusCode')) ??
    number(read(response, 'status')) ??
    number(read(response, 'statusCode')) ??
    number(read(read(subject, '$metadata'), 'httpStatusCode'));
  return found !== undefined && found >= 100 && found <= 599 ? found : undefined;
}

/** The first `code` text in an error and its causes, at most five deep. */
export function codeOf(error: unknown): string | undefined {
  let subject = error;
  for (let depth = 0; depth < 5 && subject !== undefined; depth++) {
    const code = read(subject, 'code');
    if (typeof code === 'string') return code;
    subject = read(subject, 'cause');
  }
  return undefined;
}

/** True for a deadline, whoever set it. */
export function isTimeout(error: unknown): boolean {
  return error instanceof CallTimeoutError || read(error, 'name') === 'TimeoutError';
}

/** True when a caller gave up. */
export function isAbort(error: unknown): boolean {
  return read(error, 'name') === 'AbortError';
}

/**
 * Does the error speak against the dependency? Failure: deadlines, network errors, HTTP 408, 429 and 5xx, and every
 * error that is not recognised. Success: any other 4xx and a statement that PostgreSQL refused for its content, for
 * the dependency answered. Neutral: the caller's abort and the rejections of other policies.
 */
export function judgeError(error: unknown): Verdict {
  if (isTimeout(error)) return 'failure';
  if (isAbort(error) || isRejection(error)) return 'neutral';
  const status = statusOf(error);
  if (status !== undefined) return judgeStatus(status);
  const code = codeOf(error);
  return code !== undefined && REFUSED_STATEMENT.test(code) ? 'success' : 'failure';
}

/** True for the rejections of policies: the dependency was not asked. */
function isRejection(error: unknown): boolean {
  return (
    error instanceof BreakerOpenError ||
    error instanceof LimiterRejectedError ||
    error instanceof RateLimitedError ||
    error instanceof LoadShedError
  );
}

/** Does the answer speak against the dependency? Only a fetch-like response (`status` and `ok`) with 408, 429, 5xx. */
export function judgeAnswer(value: unknown): Verdict {
  if (typeof value !== 'object' || value === null) return 'success';
  if (typeof read(value, 'ok') !== 'boolean') return 'success';
  const status = number(read(value, 'status'));
  return status === undefined ? 'success' : judgeStatus(status);
}

/**
 * Is another try worth it? Yes: deadlines, network codes, HTTP 408, 425, 429, 500, 502, 503, 504 and errors that are
 * not recognised. No: other statuses, aborts, rejections of other policies, and the program's own mistakes.
 */
export function isRetryable(error: unknown): boolean {
  if (isTimeout(error)) return true;
  if (judgeError(error) === 'neutral') return false;
  const status = statusOf(error);
  if (status !== undefined) return RETRYABLE_STATUS.has(status);
  const code = codeOf(error);
  if (code !== undefined && RETRYABLE_CODE.test(code)) return true;
  if (code !== undefined && REFUSED_STATEMENT.test(code)) return false;
  // `fetch failed` is a TypeError whose cause tells the network code, handled above.
  const name = read(error, 'name');
  return !(typeof name === 'string' && PROGRAM_ERRORS.has(name));
}

/** Is another try worth it after this answer? Only for a fetch-like response with a retryable status. */
export function isRetryableAnswer(value: unknown): boolean {
  return judgeAnswer(value) === 'failure' && RETRYABLE_STATUS.has(number(read(value, 'status'))!);
}

function judgeStatus(status: number): Verdict {
  return status === 408 || status === 429 || status >= 500 ? 'failure' : 'success';
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

/** A property of anything. A getter of the host that throws must not turn one error into another. */
export function read(subject: unknown, property: string): unknown {
  if ((typeof subject !== 'object' && typeof subject !== 'function') || subject === null) return undefined;
  try {
    return (subject as Record<string, unknown>)[property];
  } catch {
    return undefined;
  }
}
