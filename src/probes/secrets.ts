/** Owns the secrets of probes: read from their files for each question, so that a rotation needs no restart. */
import { ProbeFailure } from './failure.js';

/** The text of a secret file now, without blanks at its ends, or what is wrong with the file. */
export type ReadSecret = (
  path: string,
) => { readonly ok: true; readonly value: string } | { readonly ok: false; readonly what: string };

/** The text of the file. Rejects with a ProbeFailure that names the file, never its text. */
export function secretOf(read: ReadSecret, path: string, key: string, target: string): string {
  const found = read(path);
  if (found.ok) return found.value;
  throw new ProbeFailure('auth', `${target} was not asked: ${key} ${found.what}. Repair the file.`);
}

/** The secret as the value of a header. Rejects when it holds what no header may hold. */
export function headerSecret(read: ReadSecret, path: string, key: string, target: string): string {
  const value = secretOf(read, path, key, target);
  // Node's own error for such a value repeats the header's name only, but it must not come to that.
  if (/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) return value;
  throw new ProbeFailure(
    'auth',
    `${target} was not asked: the file of ${key} holds more than one line or a sign that no header may hold. Write the secret alone into it.`,
  );
}
