/** Owns TLS of the listening socket: which clients may shake hands, and a certificate that changes while we run. */
import type { ServerResponse } from 'node:http';
import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import type { SecureContextOptions, TLSSocket } from 'node:tls';

/** How to speak TLS. */
export interface ServerTls {
  readonly context: SecureContextOptions;
  /** `required`: a client must show a certificate of the authorities in `context.ca`. */
  readonly clients: 'none' | 'required';
  /** Names of which a client's certificate must have one; empty for any. */
  readonly allowedNames: readonly string[];
}

/** What the server is made with. */
export function tlsOptionsOf({ context, clients }: ServerTls): SecureContextOptions & {
  requestCert: boolean;
  rejectUnauthorized: boolean;
} {
  return { ...context, requestCert: clients !== 'none', rejectUnauthorized: clients === 'required' };
}

/**
 * Watches the clients' names; the answer takes another certificate and other clients. What was opened before ends then,
 * an answer that is under way after its last byte. Whether clients must show a certificate cannot change any more.
 */
export function takeTls(server: Server, first: ServerTls): (next: ServerTls) => void {
  let current = first;
  // By the client's end, because a socket and the TLS on it are two objects. In it from the first byte of a handshake:
  // one that is held open over a renewal would else come in by what was in force when it began.
  const sockets = new Map<string, Socket>();
  const answers = new Set<ServerResponse>();
  server.on('connection', (socket: Socket) => {
    const end = farEnd(socket);
    sockets.set(end, socket);
    socket.once('close', () => {
      if (sockets.get(end) === socket) sockets.delete(end);
    });
  });
  server.on('request', (_req, res) => {
    answers.add(res);
    res.once('close', () => answers.delete(res));
  });
  server.on('secureConnection', (socket) => {
    if (current.allowedNames.length > 0 && !hasName(socket, current.allowedNames)) socket.destroy();
  });
  return (next) => {
    current = next;
    server.setSecureContext(next.context);
    const busy = new Set([...answers].map(endAfter));
    for (const [end, socket] of sockets) if (!busy.has(end)) socket.destroy();
  };
}

/** Lets the connection of an answer end with it; gives the client's end. */
function endAfter(answer: ServerResponse): string {
  const { socket } = answer.req;
  // Told to the client while that can be; a head that was sent already has promised to go on.
  answer.shouldKeepAlive = false;
  answer.once('finish', () => socket.destroySoon());
  return farEnd(socket);
}

function farEnd({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function hasName(socket: TLSSocket, allowed: readonly string[]): boolean {
  const listed = socket.getPeerCertificate().subjectaltname ?? '';
  // Each entry is `KIND:value`; a value with a comma stands in quotes and matches nothing here.
  return listed.split(', ').some((entry) => allowed.includes(entry.slice(entry.indexOf(':') + 1)));
}
