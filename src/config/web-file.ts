/** Owns the web configuration file: the keys of Prometheus' exporters unchanged, and a block of our own for roles and tokens. */
import { dirname, resolve } from 'node:path';
import { readDocument } from './document.js';
import { count, duration, flag, isMap, oneOf, type Reader, text } from './fields.js';
import { bad, ConfigError, good, type Parsed, type Problem } from './problem.js';
import { readRegularFile } from './regular-file.js';
import { Secret } from './secret.js';
import { readSecretFile } from './secret-file.js';
import { GRANT_NAMES, type GrantName, grantList } from './web-grants.js';
import { type Report, reportTo, WebSection } from './web-section.js';
import { readTls, type TlsSettings } from './web-tls.js';

/** A user of the file. */
export interface WebUser {
  readonly name: string;
  /** bcrypt. */
  readonly hash: Secret;
  readonly grants: readonly GrantName[];
}

/** A bearer token; its text comes from a file. */
export interface WebToken {
  readonly name: string;
  readonly token: Secret;
  readonly grants: readonly GrantName[];
}

/** The file after reading, with everything that it names. */
export interface WebFile {
  readonly tls: TlsSettings | undefined;
  /** Headers that are added to each answer, by their names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly users: readonly WebUser[];
  readonly tokens: readonly WebToken[];
  /** One request per interval, and so many at once; undefined when there is no limit. */
  readonly rateLimit: { readonly intervalMs: number; readonly burst: number } | undefined;
}

/** 128 random bits are 22 characters of base64. */
const SHORTEST_TOKEN = 22;
/** Above it one check takes seconds. */
const HIGHEST_COST = 15;

/** Reads and checks the file at an absolute path, and every file that it names. Throws ConfigError with all problems. */
export function loadWebFile(path: string): WebFile {
  const problems: Problem[] = [];
  const read = textOf(path);
  if (!read.ok)
    throw new ConfigError([
      { path: '(file)', where: path, value: undefined, what: read.what, remedy: read.remedy },
    ]);
  const document = readDocument(read.value, path);
  if (document.problems.length > 0) throw new ConfigError(document.problems);
  const report = reportTo(problems, path, (at) => document.lineOf(at));
  const file = isMap(document.tree) ? readAll(document.tree, dirname(path), report) : undefined;
  if (file === undefined) report([], 'is not a map', 'Write the keys of docs/access.md');
  if (problems.length > 0 || file === undefined) throw new ConfigError(problems);
  return file;
}

/** Whether somebody is asked for credentials at all. */
export function hasCredentials({ users, tokens, tls }: WebFile): boolean {
  return users.length > 0 || tokens.length > 0 || tls?.clients === 'required';
}

function textOf(path: string): Parsed<string> {
  try {
    return good(readRegularFile(path));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    if (code === 'TOO_LARGE')
      return bad('is larger than 1 MiB', 'Keep only the keys of docs/access.md in it');
    return bad(`cannot be read (${code})`, 'Name a file that the user who runs flowgauge may read');
  }
}

function readAll(tree: Record<string, unknown>, directory: string, report: Report): WebFile {
  const root = new WebSection([], tree, report);
  const tls = readTls(root.section('tls_server_config'), directory);
  const headers = headersOf(root.section('http_server_config'));
  const ours = root.section('flowgauge');
  const roles = ours?.section('users');
  const users = usersOf(root.section('basic_auth_users'), roles, ours !== undefined);
  const tokens = tokensOf(ours?.section('tokens'), directory);
  ours?.end();
  const rateLimit = rateLimitOf(root.section('rate_limit'));
  root.end();
  return { tls, headers, users, tokens, rateLimit };
}

const HEADERS: Readonly<Record<string, Reader<string>>> = {
  'Content-Security-Policy': headerText(),
  'X-Frame-Options': oneOf(['deny', 'sameorigin', '']),
  'X-Content-Type-Options': oneOf(['nosniff', '']),
  'X-XSS-Protection': headerText(),
  'Strict-Transport-Security': headerText(),
};

