/** Owns the address to listen on: its spelling, and whether only this machine can reach it. */
import { BlockList, isIP, isIPv6 } from 'node:net';
import { bad, good, type Parsed } from './problem.js';

/** Where to listen. Port 0 asks the system for a free one. */
export interface ListenAddress {
  /** IPv4, IPv6 without brackets, or a host name; `::` is every interface. */
  readonly host: string;
  readonly port: number;
}

const SPELLING = 'Write HOST:PORT, for example 127.0.0.1:9877 or [::1]:9877';
const HOST_NAME =
  /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/i;

/** `HOST:PORT`; an empty host means every interface. */
export function parseListenAddress(text: string): Parsed<ListenAddress> {
  const match = /^(\[[^\]]*\]|[^:[\]]*):(\d{1,5})$/.exec(text);
  if (match === null) return bad('is not HOST:PORT', SPELLING);
  const [, rawHost = '', rawPort = ''] = match;
  const port = Number(rawPort);
  if (port > 65_535) return bad('has a port above 65535', SPELLING);
  if (rawHost === '') return good({ host: '::', port });
  if (rawHost.startsWith('[')) {
    const host = rawHost.slice(1, -1);
    return isIPv6(host) ? good({ host, port }) : bad('has no IPv6 address in its brackets', SPELLING);
  }
  // 127.1 and 999.1.1.1 are no addresses here, and as names the resolver would guess at them.
  const looksLikeIp = /^[\d.]+$/.test(rawHost);
  if (looksLikeIp && isIP(rawHost) !== 4) return bad('has no valid IPv4 address', SPELLING);
  if (!looksLikeIp && !HOST_NAME.test(rawHost)) return bad('has no valid host', SPELLING);
  return good({ host: rawHost, port });
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');
loopback.addSubnet('::ffff:127.0.0.0', 104, 'ipv6');

/** True only for the loopback addresses and `localhost`; a name that merely begins like one is remote. */
export function isLoopback(host: string): boolean {
  const version = isIP(host);
  if (version === 0) return host.toLowerCase() === 'localhost';
  return loopback.check(host, version === 4 ? 'ipv4' : 'ipv6');
}
