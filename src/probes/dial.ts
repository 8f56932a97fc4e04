/** Owns the way to a target: its name is looked up once, every address is checked, and the connection goes to what was checked. */
import { lookup } from 'node:dns/promises';
import { connect, isIP, type Socket } from 'node:net';
import { type PeerCertificate, connect as startTls, type TLSSocket } from 'node:tls';
import { type Network, refusalOf } from '../config/networks.js';
import { codeOf, ProbeFailure } from './failure.js';

/** All addresses of a host name. Rejects with an error whose `code` is that of the look-up. */
export type Resolve = (host: string) => Promise<readonly string[]>;

/** What every connection of the probes depends on. */
export interface Net {
  /** Networks that are not public and may be asked all the same. */
  readonly allowed: readonly Network[];
  readonly resolve: Resolve;
}

/** Where to connect. */
export interface Destination {
  /** Name or address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** Undefined for plain TCP; `ca` is PEM text and replaces the system's authorities. */
  readonly tls: { readonly ca: string | undefined } | undefined;
  /** As it may be shown. */
  readonly target: string;
}

/** Told the moment, in seconds since the epoch, at which the first certificate of the shown chain expires. */
export type NoteExpiry = (expirySeconds: number) => void;

/** The system's resolver, `/etc/hosts` included. Several questions for one name share one look-up. */
export function systemResolve(): Resolve {
  const underWay = new Map<string, Promise<readonly string[]>>();
  return (host) => {
    // A look-up cannot be ended and holds one of the process's four workers: a dead DNS must hold one per name only.
    const same = underWay.get(host);
    if (same !== undefined) return same;
    const asked = lookup(host, { all: true, verbatim: true })
      .then((found) => found.map(({ address }) => address))
      .finally(() => underWay.delete(host));
    underWay.set(host, asked);
    return asked;
  };
}

/** The addresses of a host, all of which may be asked. Rejects with a ProbeFailure when one may not. */
export async function allowedAddresses(net: Net, host: string, target: string): Promise<readonly string[]> {
  const addresses = isIP(host) === 0 ? await net.resolve(host) : [host];
  if (addresses.length === 0) {
    throw new ProbeFailure(
      'dns',
      `${target} has a name without an address. Check the host name and the DNS.`,
    );
  }
  for (const address of addresses) {
    const kind = refusalOf(address, net.allowed);
    // One bad address refuses all: whoever controls the name would otherwise only have to wait for the right order.
    if (kind === undefined) continue;
    throw new ProbeFailure(
      'refused',
      `${target} leads to ${address}, ${kind} that probes.allow_networks does not list, so nothing was sent. List its network there if it is meant.`,
    );
  }
  return addresses;
}

/** A connection that is ready for the first byte; it is destroyed when the signal aborts. Rejects as the network does. */
export async function dial(
  net: Net,
  destination: Destination,
  signal: AbortSignal,
  noteExpiry: NoteExpiry,
): Promise<Socket> {
  const { host, port, tls, target } = destination;
  const addresses = await allowedAddresses(net, host, target);
  signal.throwIfAborted();
  let last: unknown;
  for (const address of addresses) {
    try {
      const socket = await connected(connect({ host: address, port, noDelay: true }), 'connect', signal);
      if (tls === undefined) return socket;
      return await secured(socket, destination, tls.ca, signal, noteExpiry);
    } catch (error) {
      // Of `localhost` often only the second address listens; a wrong certificate is an answer and ends the search.
      last = error;
      if (codeOf(error) !== 'ECONNREFUSED' && codeOf(error) !== 'ENETUNREACH') break;
    }
  }
  throw last;
}

async function secured(
  socket: Socket,
  { host, target }: Destination,
  ca: string | undefined,
  signal: AbortSignal,
  noteExpiry: NoteExpiry,
): Promise<TLSSocket> {
  const options = {
    socket,
    host,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(ca === undefined ? {} : { ca }),
    ALPNProtocols: ['http/1.1'],
    // Judged below, before a byte is sent: an expired certificate must still tell when it expired.
    rejectUnauthorized: false,
  };
  const secure = await connected(startTls(options), 'secureConnect', signal);
  const expirySeconds = earliestExpirySeconds(secure.getPeerCertificate(true));
  if (expirySeconds !== undefined) noteExpiry(expirySeconds);
  if (secure.authorized) return secure;
  secure.destroy();
  const why = String(
    (secure.authorizationError as { code?: unknown } | undefined)?.code ?? secure.authorizationError,
  );
  const said = /^[A-Z0-9_]{1,60}$/.test(why) ? why : 'certificate refused';
  throw new ProbeFailure(
    'tls',
    `${target} shows a certificate that is not trusted (${said}). Renew it, correct its names, or name its authority in ca_file.`,
  );
}

/** The socket once the event came; destroyed and rejected on an error or when the signal aborts. */
function connected<S extends Socket>(
  socket: S,
  event: 'connect' | 'secureConnect',
  signal: AbortSignal,
): Promise<S> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      socket.destroy();
      reject(signal.reason);
    };
    // Stays for the life of the socket: an error between two owners would end the process.
    socket.on('error', reject);
    socket.once('close', () => {
      signal.removeEventListener('abort', abort);
      reject(Object.assign(new Error('closed'), { code: 'CONNECTION_CLOSED' }));
    });
    socket.once(event, () => resolve(socket));
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
  });
}

function earliestExpirySeconds(certificate: PeerCertificate): number | undefined {
  const seconds: number[] = [];
  const seen = new Set<unknown>();
  // The last certificate of a chain names itself as its issuer.
  for (let one: PeerCertificate | undefined = certificate; one !== undefined && !seen.has(one); ) {
    seen.add(one);
    const expiryMs = Date.parse(one.valid_to);
    if (Number.isFinite(expiryMs)) seconds.push(expiryMs / 1000);
    one = (one as { issuerCertificate?: PeerCertificate }).issuerCertificate;
  }
  return seconds.length === 0 ? undefined : Math.min(...seconds);
}
