/** Owns the names under which an exporter that listens for its own machine may be asked. */
import { isIP } from 'node:net';
import { isLoopback } from '../config/listen-address.js';
import type { ValidConfig } from '../config/valid-config.js';

/**
 * Whether a `Host` header names us; undefined on an address that other machines reach, where the names are the
 * operator's, and credentials guard the pages.
 */
export function ownHosts({
  listenAddress,
  externalUrl,
}: Pick<ValidConfig['web'], 'listenAddress' | 'externalUrl'>): ((header: string) => boolean) | undefined {
  if (!isLoopback(listenAddress.host)) return undefined;
  const external = externalUrl === undefined ? undefined : new URL(externalUrl).hostname;
  return (header) => {
    const name = header.replace(/:\d+$/, '').toLowerCase();
    if (name === 'localhost' || name === external?.toLowerCase()) return true;
    // A name can be made to lead here by anyone who has one; an address cannot.
    return isIP(name.replace(/^\[|\]$/g, '')) !== 0;
  };
}
