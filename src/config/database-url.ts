/** Owns which connection strings a configuration may hold: those that can be dialled. */

import { parseAddress } from '../storage/address.js';
import { DatabaseUrlError } from '../storage/address-error.js';
import { bad, good, type Parsed } from './problem.js';
import { Secret } from './secret.js';

const SPELLING =
  'Write postgres://USER:PASSWORD@HOST:5432/DATABASE, with special characters of the password ' +
  'percent-encoded (@ is %40, # is %23, % is %25, / is %2F, ? is %3F)';

/**
 * A checked connection string; several hosts (`a:5432,b:5432`) and no host (a socket directory as `?host=`) are
 * fine. Not read with `new URL`: its error keeps the whole text. No message holds any part of the text but names of
 * options and of the files for TLS, which are read as for a connection.
 */
export function parseDatabaseUrl(raw: unknown): Parsed<Secret> {
  if (typeof raw !== 'string') return bad('is not text', SPELLING);
  const text = raw.trim();
  if (text === '') return bad('is empty', SPELLING);
  const match = /^postgres(?:ql)?:\/\/([^/?#]*)(.*)$/su.exec(text);
  if (match === null) return bad('is not a postgres:// or postgresql:// URL', SPELLING);
  if (/[\s\p{Cc}]/u.test(text)) return bad('contains a blank or a control character', SPELLING);
  const [, authority = '', tail = ''] = match;
  const [account, hosts, ...more] = authority.includes('@') ? authority.split('@') : ['', authority];
  // An unencoded @, # or / in a password ends a part early: the driver would dial and log a piece of it.
  if (more.length > 0 || tail.includes('@') || tail.includes('#')) {
    return bad('has an unencoded special character', SPELLING);
  }
  if (!decodes(account ?? '') || !decodes(tail)) return bad('has a % that encodes nothing', SPELLING);
  if (hosts !== '' && !(hosts ?? '').split(',').every(isEndpoint)) {
    return bad('has no valid host and port', SPELLING);
  }
  return unusable(text) ?? good(new Secret(text));
}

/** Why nothing could be dialled with it, in the words that the start would use. */
function unusable(url: string): Parsed<never> | undefined {
  try {
    parseAddress(url);
    return undefined;
  } catch (error) {
    if (!(error instanceof DatabaseUrlError)) throw error;
    return bad(`cannot be used: ${error.problem}`, 'Correct it; docs/install.md lists what the URL takes');
  }
}

function isEndpoint(text: string): boolean {
  const match = /^(?:\[[0-9a-f:.%]+\]|[^:[\]]+)(?::(\d{1,5}))?$/i.exec(text);
  if (match === null || !decodes(text)) return false;
  const port = Number(match[1] ?? 5432);
  return port >= 1 && port <= 65_535;
}

function decodes(text: string): boolean {
  // The error of decodeURIComponent quotes its input, password included: it must end here.
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
