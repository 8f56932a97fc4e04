/** Owns the first look at the files that probes name: a missing one is told at the start, not in the first run. */
import { resolve } from 'node:path';
import { parseDatabaseUrl } from './database-url.js';
import { isMap } from './fields.js';
import type { Parsed } from './problem.js';
import { readRegularFile } from './regular-file.js';
import type { Secret } from './secret.js';
import { readSecretFile } from './secret-file.js';

/** One file that cannot be used. */
export interface ProbeFileProblem {
  readonly path: readonly string[];
  readonly what: string;
  readonly remedy: string;
}

const SECRET_KEYS = ['password_file', 'token_file', 'bearer_token_file'];

/** The database URLs that `url_file` names, by probe, and what is wrong with any file. `section` is as written. */
export function readProbeFiles(
  section: unknown,
  directory: string,
  readUrl: (path: string) => Parsed<string>,
): { readonly urls: ReadonlyMap<string, Secret>; readonly problems: readonly ProbeFileProblem[] } {
  const urls = new Map<string, Secret>();
  const problems: ProbeFileProblem[] = [];
  for (const [name, probe] of isMap(section) ? Object.entries(section) : []) {
    if (!isMap(probe)) continue;
    const check = (keys: readonly string[], file: unknown) => {
      if (typeof file !== 'string') return;
      const read = readSecretFile(resolve(directory, file));
      const remedy = 'Write the secret alone into a file that the user who runs flowgauge can read';
      if (!read.ok)
        problems.push({ path: ['probes', name, ...keys], what: read.what, remedy: remedyOf(read, remedy) });
    };
    for (const key of SECRET_KEYS) check([key], probe[key]);
    for (const [header, file] of isMap(probe.header_files) ? Object.entries(probe.header_files) : []) {
      check(['header_files', header], file);
    }
    if (typeof probe.ca_file === 'string') checkAuthority(name, resolve(directory, probe.ca_file), problems);
    if (typeof probe.url_file !== 'string') continue;
    const path = ['probes', name, 'url_file'];
    const text = readUrl(resolve(directory, probe.url_file));
    const url = text.ok ? parseDatabaseUrl(text.value) : text;
    if (url.ok) urls.set(name, url.value);
    else
      problems.push({
        path,
        what: text.ok ? `names a file whose text ${url.what}` : url.what,
        remedy: url.remedy,
      });
  }
  return { urls, problems };
}

/** The words about an empty or odd file speak of connection strings, which these are not. */
function remedyOf(read: { readonly remedy: string }, plain: string): string {
  return read.remedy.includes('connection string') ? plain : read.remedy;
}

function checkAuthority(name: string, file: string, problems: ProbeFileProblem[]): void {
  const path = ['probes', name, 'ca_file'];
  const remedy = 'Name a PEM file with at least one certificate';
  try {
    if (readRegularFile(file).includes('-----BEGIN CERTIFICATE-----')) return;
    problems.push({ path, what: `names ${file}, which holds no certificate`, remedy });
  } catch {
    problems.push({ path, what: `names ${file}, which cannot be read`, remedy });
  }
}
