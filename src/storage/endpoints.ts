/** Owns the servers that a database URL names, and which of them are this machine. */
import { isIPv4 } from 'node:net';
import { DatabaseUrlError, decoded } from './address-error.js';

/** One place where a server may listen; `path` is the file of a unix socket. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly path: string | undefined;
}

/** The servers of the URL's `hosts`, or of its options `host` and `port`; at least one. Throws {@link DatabaseUrlError}. */
export function endpointsOf(hosts: string, options: ReadonlyMap<string, string>): readonly Endpoint[] {
  const list = hosts === '' ? (options.get('host') ?? 'localhost') : hosts;
  return list.split(',').map((text) => {
    const bracketed = /^\[([^\]]+)\](?::(\d+))?$/.exec(text);
    const [, host = '', port] = bracketed ?? /^([^:]*)(?::(\d+))?$/.exec(text) ?? [];
    const number = Number(port ?? options.get('port') ?? 5432);
    const name = decoded(host);
    if (name === '' || !Number.isInteger(number) || number < 1 || number > 65535) {
      throw new DatabaseUrlError('its host or port is not one');
    }
    return {
      host: name,
      port: number,
      path: name.startsWith('/') ? `${name}/.s.PGSQL.${number}` : undefined,
    };
  });
}

/** Whether nothing of what is said to these servers leaves the machine. */
export function areLocal(endpoints: readonly Endpoint[]): boolean {
  return endpoints.every(({ path, host }) => path !== undefined || isLoopback(host));
}

function isLoopback(host: string): boolean {
  // Anybody may own the name 127.example.org.
  return /^(localhost|::1)$/.test(host) || (isIPv4(host) && host.startsWith('127.'));
}
