/** Owns the paths and addresses of the web pages as configured: which path metrics may have, which address we name. */
import { bad, good, type Parsed } from './problem.js';

/** First parts of the paths that pages have, or may get; the metrics live neither there nor below. */
export const TAKEN_PATHS = [
  '/-',
  '/admin',
  '/api',
  '/health',
  '/healthz',
  '/livez',
  '/openapi.json',
  '/readyz',
  '/resources',
  '/runbooks',
  '/telegram',
] as const;

/** The path of the metrics: absolute, plain characters, none of the taken ones, no slash at the end. */
export function parseTelemetryPath(text: string): Parsed<string> {
  if (!text.startsWith('/')) return bad('does not begin with a slash', `Write /${text || 'metrics'}`);
  if (text === '/') return bad('is the landing page', 'Write another path, for example /metrics');
  if (!/^(?:\/[A-Za-z0-9_~.-]+)+$/.test(text) || /\/\.{1,2}(?:\/|$)/.test(text)) {
    return bad(
      'is not a plain path',
      'Use letters, digits, - _ . ~ between single slashes, for example /metrics',
    );
  }
  const taken = TAKEN_PATHS.find((path) => text === path || text.startsWith(`${path}/`));
  if (taken !== undefined) return bad(`collides with ${taken}`, 'Write another path, for example /metrics');
  return good(text);
}

/** The address under which people reach this process, without a slash at the end; no user, query or fragment. */
export function parseExternalUrl(text: string): Parsed<string> {
  const remedy = 'Write it like https://flowgauge.example.org';
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return bad('is not a URL', remedy);
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return bad('is not an http or https URL', remedy);
  if (url.username !== '' || url.password !== '') return bad('contains a user or password', remedy);
  if (url.search !== '' || url.hash !== '') return bad('contains a query or a fragment', remedy);
  return good(url.href.replace(/\/+$/, ''));
}
