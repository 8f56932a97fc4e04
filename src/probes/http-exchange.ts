/** Owns one HTTP question: request, redirects where they are wanted, and the beginning of the answer. */
import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { type Destination, dial, type Net, type NoteExpiry } from './dial.js';
import { ProbeFailure } from './failure.js';

/** Bytes of a page that are read; the rest is neither needed nor waited for. */
export const MAX_PAGE_BYTES = 65_536;
const MAX_HEADER_BYTES = 16_384;

/** What is asked. */
export interface HttpQuestion {
  readonly url: URL;
  readonly method: 'GET' | 'HEAD';
  /** Sent to the origin of `url` only: a redirect to another one must not carry them away. */
  readonly headers: Readonly<Record<string, string>>;
  /** PEM text of the authorities to trust instead of the system's. */
  readonly ca: string | undefined;
  /** Redirects that are followed; 0 takes a redirect as the answer. */
  readonly redirects: number;
  /** Bytes of the body that are read. */
  readonly maxBytes: number;
  /** As it may be shown: never with a path that holds a token. */
  readonly target: string;
}

/** What came back. */
export interface HttpReply {
  readonly status: number;
  /** At most its first `maxBytes`, as UTF-8. */
  readonly body: string;
  readonly isWhole: boolean;
}

/** Host and port of a URL for people. */
export function originOf(url: URL): string {
  return `${url.protocol}//${url.host}`;
}

/** Asks until there is an answer that is no redirect to follow. Each hop is looked up and checked anew. */
export async function exchange(
  net: Net,
  question: HttpQuestion,
  signal: AbortSignal,
  noteExpiry: NoteExpiry,
): Promise<HttpReply> {
  let { url, headers, target } = question;
  for (let left = question.redirects; ; left -= 1) {
    const socket = await dial(net, destinationOf(url, question.ca, target), signal, noteExpiry);
    try {
      const message = await ask(socket, url, { ...question, headers }, signal);
      const location = left > 0 && isRedirect(message.statusCode) ? message.headers.location : undefined;
      if (location === undefined) return await readReply(message, question.maxBytes);
      const next = nextHop(location, url, target);
      if (next.origin !== url.origin) headers = {};
      [url, target] = [next, `${question.target} (redirected to ${originOf(next)})`];
    } finally {
      socket.destroy();
    }
  }
}

function destinationOf(url: URL, ca: string | undefined, target: string): Destination {
  const isTls = url.protocol === 'https:';
  const port = url.port === '' ? (isTls ? 443 : 80) : Number(url.port);
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port,
    tls: isTls ? { ca } : undefined,
    target,
  };
}

function ask(
  socket: Socket,
  url: URL,
  { method, headers }: Pick<HttpQuestion, 'method' | 'headers'>,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = request({
      createConnection: () => socket,
      method,
      path: `${url.pathname}${url.search}`,
      headers: {
        host: url.host,
        'user-agent': 'flowgauge',
        // Packed bodies would have to be unpacked, and a small one can become huge.
        'accept-encoding': 'identity',
        accept: '*/*',
        ...headers,
      },
      maxHeaderSize: MAX_HEADER_BYTES,
      signal,
    });
    sent.once('response', resolve);
    sent.on('error', reject);
    sent.end();
  });
}

async function readReply(message: IncomingMessage, maxBytes: number): Promise<HttpReply> {
  const chunks: Buffer[] = [];
  let length = 0;
  let isWhole = true;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length <= maxBytes) continue;
    isWhole = false;
    break;
  }
  const body = Buffer.concat(chunks).subarray(0, maxBytes).toString('utf8');
  return { status: message.statusCode ?? 0, body, isWhole };
}

function isRedirect(status: number | undefined): boolean {
  return status !== undefined && [301, 302, 303, 307, 308].includes(status);
}

function nextHop(location: string, from: URL, target: string): URL {
  // The error of `new URL` repeats its input, which a hostile service chose.
  const next = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
  const isPlain = next !== undefined && next.username === '' && next.password === '';
  if (isPlain && /^https?:$/.test(next.protocol)) return next;
  throw new ProbeFailure('protocol', `${target} redirects to what is no http address. Correct the service.`);
}
