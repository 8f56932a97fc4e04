/** Owns the roles: the closed set of what a caller may do here, and which role contains which. */

import { GRANT_NAMES, type GrantName } from '../config/web-grants.js';

/** Every role, from nothing to everything. `none` stands at routes that ask for no credentials. */
export const ROLES = ['none', ...GRANT_NAMES] as const;

/** What a route asks for. */
export type Role = (typeof ROLES)[number];

/** One role of a caller; nobody has to be given `none`. */
export type Grant = GrantName;

/** Who reads may scrape; who ingests may do nothing else; who administers may do all. */
const CONTAINS: Readonly<Record<Grant, readonly Grant[]>> = {
  scrape: ['scrape'],
  read: ['scrape', 'read'],
  ingest: ['ingest'],
  admin: ['scrape', 'read', 'ingest', 'admin'],
};

/** Whether one of these grants is enough for a route. */
export function isEnough(grants: readonly Grant[], role: Role): boolean {
  return role === 'none' || grants.some((grant) => CONTAINS[grant].includes(role));
}