function headersOf(section: WebSection | undefined): Record<string, string> {
  const headers: Record<string, string> = {};
  // Taken and without effect: we speak HTTP/1.1, which every client of HTTP/2 speaks too.
  section?.value('http2', flag());
  const given = section?.section('headers');
  for (const [name, read] of Object.entries(HEADERS)) {
    const value = given?.value(name, read);
    if (value !== undefined && value !== '') headers[name.toLowerCase()] = value;
  }
  given?.end();
  section?.end();
  return headers;
}

function headerText(): Reader<string> {
  return text((value) =>
    /^[\x20-\x7e]*$/.test(value)
      ? good(value)
      : bad('has characters that a header cannot hold', 'Use plain ASCII'),
  );
}

function usersOf(
  section: WebSection | undefined,
  roles: WebSection | undefined,
  hasBlock: boolean,
): readonly WebUser[] {
  const users: WebUser[] = [];
  for (const name of section?.names() ?? []) {
    if (name === '' || name.includes(':') || name.length > 100)
      section?.refuse(name, 'is not a user name', 'Use 1 to 100 characters without a colon');
    const hash = section?.value(name, text(parseHash));
    // Without our block the file means what it means to other exporters: a user sees everything that is shown.
    const grants = hasBlock ? (roles?.value(name, grantList) ?? []) : (['read'] as const);
    if (hash !== undefined) users.push({ name, hash: new Secret(hash), grants });
  }
  section?.end();
  for (const name of roles?.names() ?? [])
    if (!section?.names().includes(name))
      roles?.refuse(name, 'is no user of basic_auth_users', 'Add the user there, or remove the name here');
  return users;
}

function parseHash(value: string): Parsed<string> {
  const cost = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(value)?.[1];
  const remedy = 'Make one with: htpasswd -nBC 10 "" | tr -d \':\\n\'';
  if (cost === undefined) return bad('is not a bcrypt hash', remedy);
  if (Number(cost) < 4 || Number(cost) > HIGHEST_COST)
    return bad(`has a cost outside 4 to ${HIGHEST_COST}`, remedy);
  return good(value);
}

function tokensOf(section: WebSection | undefined, directory: string): readonly WebToken[] {
  const tokens: WebToken[] = [];
  for (const name of section?.names() ?? []) {
    const entry = section?.section(name);
    const grants = entry?.value('roles', grantList);
    const read = entry?.value('file', tokenFile(directory));
    if (entry !== undefined && grants === undefined && !entry.names().includes('roles'))
      entry.refuse('roles', 'is missing', `Write a list of: ${GRANT_NAMES.join(', ')}`);
    if (entry !== undefined && !entry.names().includes('file'))
      entry.refuse('file', 'is missing', 'Name the file that holds the token alone');
    entry?.end();
    if (grants !== undefined && read !== undefined) tokens.push({ name, token: new Secret(read), grants });
  }
  return tokens;
}

function tokenFile(directory: string): Reader<string> {
  return text((name) => {
    const read = readSecretFile(resolve(directory, name));
    const remedy = 'Write 32 random bytes as text into it, for example: openssl rand -base64 32';
    if (!read.ok) return bad(read.what, read.remedy.includes('connection string') ? remedy : read.remedy);
    if (!/^[A-Za-z0-9._~+/=-]+$/.test(read.value))
      return bad('names a file whose text is no bearer token', remedy);
    if (read.value.length < SHORTEST_TOKEN)
      return bad(`names a file whose token has fewer than ${SHORTEST_TOKEN} characters`, remedy);
    return good(read.value);
  });
}

function rateLimitOf(section: WebSection | undefined): WebFile['rateLimit'] {
  const bounded = duration('1ms', '1h');
  const intervalMs = section?.value('interval', (raw) =>
    raw === 0 || raw === '0' || raw === '0s' ? good(0) : bounded(raw),
  );
  const burst = section?.value('burst', count(0, 1_000_000));
  section?.end();
  if (intervalMs === undefined || intervalMs === 0) return undefined;
  // A bucket that holds nothing would let nobody in, the operator included.
  return { intervalMs, burst: Math.max(1, burst ?? 1) };
}
