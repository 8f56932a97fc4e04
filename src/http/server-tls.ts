/** Owns TLS of the listening socket: which clients may shake hands, and a certificate that changes while we run. */
import type { Server } from 'node:https';
import type { SecureContextOptions, TLSSocket } from 'node:tls';

/** How to speak TLS. */
export interface ServerTls {
  readonly context: SecureContextOptions;
  /** `required`: a client must show a certificate of the authorities in `context.ca`. */
  readonly clients: string;
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

/** Watches the clients' names; the answer takes another certificate. Whether clients must show one cannot change any more. */
export function takeTls(server: Server, first: ServerTls): (next: ServerTls) => void {
  let current = first;
  server.on('secureConnection', (socket) => {
    if (current.allowedNames.length > 0 && !hasName(socket, current.allowedNames)) socket.destroy();
  });
  return (next) => {
    current = next;
    server.setSecureContext(next.context);
  };
}

function hasName(socket: TLSSocket, allowed: readonly string[]): boolean {
  const listed = socket.getPeerCertificate().subjectaltname ?? '';
  // Each entry is `KIND:value`; a value with a comma stands in quotes and matches nothing here.
  return listed.split(', ').some((entry) => allowed.includes(entry.slice(entry.indexOf(':') + 1)));
}
