/** Owns which addresses of services a configuration may hold, and how they may be shown. */
import { parseDatabaseUrl } from './database-url.js';
import { bad, good, type Parsed } from './problem.js';

/** Kinds of services that can be asked. */
export const PROBE_KINDS = ['postgres', 'redis', 'http', 'telegram', 'alertmanager', 'prometheus'] as const;
/** Kind of a service. */
export type ProbeKind = (typeof PROBE_KINDS)[number];

/** Where Telegram's Bot API is unless `url` names another server. */
export const TELEGRAM_API = 'https://api.telegram.org';

const SPELLINGS: Readonly<Record<string, readonly [protocols: readonly string[], example: string]>> = {
  redis: [['redis:', 'rediss:'], 'redis://cache.internal:6379'],
  http: [['http:', 'https:'], 'https://search.example.org/health'],
  telegram: [['http:', 'https:'], TELEGRAM_API],
  alertmanager: [['http:', 'https:'], 'http://127.0.0.1:9093'],
  prometheus: [['http:', 'https:'], 'http://127.0.0.1:9090'],
};

/** The address of a service of this kind but `postgres`. No message holds any part of the text. */
export function parseProbeUrl(kind: string, text: string): Parsed<URL> {
  const [protocols, example] = SPELLINGS[kind] ?? [[], ''];
  const remedy = `Write it like ${example}`;
  // The error of `new URL` keeps the whole text.
  if (!URL.canParse(text)) return bad('is not a URL', remedy);
  const url = new URL(text);
  if (!protocols.includes(url.protocol)) {
    const words = protocols.map((protocol) => `${protocol}//`).join(' or ');
    return bad(`does not begin with ${words}`, remedy);
  }
  if (url.hostname === '') return bad('names no host', remedy);
  if (url.username !== '' || url.password !== '') {
    return bad(
      'contains a user or password',
      'Put secrets into files: password_file, bearer_token_file, header_files',
    );
  }
  if (url.hash !== '') return bad('contains a fragment', remedy);
  const isPlain = !['', '/'].includes(url.pathname) || url.search !== '';
  if (kind === 'redis' && isPlain) return bad('contains more than host and port', remedy);
  if (kind !== 'http' && url.search !== '') return bad('contains a query', remedy);
  return good(url);
}

/** Why a probe cannot have this address; undefined when it can. */
export function probeUrlProblem(kind: string, text: string): { what: string; remedy: string } | undefined {
  const parsed = kind === 'postgres' ? parseDatabaseUrl(text) : parseProbeUrl(kind, text);
  return parsed.ok ? undefined : { what: parsed.what, remedy: parsed.remedy };
}

/** Scheme, host and port: path and query can hold tokens. */
export function shownTarget(url: URL): string {
  return `${url.protocol}//${url.host}`;
}
