/** Owns the embedded database's directory: what lies where, its password, and a first initialisation that survives a kill. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Account, Binaries } from './embedded-binaries.js';
import { EmbeddedStartError } from './embedded-errors.js';

/** The part of a logger that is needed here. */
export interface EmbeddedLog {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** Where the parts of the directory lie. */
export interface Layout {
  readonly directory: string;
  readonly data: string;
  readonly password: string;
  readonly libraries: string;
  readonly serverLog: string;
}

/** How the programs are run. */
export interface Runtime {
  readonly binaries: Binaries;
  readonly account: Account | undefined;
  readonly environment: Record<string, string>;
}

/** User and database of the embedded server. */
export const EMBEDDED_NAME = 'flowgauge';
const PARTIAL = 'data.partial-';
const INITDB_DEADLINE_MS = 120_000;

/** The layout of a directory. */
export function layoutOf(directory: string): Layout {
  return {
    directory,
    data: join(directory, 'data'),
    password: join(directory, 'password'),
    libraries: join(directory, 'libraries'),
    serverLog: join(directory, 'server.log'),
  };
}

/** Makes the directory, closed to others; to a server that runs as another user it is only a way through. */
export function prepareDirectory(directory: string, account: Account | undefined): void {
  try {
    // Only the last folder is ours to close: a closed parent would shut out the server's user.
    mkdirSync(dirname(directory), { recursive: true });
    if (!existsSync(directory)) mkdirSync(directory, { mode: 0o700 });
    requireOurs(directory);
    chmodSync(directory, account ? 0o711 : 0o700);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new EmbeddedStartError(
      'EMBEDDED_DIRECTORY_UNUSABLE',
      `The embedded database's directory ${directory} cannot be used: ${why}. Name a new or empty folder that we may write (store.embedded).`,
      cause,
    );
  }
}

// Changing the mode of a folder that others use, /tmp say, would break them.
function requireOurs(directory: string): void {
  const { uid } = lstatSync(directory);
  if (!lstatSync(directory).isDirectory()) throw new Error('it is a link or a file');
  if (process.getuid && uid !== process.getuid()) throw new Error(`it belongs to user ${uid}`);
  const names = readdirSync(directory);
  if (names.includes('password')) return;
  const stranger = names.find((name) => !/^(owner\.|draft-|password\.|data\.|libraries$)/.test(name));
  if (stranger !== undefined) throw new Error(`it holds other things (${stranger})`);
}

/** The server's password: made once, readable by us only, kept so that a later process can adopt a running server. */
export function serverPassword(layout: Layout): string {
  if (!existsSync(layout.password)) {
    if (existsSync(layout.data)) {
      throw unknownData(layout.data, `the file ${layout.password} with its password is missing`);
    }
    const draft = `${layout.password}.draft-${randomBytes(6).toString('hex')}`;
    writeFileSync(draft, randomBytes(24).toString('base64url'), { mode: 0o600, flag: 'wx' });
    renameSync(draft, layout.password);
  }
  chmodSync(layout.password, 0o600);
  return readFileSync(layout.password, 'utf8').trim();
}

/** Puts what a killed initialisation left behind aside and says so. Nothing is deleted: it might be somebody's data. */
export function setPartialDataAside(layout: Layout, nowMs: number, log: EmbeddedLog): void {
  const leftovers = readdirSync(layout.directory).filter((name) => name.startsWith(PARTIAL));
  for (const [index, name] of leftovers.entries()) {
    const stamp = new Date(nowMs).toISOString().replace(/[:.]/g, '-');
    const aside = join(layout.directory, `data.broken-${stamp}${index === 0 ? '' : `-${index}`}`);
    renameSync(join(layout.directory, name), aside);
    log.warn('an interrupted first start was set aside; delete the folder when you like', { folder: aside });
  }
}

/**
 * Makes the data directory unless it is there; in one step (a rename), so that a kill leaves either none or a whole one.
 * Throws {@link EmbeddedStartError} for data that this version's programs cannot open.
 */
export async function ensureData(layout: Layout, runtime: Runtime, password: string): Promise<void> {
  if (existsSync(layout.data)) return requireKnownData(layout, runtime.binaries.majorVersion);
  const { account } = runtime;
  // A name of its own: an initdb that outlived its killed parent goes on writing to the path it was given.
  const nonce = `${process.pid}-${randomBytes(6).toString('hex')}`;
  const partial = join(layout.directory, `${PARTIAL}${nonce}`);
  const passwordCopy = join(layout.directory, `password.draft-${nonce}`);
  mkdirSync(partial, { mode: 0o700 });
  writeFileSync(passwordCopy, `${password}\n`, { mode: 0o600, flag: 'wx' });
  if (account) for (const path of [partial, passwordCopy]) chownSync(path, account.uid, account.gid);
  try {
    await initialise(runtime, partial, passwordCopy);
  } finally {
    rmSync(passwordCopy, { force: true });
  }
  renameSync(partial, layout.data);
}

function initialise(runtime: Runtime, directory: string, passwordFile: string): Promise<void> {
  const { binaries, account, environment } = runtime;
  const args = ['-D', directory, '-U', EMBEDDED_NAME, '-A', 'scram-sha-256', `--pwfile=${passwordFile}`];
  const child = spawn(binaries.initdb, [...args, '-E', 'UTF8', '--locale=C', '--no-instructions'], {
    cwd: directory,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: INITDB_DEADLINE_MS,
    killSignal: 'SIGKILL',
    ...(account && { uid: account.uid, gid: account.gid }),
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString('utf8')).slice(-2000);
    });
  }
  return new Promise((resolve, reject) => {
    const fail = (why: string) =>
      reject(
        new EmbeddedStartError(
          'EMBEDDED_START_FAILED',
          `The embedded database could not be initialised in ${directory} (${why}): ${output.trim()}`,
        ),
      );
    child.once('error', (error) => fail(error.message));
    child.once('close', (status, signal) =>
      status === 0 ? resolve() : fail(signal ?? `exit code ${status}`),
    );
  });
}

function requireKnownData(layout: Layout, majorVersion: number): void {
  const file = join(layout.data, 'PG_VERSION');
  if (!existsSync(file)) throw unknownData(layout.data, 'it has no PG_VERSION');
  const found = Number.parseInt(readFileSync(file, 'utf8'), 10);
  if (found === majorVersion) return;
  throw new EmbeddedStartError(
    'EMBEDDED_DATA_VERSION',
    `The data in ${layout.data} are of PostgreSQL ${found}, this release brings ${majorVersion}. Nothing was changed. Use the release that made them, or move them over with pg_upgrade or a dump of PostgreSQL's own tools, or name another directory (store.embedded).`,
  );
}

function unknownData(data: string, why: string): EmbeddedStartError {
  return new EmbeddedStartError(
    'EMBEDDED_DATA_UNKNOWN',
    `${data} is not a database that we made: ${why}. Nothing was changed. Name another directory (store.embedded), or move that folder away.`,
  );
}
