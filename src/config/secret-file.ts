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
 * The text of the file at an absolute path, without blanks at its ends. Refused: missing, unreadable, not a
 * file or pipe, readable by everyone (but for files below /run/secrets), larger than 64 KiB, empty.
 */
export function readSecretFile(path: string): Parsed<string> {
  const name = shownPath(path);
  try {
    const refusal = refuse(statSync(path), name, path);
    if (refusal !== undefined) return refusal;
    const text = readFileSync(path, 'utf8').trim();
    if (text === '') return bad(`names ${name}, which is empty`, 'Write the connection string into the file');
    return good(text);
  } catch (error) {
    return unreadable(error, name);
  }
}

function refuse(stats: Stats, name: string, path: string): Parsed<never> | undefined {
  // A device such as /dev/zero never ends, and reading it would hang the start.
  if (!stats.isFile() && !stats.isFIFO()) {
    return bad(`names ${name}, which is not a file`, 'Name the file that holds the connection string');
  }
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
