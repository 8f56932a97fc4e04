/** Owns the HTTP of administration: a reason for each call, one effect per idempotency key, and a record of all of them. */
import { type Answer, type FaceRequest, jsonAnswer } from './answer.js';
import { badField, HttpProblem, type Problem } from './problem.js';
import { jsonFields, requireJson } from './request-body.js';

/** Bytes of one request. */
export const ADMIN_BYTES = 16_384;
const LONGEST_REASON = 500;

/** A call that may be carried out. */
export interface AdminCall {
  readonly caller: string;
  readonly remote: string;
  readonly method: string;
  readonly route: string;
  readonly reason: string;
  readonly key: string | undefined;
  /** The body as it came: with the same key it must be the same. */
  readonly request: string;
}

/** What became of a call; `repeated` is the answer of an earlier one with the same key. */
export type AdminOutcome =
  | { readonly kind: 'done' | 'repeated'; readonly answer: unknown }
  | { readonly kind: 'key in use' | 'key of another request' | 'no record' };

/** A call that was turned away at the gate. */
export type DeniedCall = Pick<AdminCall, 'caller' | 'remote' | 'method' | 'route'> & {
  readonly refusal: string;
};

/** What stands behind the routes of administration. */
export interface AdminDeps {
  /** Writes the record, does the work once, and keeps its answer. */
  perform(call: AdminCall, work: () => unknown): Promise<AdminOutcome>;
  /** Writes down that somebody looked; false when it could not be written. */
  seen(call: Pick<AdminCall, 'caller' | 'remote' | 'method' | 'route'>): Promise<boolean>;
  /** Writes down a call that was turned away; bounded, never rejects, waited for by nobody. */
  denied(call: DeniedCall): void;
  /** Closes one circuit breaker, or all; answers the names, or undefined when there is none of this name. */
  resetBreakers(name: string | undefined): readonly string[] | undefined;
  /** Reads the configuration and the web configuration file again. */
  reload(): {
    readonly kind: string;
    readonly message?: string;
    readonly applied: readonly string[];
    readonly restartRequired: readonly string[];
  };
}

/** `POST /admin/circuit-breaker/reset` with `{"reason": "…", "name": "telegram"}`; without a name all of them. */
export async function resetBreakers(admin: AdminDeps, request: FaceRequest): Promise<Answer> {
  const { body, text } = await bodyOf(request);
  const { name } = body;
  if (name !== undefined && typeof name !== 'string')
    throw badField('name', String(name), 'the name of a breaker');
  return perform(admin, request, '/admin/circuit-breaker/reset', body, text, () => {
    const reset = admin.resetBreakers(name);
    return reset === undefined ? { reset: [], unknown: true } : { reset, unknown: false };
  });
}

/** `POST /-/reload` with `{"reason": "…"}` */
export async function reloadConfig(admin: AdminDeps, request: FaceRequest): Promise<Answer> {
  const { body, text } = await bodyOf(request);
  return perform(admin, request, '/-/reload', body, text, () => {
    const { kind, message, applied, restartRequired } = admin.reload();
    return { outcome: kind, message: message ?? null, applied, restart_required: restartRequired };
  });
}

async function perform(
  admin: AdminDeps,
  request: FaceRequest,
  route: string,
  { reason }: Readonly<Record<string, unknown>>,
  text: string,
  work: () => unknown,
): Promise<Answer> {
  const why = reasonOf(reason);
  const { answer, isRepeated } = await performOnce(admin, request, { route, reason: why, text }, work);
  return repeatable(jsonAnswer(200, answer), isRepeated);
}

/** The words of a caller, one line; throws an HttpProblem when there are none, or too many. */
export function reasonOf(reason: unknown): string {
  const wanted = `why you do this, in one line of 1 to ${LONGEST_REASON} characters`;
  if (typeof reason !== 'string' || reason.trim() === '' || reason.length > LONGEST_REASON)
    throw badField('reason', String(reason ?? ''), wanted);
  // PostgreSQL keeps no NUL, and a terminal on which the record is read obeys the others.
  if (/\p{Cc}/u.test(reason)) throw badField('reason', reason, wanted);
  return reason;
}

/**
 * Does the work once per idempotency key, and writes down that it was done. `text` is all that the caller sent: with
 * the same key it must be the same. Rejects with an HttpProblem when it is not, and with what the work rejects with.
 */
export async function performOnce(
  admin: AdminDeps,
  { caller, remote, headers }: FaceRequest,
  call: { readonly route: string; readonly reason: string; readonly text: string },
  work: () => unknown,
): Promise<{ readonly answer: unknown; readonly isRepeated: boolean }> {
  const { route, reason, text } = call;
  const key = keyOf(headers['idempotency-key']);
  const outcome = await admin.perform(
    { caller: caller.name, remote, method: 'POST', route, reason, key, request: text },
    work,
  );
  if (outcome.kind === 'done' || outcome.kind === 'repeated')
    return { answer: outcome.answer, isRepeated: outcome.kind === 'repeated' };
  throw new HttpProblem(PROBLEMS[outcome.kind]);
}

/** Writes down a look at what only administration may see. Rejects with an HttpProblem when that cannot be written. */
export async function recordLook(
  admin: AdminDeps,
  { caller, remote }: FaceRequest,
  route: string,
): Promise<void> {
  if (await admin.seen({ caller: caller.name, remote, method: 'GET', route })) return;
  throw new HttpProblem(PROBLEMS['no record']);
}

/** Marks the answer of an earlier call. */
export function repeatable(answer: Answer, isRepeated: boolean): Answer {
  return isRepeated ? { ...answer, headers: { ...answer.headers, 'idempotency-replayed': 'true' } } : answer;
}

async function bodyOf(
  request: FaceRequest,
): Promise<{ body: Readonly<Record<string, unknown>>; text: string }> {
  requireJson(request.headers);
  const text = await request.body(ADMIN_BYTES);
  return { body: jsonFields(text), text };
}

function keyOf(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header === 'string' && /^[\x21-\x7e]{8,200}$/.test(header)) return header;
  throw badField('idempotency-key', String(header), '8 to 200 characters without blanks, such as a UUID');
}

const CONFLICT = { status: 409, title: 'Conflict' } as const;
const PROBLEMS: Readonly<Record<'key in use' | 'key of another request' | 'no record', Problem>> = {
  'key in use': {
    ...CONFLICT,
    code: 'IDEMPOTENCY_OPEN',
    detail: 'the first call with this idempotency key has not ended, or its end is not known',
    remedy: 'look at the record of administration, then call with a new key',
  },
  'key of another request': {
    ...CONFLICT,
    code: 'IDEMPOTENCY_REUSED',
    detail: 'this idempotency key was used for another request',
    remedy: 'make a new key for each thing that you want',
  },
  'no record': {
    status: 503,
    title: 'Service Unavailable',
    code: 'AUDIT_UNAVAILABLE',
    detail: 'the store did not answer, and nothing is done that cannot be written down',
    remedy: 'try again; if it stays, see the readiness endpoint and the log',
  },
};
