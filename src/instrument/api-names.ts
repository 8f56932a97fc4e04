/** Owns which API a host is: names come from the configuration, every other host is one value. */

import { InstrumentOptionError } from '../resilience/setup-options.js';
import { OTHER_VALUE } from './http-labels.js';

/** Origins remembered at most: a crawler that asks a million hosts must not fill the memory. */
const MAX_REMEMBERED = 1_000;
/** Hosts that may be named: each name is a label value. */
const MAX_HOSTS = 1_000;
const HOST = /^(\*\.)?[a-z0-9._-]+(:\d+)?$|^\[[0-9a-f:]+\](:\d+)?$/;

const GIVER = 'instrumentFetch';

/** The API of an origin such as `https://api.example.com:8443`. */
export type ApiOf = (origin: unknown) => string;

/**
 * Makes the look-up. A host is written `api.example.com`, `api.example.com:8443` (that port only) or `*.example.com`
 * (every host below it); the longest match counts. Throws InstrumentOptionError for a host or name that is none.
 */
export function apiNames(apis: Readonly<Record<string, string>>): ApiOf {
  if (
    typeof apis !== 'object' ||
    apis === null ||
    Array.isArray(apis) ||
    Object.keys(apis).length > MAX_HOSTS
  ) {
    throw new InstrumentOptionError(
      'apis',
      `at most ${MAX_HOSTS} hosts with the names of their APIs`,
      apis,
      GIVER,
    );
  }
  const exact = new Map<string, string>();
  const below: (readonly [string, string])[] = [];
  for (const [key, name] of Object.entries(apis)) {
    const host = key.toLowerCase();
    if (!HOST.test(host)) {
      throw new InstrumentOptionError(
        'apis',
        'hosts such as api.example.com, without scheme and path',
        hidden(key),
        GIVER,
      );
    }
    if (typeof name !== 'string' || name === '' || name.length > 100 || name === OTHER_VALUE) {
      throw new InstrumentOptionError(
        `apis[${key}]`,
        `a name of 1 to 100 characters, not ${OTHER_VALUE}`,
        name,
        GIVER,
      );
    }
    if (host.startsWith('*.')) below.push([host.slice(1), name]);
    else exact.set(host, name);
  }
  below.sort(([a], [b]) => b.length - a.length);
  const remembered = new Map<unknown, string>();

  return (origin) => {
    const known = remembered.get(origin);
    if (known !== undefined) return known;
    const name = nameOf(String(origin), exact, below);
    if (typeof origin === 'string' && remembered.size < MAX_REMEMBERED) remembered.set(origin, name);
    return name;
  };
}

/** A whole URL may be given by mistake, with a password in it. */
function hidden(host: string): string {
  return host.replace(/^.*@/, '***@');
}

function nameOf(
  origin: string,
  exact: ReadonlyMap<string, string>,
  below: readonly (readonly [string, string])[],
): string {
  if (!URL.canParse(origin)) return OTHER_VALUE;
  const { hostname, port, protocol } = new URL(origin);
  const host = hostname.toLowerCase();
  const withPort = `${host}:${port === '' ? (protocol === 'https:' ? '443' : '80') : port}`;
  const name = exact.get(withPort) ?? exact.get(host);
  if (name !== undefined) return name;
  return below.find(([suffix]) => host.endsWith(suffix) || withPort.endsWith(suffix))?.[1] ?? OTHER_VALUE;
}
