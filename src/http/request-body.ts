/** Owns the reading of a request's body: never more than its bound, as UTF-8, not compressed, and as JSON where it must be. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { badField, HttpProblem } from './problem.js';

/** The body as text. Rejects with an HttpProblem: 413 beyond `limitBytes`, 415 when it is compressed, 400 when it is not UTF-8. */
export async function readBody(req: IncomingMessage, limitBytes: number): Promise<string> {
  // A small compressed body can be a large one: nobody who sends to us needs it.
  const encoding = req.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity')
    throw refusal(
      415,
      'Unsupported Media Type',
      'BODY_ENCODED',
      'the body is compressed',
      'send it as it is',
    );
  if (Number(req.headers['content-length'] ?? 0) > limitBytes) throw tooLarge(limitBytes);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of req) {
    bytes += (chunk as Buffer).length;
    if (bytes > limitBytes) throw tooLarge(limitBytes);
    chunks.push(chunk as Buffer);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw refusal(400, 'Bad Request', 'BODY_NOT_UTF8', 'the body is not UTF-8', 'send UTF-8');
  }
}

/** The fields of a body; 400 when it is no JSON object. */
export function jsonFields(text: string, remedy = 'a JSON object'): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw badField('(body)', text, remedy);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw badField('(body)', text, remedy);
}

/** 400 unless the body says that it is JSON: a page in a browser can send a form to loopback, but not this type unasked. */
export function requireJson({ 'content-type': type = '' }: IncomingHttpHeaders): void {
  if (!/^application\/json\b/i.test(type)) throw badField('content-type', type, 'application/json');
}

function tooLarge(limitBytes: number): HttpProblem {
  const remedy = 'send less at once: for Alertmanager, set max_alerts of the webhook or group by more labels';
  return refusal(
    413,
    'Content Too Large',
    'BODY_TOO_LARGE',
    `the body has more than ${limitBytes} bytes`,
    remedy,
  );
}

function refusal(status: number, title: string, code: string, detail: string, remedy: string): HttpProblem {
  return new HttpProblem({ status, title, code, detail, remedy });
}
