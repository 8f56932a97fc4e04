/** Owns which encryption a database URL asks for: the meaning of its TLS options, and which of them cannot be followed. */
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext, type SecureContext, type SecureVersion } from 'node:tls';
import { DatabaseUrlError } from './address-error.js';
import { areLocal, type Endpoint } from './endpoints.js';

/** What the handshake is made with, in the words of `tls.connect`. The context holds the client's key and shows it to nobody. */
export interface TlsTerms {
  readonly secureContext: SecureContext;
  readonly rejectUnauthorized?: false;
  readonly checkServerIdentity?: () => undefined;
}

type Options = ReadonlyMap<string, string>;

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
  'ssl_max_protocol_version',
  'ssl_min_protocol_version',
]);

/** Options of libpq and Prisma with no meaning here, and what does the same. */
const OTHER_WAYS: ReadonlyMap<string, string> = new Map([
  ['sslcrldir', 'name one file as sslcrl'],
  ['sslaccept', 'write sslmode=verify-full for strict and sslmode=require for accept_invalid_certs'],
]);

const MODES = ['disable', 'allow', 'prefer', 'require', 'no-verify', 'verify-ca', 'verify-full'] as const;
type Mode = (typeof MODES)[number];

/** What an encrypted connection is expected to have; where none is sure they would promise in vain. */
const NEEDS_ENCRYPTION = [
  'sslrootcert',
  'sslcert',
  'sslcrl',
  'ssl_min_protocol_version',
  'ssl_max_protocol_version',
];
/** 16 MiB: lists of withdrawn certificates grow long. */
const LARGEST_FILE_BYTES = 16_777_216;

/**
 * The modes mean what they mean to libpq, where a named authority makes `require` check the certificate. Reads the
 * files that the options name. Throws {@link DatabaseUrlError}.
 */
export function tlsOf(options: Options, endpoints: readonly Endpoint[]): false | 'prefer' | TlsTerms {
  checkNames(options);
  const asked = askedMode(options);
  // Whoever switches encryption off needs none of the files.
  if (asked === 'disable') return false;
  const mode = asked ?? (areLocal(endpoints) ? 'disable' : 'prefer');
  checkMode(options, mode);
  if (mode === 'disable') return false;
  if (mode === 'allow' || mode === 'prefer') return 'prefer';
  const secureContext = contextOf(options);
  if (mode === 'verify-full') return { secureContext };
  if (mode === 'verify-ca') return { secureContext, checkServerIdentity: () => undefined };
  return { secureContext, rejectUnauthorized: false };
}

function checkNames(options: Options): void {
  for (const name of [...options.keys()].filter((key) => /^ssl/i.test(key))) {
    const otherWay = OTHER_WAYS.get(name);
    if (otherWay !== undefined)
      throw new DatabaseUrlError(`its option ${name} is not known here: ${otherWay}`);
    // A misspelt sslmode that is passed over would send the password unencrypted.
    if (TLS_OPTIONS.has(name)) continue;
    const known = [...TLS_OPTIONS].join(', ');
    throw new DatabaseUrlError(`its option ${shownName(name)} is unknown; those for TLS are ${known}`);
  }
}

/** Behind another sign than `=` a password is part of the name. */
function shownName(name: string): string {
  const shown = /^[a-z_]*/i.exec(name)?.[0] ?? '';
  return shown === name ? name : `${shown}…`;
}

/** Undefined where the URL leaves it to us. */
function askedMode(options: Options): Mode | undefined {
  const asked = options.get('sslmode') ?? modeOfSwitch(options.get('ssl'));
  const mode = MODES.find((known) => known === asked);
  if (asked !== undefined && mode === undefined)
    throw new DatabaseUrlError('its sslmode is none of disable, prefer, require, verify-ca, verify-full');
  const root = options.get('sslrootcert');
  if (root === 'system') {
    if (mode === undefined || mode === 'verify-full') return 'verify-full';
    throw new DatabaseUrlError(
      'sslrootcert=system needs sslmode=verify-full: anybody gets a certificate there',
    );
  }
  return mode === 'require' && root !== undefined ? 'verify-ca' : mode;
}

