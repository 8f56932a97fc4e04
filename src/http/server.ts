/** Owns the listening socket: bounds against slow and many clients, and an end that waits for answers, not for talkers. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type ServerTls, takeTls, tlsOptionsOf } from './server-tls.js';

/** Where to listen and how much to bear. */
export interface ListenOptions {
  /** Address or name to bind; never empty, because an empty one means every interface. */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Sockets at once; more are refused at once. Default 2,000. */
  readonly maxConnections?: number;
  /** Milliseconds for a request's headers to arrive. Default 10,000; the whole request gets three times as long. */
  readonly headersTimeoutMs?: number;
  /** Milliseconds that a socket may stand still, in either direction. Default 60,000. */
  readonly idleSocketMs?: number;
  /** How to speak TLS. Default: not at all. */
  readonly tls?: ServerTls | undefined;
  /** Told of trouble that has no request, such as no file descriptor left for a new connection. */
  readonly onError?: (error: Error) => void;
}

/** A listening server. */
export interface Listening {
  /** For people and links, for instance `http://127.0.0.1:9877`. */
  readonly url: string;
  /** The bound address and port, for instance `127.0.0.1:9877`. */
  readonly address: string;
  /** Uses another certificate from the next connection on; without effect on a server that speaks no TLS. */
  renewTls(tls: ServerTls): void;
  /** Takes no new connection, waits for begun answers up to the deadline, then cuts what is left. Repeatable. */
  close(deadlineMs: number): Promise<void>;
}

/** The address cannot be listened on. `code` says why, the message what to change. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  constructor(
    readonly code: 'ADDRESS_IN_USE' | 'ADDRESS_FORBIDDEN' | 'ADDRESS_NOT_HERE' | 'ADDRESS_INVALID',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Prometheus comes back every 15 to 60 s; a shorter wait would close the connection in the face of a scrape. */
const KEEP_ALIVE_MS = 75_000;
const MAX_HEADER_BYTES = 8 * 1024;

type Handler = (req: IncomingMessage, res: ServerResponse) => void;

/** Listens; rejects with ListenError when the address cannot be had. */
export async function listen(handler: Handler, options: ListenOptions): Promise<Listening> {
  const { host, port, headersTimeoutMs = 10_000 } = options;
  if (host === '')
    throw new ListenError(
      'ADDRESS_INVALID',
      'the listen address has no host: write 127.0.0.1 for this machine only',
    );
  const { tls } = options;
  const bounds = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: headersTimeoutMs,
    requestTimeout: 3 * headersTimeoutMs,
    connectionsCheckingInterval: Math.min(1_000, headersTimeoutMs),
    keepAliveTimeout: KEEP_ALIVE_MS,
  };
  const server =
    tls === undefined
      ? createServer(bounds)
      : createTlsServer({ ...bounds, ...tlsOptionsOf(tls), handshakeTimeout: headersTimeoutMs });
  const renewTls = tls === undefined ? () => {} : takeTls(server as TlsServer, tls);
  server.maxConnections = options.maxConnections ?? 2_000;
  // Frees a socket whose client has stopped reading; the timeouts above only watch what comes in.
  server.timeout = options.idleSocketMs ?? 60_000;
  const answers = trackAnswers(server);
  server.on('request', handler);
  await bind(server, host, port);
  // Without a listener the first failed accept (no descriptors left) would end the process.
  server.on('error', (error) => options.onError?.(error));

  const bound = server.address() as AddressInfo;
  const address = `${bracketed(bound.address)}:${bound.port}`;
  let closed: Promise<void> | undefined;
  return {
    address,
    url: `${tls === undefined ? 'http' : 'https'}://${reachable(bound.address)}:${bound.port}`,
    renewTls,
    close(deadlineMs) {
      closed ??= closeServer(server, answers, deadlineMs);
      return closed;
    },
  };
}

interface Answers {
  /** Resolves when no answer is under way. From now on answers end their connection. */
  drain(): Promise<void>;
}

function trackAnswers(server: Server): Answers {
  const open = new Set<ServerResponse>();
  let draining: (() => void) | undefined;
  const lastCall = (res: ServerResponse): void => {
    res.shouldKeepAlive = false;
  };
  server.on('request', (_req, res) => {
    open.add(res);
    if (draining !== undefined) lastCall(res);
    res.once('close', () => {
      open.delete(res);
      if (open.size === 0) draining?.();
    });
  });
  return {
    drain() {
      for (const res of open) lastCall(res);
      if (open.size === 0) return Promise.resolve();
      return new Promise((resolve) => {
        draining = resolve;
      });
    },
  };
}

async function closeServer(server: Server, answers: Answers, deadlineMs: number): Promise<void> {
  // Also ends the connections that wait for a next request.
  const ended = new Promise<void>((resolve) => server.close(() => resolve()));
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, deadlineMs);
  });
  await Promise.race([answers.drain(), deadline]);
  clearTimeout(timer);
  // What is left has sent half a request or reads nothing: server.close() alone would wait for it.
  server.closeAllConnections();
  await ended;
}

function bind(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: NodeJS.ErrnoException): void => reject(listenError(error, host, port));
    server.once('error', refuse);
    server.listen({ host, port }, () => {
      server.off('error', refuse);
      resolve();
    });
  });
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): ListenError {
  const place = `cannot listen on ${bracketed(host)}:${port}`;
  const flag = '--web.listen-address';
  const options = { cause: error };
  switch (error.code) {
    case 'EADDRINUSE':
      return new ListenError(
        'ADDRESS_IN_USE',
        `${place}: another process has this address. Stop it, or choose another address with ${flag}`,
        options,
      );
    case 'EACCES':
      return new ListenError(
        'ADDRESS_FORBIDDEN',
        `${place}: not permitted. Choose a port of 1024 or above with ${flag}`,
        options,
      );
    case 'EADDRNOTAVAIL':
      return new ListenError(
        'ADDRESS_NOT_HERE',
        `${place}: this machine has no such address. Choose 127.0.0.1 or an address of this machine with ${flag}`,
        options,
      );
    default:
      return new ListenError(
        'ADDRESS_INVALID',
        `${place}: ${error.code ?? 'unknown error'}. Check host and port of ${flag}`,
        options,
      );
  }
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** A wildcard address is for binding only: a link to it does not open everywhere. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '[::1]' : bracketed(host);
}
