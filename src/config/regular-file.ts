/** Owns the reading of files that are read again while we run: what is no plain file, or too large, is refused before it can hold us up. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';

/** The largest configuration, certificate or list that is read: 1 MiB. */
export const MAX_FILE_BYTES = 1_048_576;

/**
 * The text of a file. Throws as `readFileSync` does, an error with the code `NOT_A_FILE` for a pipe, a device or a
 * folder: nobody writes into a pipe for the second reading, and the whole process would wait for it; and one with the
 * code `TOO_LARGE` beyond {@link MAX_FILE_BYTES}.
 */
export function readRegularFile(path: string): string {
  if (!statSync(path).isFile()) throw Object.assign(new Error('not a file'), { code: 'NOT_A_FILE' });
  return readBounded(path).toString('utf8');
}

/** The bytes of a file, or of a pipe up to its end. Throws as `readFileSync` does, and `TOO_LARGE` as above. */
export function readBounded(path: string): Buffer {
  const file = openSync(path, 'r');
  try {
    // By the bytes that come, not by the size alone: a pipe has none, and a file may grow meanwhile.
    const bytes = Buffer.allocUnsafe(MAX_FILE_BYTES + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read)
      read = readSync(file, bytes, length, bytes.length - length, null);
    if (length > MAX_FILE_BYTES) throw Object.assign(new Error('too large'), { code: 'TOO_LARGE' });
    return bytes.subarray(0, length);
  } finally {
    closeSync(file);
  }
}