/** As JDBC and others write it. */
function modeOfSwitch(text: string | undefined): Mode | undefined {
  if (text === undefined) return undefined;
  if (/^(true|1)$/.test(text)) return 'require';
  if (/^(false|0)$/.test(text)) return 'disable';
  throw new DatabaseUrlError('its option ssl is neither true nor false; write sslmode for anything else');
}

function checkMode(options: Options, mode: Mode): void {
  if (options.has('sslcert') !== options.has('sslkey'))
    throw new DatabaseUrlError('sslcert and sslkey are needed together');
  const given = (names: readonly string[]) => names.find((name) => options.has(name));
  if (mode === 'verify-ca' && !options.has('sslrootcert'))
    throw new DatabaseUrlError(
      'its sslmode=verify-ca needs sslrootcert: any certificate of any public authority would do',
    );
  const unheard = ['disable', 'allow', 'prefer'].includes(mode) ? given(NEEDS_ENCRYPTION) : undefined;
  if (unheard !== undefined)
    throw new DatabaseUrlError(
      `its ${unheard} counts only where encryption is sure: add sslmode=verify-full (or require)`,
    );
  const isChecked = mode === 'verify-ca' || mode === 'verify-full';
  const unchecked = isChecked ? undefined : given(['sslrootcert', 'sslcrl']);
  if (unchecked !== undefined)
    throw new DatabaseUrlError(
      `its ${unchecked} counts only where the certificate is checked: add sslmode=verify-full, or verify-ca with sslrootcert`,
    );
}

/** Made here and not by the driver, where a key that cannot be used would end the process. */
function contextOf(options: Options): SecureContext {
  const root = options.get('sslrootcert');
  const minVersion = versionOf(options, 'ssl_min_protocol_version');
  const maxVersion = versionOf(options, 'ssl_max_protocol_version');
  if (minVersion === 'TLSv1.3' && maxVersion === 'TLSv1.2')
    throw new DatabaseUrlError('its ssl_min_protocol_version is above its ssl_max_protocol_version');
  const files = {
    ca: root === 'system' ? undefined : pem('sslrootcert', root),
    cert: pem('sslcert', options.get('sslcert')),
    key: pem('sslkey', options.get('sslkey')),
    crl: pem('sslcrl', options.get('sslcrl')),
  };
  try {
    return createSecureContext({ ...files, passphrase: options.get('sslpassword'), minVersion, maxVersion });
  } catch (error) {
    const why = (error as { code?: string }).code ?? 'unknown';
    throw new DatabaseUrlError(
      `the files of sslrootcert, sslcert, sslkey or sslcrl are damaged, do not belong together, or need another sslpassword (${why})`,
    );
  }
}

function versionOf(options: Options, name: string): SecureVersion | undefined {
  const version = options.get(name);
  if (version === undefined || version === 'TLSv1.2' || version === 'TLSv1.3') return version;
  throw new DatabaseUrlError(`its ${name} is neither TLSv1.2 nor TLSv1.3`);
}

function pem(option: string, file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  if (file.includes('-----BEGIN'))
    throw new DatabaseUrlError(`its ${option} holds the text itself: write it into a file and name that`);
  const named = `the file ${JSON.stringify(file)} of ${option}`;
  let text: string;
  try {
    const stats = statSync(file);
    // Into a pipe nobody writes for the second reading, and the whole process would wait for it.
    if (!stats.isFile()) throw new DatabaseUrlError(`${named} is no plain file`);
    if (stats.size > LARGEST_FILE_BYTES) throw new DatabaseUrlError(`${named} is larger than 16 MiB`);
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof DatabaseUrlError) throw error;
    const why = (error as { code?: string }).code ?? 'unknown';
    throw new DatabaseUrlError(`${named} cannot be read (${why})`);
  }
  // Without a certificate in it nothing would be trusted, and the server would be blamed.
  if (text.includes('-----BEGIN ')) return text;
  throw new DatabaseUrlError(`${named} is not in PEM form`);
}
