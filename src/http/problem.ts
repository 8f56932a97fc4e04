/** Owns error answers: problem details (RFC 9457) that name the field, the value and the remedy, never our insides. */

import { type Answer, jsonAnswer } from './answer.js';

/** What an error answer says. `code` is stable; `field`, `value` and `remedy` are for bad input. */
export interface Problem {
  readonly status: number;
  readonly title: string;
  readonly code: string;
  readonly detail: string;
  readonly field?: string;
  readonly value?: string;
  readonly remedy?: string;
  /** The same id stands in our log line about this request. */
  readonly request_id?: string;
}

/** Thrown by a handler to answer with a problem. `headers` are added to the answer. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem';
  readonly code: string;
  constructor(
    readonly problem: Problem,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(problem.detail);
    this.code = problem.code;
  }
}

/** Longest echo of a caller's value: enough to recognise it, too little to be a mirror for an attack. */
const MAX_ECHO = 100;

/** A 400 for one field of the request. */
export function badField(field: string, value: string, remedy: string): HttpProblem {
  const shown = value.length > MAX_ECHO ? `${value.slice(0, MAX_ECHO)}…` : value;
  return new HttpProblem({
    status: 400,
    title: 'Bad Request',
    code: 'BAD_FIELD',
    detail: `${field} has a value that is not allowed`,
    field,
    value: shown,
    remedy,
  });
}

/** A 503 for a part that the configuration does not have; an empty answer would look like a quiet system. */
export function notConfigured(detail: string, remedy: string): HttpProblem {
  return new HttpProblem({
    status: 503,
    title: 'Service Unavailable',
    code: 'NOT_CONFIGURED',
    detail,
    remedy,
  });
}

/** A 503 for what may be there soon. */
export function unavailable(code: string, detail: string, remedy: string): HttpProblem {
  const problem = { status: 503, title: 'Service Unavailable', code, detail, remedy };
  return new HttpProblem(problem, { 'retry-after': '5' });
}

/** The 503 of whoever wanted something kept. */
export function storeUnavailable(): HttpProblem {
  return unavailable(
    'STORE_UNAVAILABLE',
    'the store did not answer, so nothing can be promised',
    'send it again; if it stays, see the readiness endpoint and the log',
  );
}

/** The problem as an answer. */
export function problemAnswer(problem: Problem, headers: Readonly<Record<string, string>> = {}): Answer {
  const answer = jsonAnswer(problem.status, { type: 'about:blank', ...problem });
  return {
    ...answer,
    headers: { ...answer.headers, ...headers, 'content-type': 'application/problem+json; charset=utf-8' },
  };
}
