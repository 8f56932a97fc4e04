/** Owns the meaning of a database URL: which servers, whose account, which encryption; and how it is named in messages. */
import { DatabaseUrlError, decoded } from './address-error.js';
import { type Endpoint, endpointsOf } from './endpoints.js';
import { type TlsTerms, tlsOf } from './tls-terms.js';

/** Something that holds a secret and gives it only when asked. */
export interface Revealable {
  reveal(): string;
}

/** A database URL taken apart. Its secrets leave only by a call, so that printing an address is harmless. */
export interface Address {
  /** At least one; several are tried in turn. */
  readonly endpoints: readonly Endpoint[];
  readonly user: string;
  readonly password: () => string;
  /** Each secret of the URL that is not empty: the password, and that of the client's key. */
  readonly secrets: () => readonly string[];
  readonly database: string;
  readonly tls: false | 'prefer' | TlsTerms;
  /** Settings of the session that the URL asks for (`?search_path=…`). */
  readonly parameters: Readonly<Record<string, string>>;
  /** `host:port/database`, for messages. */
  readonly label: string;
}

const SHAPE = /^postgres(?:ql)?:\/\/(?:([^@/?#]*)@)?([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/;
/** Options of libpq or of other clients that the server itself would refuse as unknown settings. */
const CLIENT_ONLY = new Set([
  'channel_binding',
  'connect_timeout',
  'connection_limit',
  'gssencmode',
  'keepalives',
  'keepalives_count',
  'keepalives_idle',
  'keepalives_interval',
  'pgbouncer',
  'pool_timeout',
  'schema',
  'target_session_attrs',
  'tcp_user_timeout',
]);

/**
 * Takes a URL apart, and reads the files that its TLS options name. Written by hand because `new URL` and the driver's
 * own parser put the whole URL, password included, into their errors, and neither knows several hosts with ports.
 * Throws {@link DatabaseUrlError}.
 */
export function parseAddress(url: string): Address {
  const shape = SHAPE.exec(url.trim());
  if (!shape) throw new DatabaseUrlError('it does not have the shape of one');
  const [, account = '', hosts = '', path = '', query = ''] = shape;
  // A second @ means that part of the password would be taken for a host and printed.
  if (/@/.test(hosts + path + query)) throw new DatabaseUrlError('it holds more than one @');
  const colon = account.indexOf(':');
  const user = decoded(colon < 0 ? account : account.slice(0, colon));
  const password = colon < 0 ? '' : decoded(account.slice(colon + 1));
  const options = optionsOf(query);
  const keyPassword = options.get('sslpassword') ?? '';
  const database = decoded(path) || user || 'postgres';
  const endpoints = endpointsOf(hosts, options);
  return {
    endpoints,
    user: user || 'postgres',
    password: () => password,
    secrets: () => [password, keyPassword].filter((secret) => secret !== ''),
    database,
    tls: tlsOf(options, endpoints),
    parameters: Object.fromEntries(
      [...options].filter(([name]) => !CLIENT_ONLY.has(name) && !/^(host|port|ssl.*)$/.test(name)),
    ),
    label: `${endpoints.map((e) => e.path ?? `${e.host}:${e.port}`).join(',')}/${database}`,
  };
}

/** The URL of a string or of a secret. */
export function revealUrl(url: string | Revealable): string {
  return typeof url === 'string' ? url : url.reveal();
}

/** Not by URLSearchParams: there a plus sign is a blank, and to libpq it is itself, as in many a password. */
function optionsOf(query: string): ReadonlyMap<string, string> {
  const parts = query.split('&').filter((part) => part !== '');
  return new Map(
    parts.map((part) => {
      const [name = '', ...value] = part.split('=');
      return [decoded(name), decoded(value.join('='))];
    }),
  );
}
