/** Owns the reading of files that are read again while we run: whatever is no plain file is refused before it can hold us up. */
import { readFileSync, statSync } from 'node:fs';

/**
 * The text of a file. Throws as `readFileSync` does, and an error with the code `NOT_A_FILE` for a pipe, a device or a
 * folder: nobody writes into a pipe for the second reading, and the whole process would wait for it.
 */
export function readRegularFile(path: string): string {
  if (!statSync(path).isFile()) throw Object.assign(new Error('not a file'), { code: 'NOT_A_FILE' });
  return readFileSync(path, 'utf8');
}
