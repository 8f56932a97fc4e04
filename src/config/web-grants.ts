/** Owns the names of roles as the web configuration file writes them. */
import { bad, good, type Parsed } from './problem.js';

/** What credentials can be given: scrape the series, read the pages, bring alerts, administer. */
export const GRANT_NAMES = ['scrape', 'read', 'ingest', 'admin'] as const;

/** One role. */
export type GrantName = (typeof GRANT_NAMES)[number];

/** A list of roles, each once. */
export function grantList(raw: unknown): Parsed<readonly GrantName[]> {
  const remedy = `Write a list of: ${GRANT_NAMES.join(', ')}`;
  if (!Array.isArray(raw)) return bad('is not a list', remedy);
  const grants = raw.filter((one): one is GrantName => GRANT_NAMES.includes(one));
  if (grants.length !== raw.length) return bad('names a role that does not exist', remedy);
  return new Set(grants).size === grants.length ? good(grants) : bad('names a role twice', 'Keep one');
}
