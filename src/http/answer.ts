/** Owns what goes in and out of a handler, and its way onto the wire: headers of every answer, HEAD, broken streams. */

import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Caller } from '../access/access.js';

/** What a handler may look at. */
export interface FaceRequest {
  readonly headers: IncomingHttpHeaders;
  /** Who asks; the route's role was checked before. */
  readonly caller: Caller;
  /** Address of the other side of the socket. */
  readonly remote: string;
  /** Parts of the path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Aborts when the caller has gone. */
  readonly signal: AbortSignal;
  /** Reads the body; rejects with an HttpProblem when it is longer than this or no text. */
  body(limitBytes: number): Promise<string>;
}

/** What a handler answers. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | Readable;
}

const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  // Live numbers: a proxy that keeps them shows a stalled flow as flowing.
  'cache-control': 'no-store',
};

/** A JSON answer; the body ends in a newline for people with a terminal. */
export function jsonAnswer(status: number, value: unknown): Answer {
  const headers = { 'content-type': 'application/json; charset=utf-8' };
  return { status, headers, body: `${JSON.stringify(value)}\n` };
}

/** A plain text answer. */
export function textAnswer(status: number, text: string): Answer {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: text };
}

/** Sends an answer. Rejects when a streamed body breaks; the connection is cut then, so no client takes it for whole. */
export async function send(req: IncomingMessage, res: ServerResponse, answer: Answer): Promise<void> {
  const { status, headers, body } = answer;
  const streamed = body instanceof Readable;
  const length = streamed ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  // An unread request body would otherwise be received to its end, however long, on a kept connection.
  const close = hasBody(req) && !req.complete ? { connection: 'close' } : {};
  if (res.destroyed) {
    if (streamed) body.destroy();
    return;
  }
  res.writeHead(status, { ...SECURITY_HEADERS, ...lowerCased(headers), ...length, ...close });
  if (!streamed) {
    res.end(body);
    return;
  }
  if (req.method === 'HEAD') {
    body.destroy();
    res.end();
    return;
  }
  await pipeline(body, res);
}

function hasBody(req: IncomingMessage): boolean {
  return req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0;
}

/** `Content-Length` beside our `content-length` would be sent twice, which clients refuse. */
function lowerCased(headers: Answer['headers']): Answer['headers'] {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
