/** Owns the meaning of a database URL: which servers, whose account, which encryption; and how it is named in messages. */
import { readFileSync } from 'node:fs';

/** Something that holds a secret and gives it only when asked. */
export interface Revealable {
  reveal(): string;
}

/** One place where a server may listen; `path` is the file of a unix socket. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly path: string | undefined;
}

/** A database URL taken apart. Its password leaves only by `password()`, so that printing an address is harmless. */
export interface Address {
  /** At least one; several are tried in turn. */
  readonly endpoints: readonly Endpoint[];
  readonly user: string;
  readonly password: () => string;
  readonly database: string;
  readonly tls: false | 'prefer' | 'require' | { ca?: string; checkServerIdentity?: () => undefined };
  /** Settings of the session that the URL asks for (`?search_path=…`). */
  readonly parameters: Readonly<Record<string, string>>;
  /** `host:port/database`, for messages. */
  readonly label: string;
}

/** The database URL cannot be used. The message never repeats the URL: it holds a password. */
export class DatabaseUrlError extends Error {
  readonly code = 'DATABASE_URL_INVALID';
  constructor(problem: string) {
    super(
      `The database URL cannot be used: ${problem}. Expected postgres://user:password@host:5432/database, with the characters @ / ? # % in user and password percent-encoded.`,
    );
    this.name = 'DatabaseUrlError';
  }
}

const SHAPE = /^postgres(?:ql)?:\/\/(?:([^@/?#]*)@)?([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/;
/** Options of libpq or of other clients that the server itself would refuse as unknown settings. */
const CLIENT_ONLY = new Set([
  'channel_binding',
  'connect_timeout',
  'connection_limit',
  'gssencmode',
  'keepalives',
  'keepalives_idle',
  'pgbouncer',
  'pool_timeout',
  'schema',
  'sslcert',
  'sslkey',
  'target_session_attrs',
]);

/**
 * Takes a URL apart. Written by hand because `new URL` and the driver's own parser put the whole URL, password
 * included, into their errors, and neither knows several hosts with ports. Throws {@link DatabaseUrlError}.
 */
export function parseAddress(url: string): Address {
  const shape = SHAPE.exec(url.trim());
  if (!shape) throw new DatabaseUrlError('it does not have the shape of one');
  const [, account = '', hosts = '', path = '', query = ''] = shape;
  // A second @ means that part of the password would be taken for a host and printed.
  if (/@/.test(hosts + path + query)) throw new DatabaseUrlError('it holds more than one @');
  const colon = account.indexOf(':');
  const user = decode(colon < 0 ? account : account.slice(0, colon));
  const password = colon < 0 ? '' : decode(account.slice(colon + 1));
  const options = new Map(new URLSearchParams(query));
  const database = decode(path) || user || 'postgres';
  const endpoints = endpointsOf(hosts, options);
  return {
    endpoints,
    user: user || 'postgres',
    password: () => password,
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

function endpointsOf(hosts: string, options: ReadonlyMap<string, string>): Endpoint[] {
  const list = hosts === '' ? (options.get('host') ?? 'localhost') : hosts;
  return list.split(',').map((text) => {
    const bracketed = /^\[([^\]]+)\](?::(\d+))?$/.exec(text);
    const [, host = '', port] = bracketed ?? /^([^:]*)(?::(\d+))?$/.exec(text) ?? [];
    const number = Number(port ?? options.get('port') ?? 5432);
    const name = decode(host);
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

function tlsOf(options: ReadonlyMap<string, string>, endpoints: readonly Endpoint[]): Address['tls'] {
  const local = endpoints.every((e) => e.path !== undefined || /^(localhost|127\..*|::1)$/.test(e.host));
  const mode = options.get('sslmode') ?? (local ? 'disable' : 'prefer');
  const rootCertificate = options.get('sslrootcert');
  const ca =
    rootCertificate === undefined || rootCertificate === 'system' ? {} : { ca: certificate(rootCertificate) };
  switch (mode) {
    case 'disable':
      return false;
    case 'allow':
    case 'prefer':
      return 'prefer';
    case 'require':
    case 'no-verify':
      return 'require';
    case 'verify-ca':
      return { ...ca, checkServerIdentity: () => undefined };
    case 'verify-full':
      return ca;
    default:
      throw new DatabaseUrlError('its sslmode is none of disable, prefer, require, verify-ca, verify-full');
  }
}

function certificate(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new DatabaseUrlError('the file named by sslrootcert cannot be read');
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new DatabaseUrlError('a % in it does not begin an encoded character');
  }
}
