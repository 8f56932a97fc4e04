/** Owns the reading of a secret from a file: size, kind and rights are checked before a byte is used. */
import { readFileSync, realpathSync, type Stats, statSync } from 'node:fs';
import { bad, good, type Parsed } from './problem.js';

const MAX_BYTES = 65_536;

/** Where container engines put secrets; Docker's own mode there is 0444. */
const CONTAINER_SECRETS = '/run/secrets/';

/**
 * True for a file that lies below /run/secrets itself, given by its path without symbolic links. Everybody in a
 * container may read what is there, and nobody but our process is in it.
 */
export function isContainerSecret(realPath: string): boolean {
  return realPath.startsWith(CONTAINER_SECRETS) && !realPath.split('/').includes('..');
}

/**
 * The text of the file at an absolute path, without blanks at its ends. Refused: missing, unreadable, not a file,
 * readable by everyone (but for files below /run/secrets), larger than 64 KiB, empty.
 */
export function readSecretFile(path: string): Parsed<string> {
  return readSecret(path, ({ stats, name }) => {
    if (stats.isFile()) return undefined;
    // Into a pipe nobody writes for the second reading, and the whole process would wait for it.
    const remedy = stats.isFIFO()
      ? 'Write the secret into a file: it is read again while flowgauge runs, and a pipe answers once'
      : 'Name the file that holds the connection string';
    return bad(`names ${name}, which is not a file`, remedy);
  });
}

/** As `readSecretFile`, for a secret that is read a single time; this one may come through a pipe, such as `<(command)`. */
export function readSecretOnce(path: string): Parsed<string> {
  return readSecret(path, ({ stats, name }) => {
    // A device such as /dev/zero never ends, and reading it would hang the start.
    if (stats.isFile() || stats.isFIFO()) return undefined;
    return bad(`names ${name}, which is not a file`, 'Name the file that holds the connection string');
  });
}

type CheckKind = (found: { readonly stats: Stats; readonly name: string }) => Parsed<never> | undefined;

function readSecret(path: string, checkKind: CheckKind): Parsed<string> {
  const name = shownPath(path);
  try {
    const stats = statSync(path);
    const refusal = checkKind({ stats, name }) ?? refuse(stats, name, path);
    if (refusal !== undefined) return refusal;
    const text = readFileSync(path, 'utf8').trim();
    if (text === '') return bad(`names ${name}, which is empty`, 'Write the connection string into the file');
    return good(text);
  } catch (error) {
    return unreadable(error, name);
  }
}

function refuse(stats: Stats, name: string, path: string): Parsed<never> | undefined {
  // The real path, because a link below /run/secrets may lead to a file that every user of a machine reads.
  if (stats.isFile() && (stats.mode & 0o004) !== 0 && !isContainerSecret(realpathSync(path))) {
    return bad(
      `names ${name}, which every user of this machine can read`,
      `Run: chmod 600 ${name} (and give the file to the user who runs flowgauge); in a container, mount it below /run/secrets/`,
    );
  }
  if (stats.size <= MAX_BYTES) return undefined;
  return bad(
    `names ${name}, which is larger than 64 KiB`,
    'Name the file that holds only the connection string',
  );
}

function unreadable(error: unknown, name: string): Parsed<never> {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  if (code === 'ENOENT')
    return bad(`names ${name}, which does not exist`, 'Create the file or correct the path');
  if (code === 'EACCES') {
    return bad(`names ${name}, which may not be read`, 'Give the file to the user who runs flowgauge');
  }
  return bad(`names ${name}, which cannot be read (${code})`, 'Name a readable file');
}

/** A connection string put where the file name belongs must not come out in the message about the file. */
function shownPath(path: string): string {
  return /[@=]|:\/|passw|secret.*:/i.test(path) ? 'a file' : path;
}
