/** Owns the meaning of a database URL: which servers, whose account, which encryption; and how it is named in messages. */
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContext, type SecureVersion } from 'node:tls';

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

/** What the handshake is made with, in the words of `tls.connect`. The context holds the client's key and shows it to nobody. */
export interface TlsTerms {
  readonly secureContext: SecureContext;
  readonly rejectUnauthorized?: false;
  readonly checkServerIdentity?: () => undefined;
}

/** A database URL taken apart. Its password leaves only by `password()`, so that printing an address is harmless. */
export interface Address {
  /** At least one; several are tried in turn. */
  readonly endpoints: readonly Endpoint[];
  readonly user: string;
  readonly password: () => string;
  readonly database: string;
  readonly tls: false | 'prefer' | TlsTerms;
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

/** Options that begin with `ssl` and have a meaning here or may go unheard. */
const TLS_OPTIONS = new Set([
  'ssl',
  'sslcert',
  'sslcertmode',
  'sslcompression',
  'sslcrl',
  'sslkey',
  'sslmode',
  'sslnegotiation',
  'sslpassword',
  'sslrootcert',
  'sslsni',
  'ssl_min_protocol_version',
]);

/** The modes mean what they mean to libpq, where a named authority makes `require` check the certificate. */
function tlsOf(options: ReadonlyMap<string, string>, endpoints: readonly Endpoint[]): Address['tls'] {
  const asked = [...options.keys()].filter((name) => /^ssl/i.test(name));
  if (asked.length === 0) return isLocal(endpoints) ? false : 'prefer';
  // A misspelt sslmode that is passed over would send the password unencrypted.
  const unknown = asked.find((name) => !TLS_OPTIONS.has(name));
  if (unknown !== undefined) {
    const known = [...TLS_OPTIONS].join(', ');
    throw new DatabaseUrlError(`its option ${unknown} is unknown; those for TLS are ${known}`);
  }
  if ((options.get('ssl') ?? 'true') !== 'true') {
    throw new DatabaseUrlError('its option ssl can only be true; write sslmode for anything else');
  }
  if (options.has('sslcert') !== options.has('sslkey')) {
    throw new DatabaseUrlError('sslcert and sslkey are needed together');
  }
  const secureContext = contextOf(options);
  const unchecked = { secureContext, rejectUnauthorized: false } as const;
  const anyName = { secureContext, checkServerIdentity: () => undefined };
  const mode = modeOf(options, endpoints);
  switch (mode) {
    case 'disable':
      return false;
    case 'allow':
    case 'prefer':
      // Who has a certificate wants it seen; the driver's `prefer` shows none.
      return options.has('sslcert') ? unchecked : 'prefer';
    case 'require':
      return options.has('sslrootcert') ? anyName : unchecked;
    case 'no-verify':
      return unchecked;
    case 'verify-ca':
      return anyName;
    case 'verify-full':
      return { secureContext };
    default:
      throw new DatabaseUrlError('its sslmode is none of disable, prefer, require, verify-ca, verify-full');
  }
}

function modeOf(options: ReadonlyMap<string, string>, endpoints: readonly Endpoint[]): string {
  const mode = options.get('sslmode') ?? (options.has('ssl') ? 'require' : undefined);
  if (options.get('sslrootcert') === 'system') {
    if (mode === undefined || mode === 'verify-full') return 'verify-full';
    throw new DatabaseUrlError(
      'sslrootcert=system needs sslmode=verify-full: anybody gets a certificate there',
    );
  }
  return mode ?? (isLocal(endpoints) ? 'disable' : 'prefer');
}

function isLocal(endpoints: readonly Endpoint[]): boolean {
  return endpoints.every(({ path, host }) => path !== undefined || /^(localhost|127\..*|::1)$/.test(host));
}

/** Made here and not by the driver, where a key that cannot be used would end the process. */
function contextOf(options: ReadonlyMap<string, string>): SecureContext {
  const root = options.get('sslrootcert');
  const minVersion = options.get('ssl_min_protocol_version');
  if (minVersion !== undefined && !/^TLSv1\.[23]$/.test(minVersion)) {
    throw new DatabaseUrlError('its ssl_min_protocol_version is neither TLSv1.2 nor TLSv1.3');
  }
  const files = {
    ca: root === 'system' ? undefined : pem('sslrootcert', root),
    cert: pem('sslcert', options.get('sslcert')),
    key: pem('sslkey', options.get('sslkey')),
    crl: pem('sslcrl', options.get('sslcrl')),
  };
  try {
    return createSecureContext({
      ...files,
      passphrase: options.get('sslpassword'),
      minVersion: minVersion as SecureVersion | undefined,
    });
  } catch (error) {
    const why = (error as { code?: string }).code ?? 'unknown';
    throw new DatabaseUrlError(
      `the files of sslrootcert, sslcert, sslkey or sslcrl are damaged, do not belong together, or need another sslpassword (${why})`,
    );
  }
}

function pem(option: string, file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const why = (error as { code?: string }).code ?? 'unknown';
    throw new DatabaseUrlError(`the file ${JSON.stringify(file)} of ${option} cannot be read (${why})`);
  }
  // Without a certificate in it nothing would be trusted, and the server would be blamed.
  if (text.includes('-----BEGIN ')) return text;
  throw new DatabaseUrlError(`the file ${JSON.stringify(file)} of ${option} is not in PEM form`);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new DatabaseUrlError('a % in it does not begin an encoded character');
  }
}
