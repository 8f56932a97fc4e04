/** Owns which watched thing a label value belongs to: two breakers of one name would overwrite each other's state. */
import type { Metrics } from './registry.js';

/** `NAME_TAKEN`: another thing of this kind is watched under the name already. Remedy: give each its own name. */
export class WatchError extends Error {
  readonly code = 'NAME_TAKEN';
  override readonly name = 'WatchError';
}

const taken = new WeakMap<Metrics, Map<string, object>>();

/** The things of a kind that are watched now. */
export function watchedOf(metrics: Metrics, kind: string): readonly object[] {
  const names = taken.get(metrics) ?? new Map<string, object>();
  return [...names].filter(([key]) => key.startsWith(`${kind} "`)).map(([, owner]) => owner);
}

/**
 * Takes a name for `owner`; the answer gives it back. Undefined when the same owner has it already, so that watching
 * twice does not count twice. Throws WatchError when another has it.
 */
export function claimName(
  metrics: Metrics,
  kind: string,
  name: string,
  owner: object,
): (() => void) | undefined {
  const names = taken.get(metrics) ?? new Map<string, object>();
  taken.set(metrics, names);
  const key = `${kind} ${JSON.stringify(name)}`;
  const holder = names.get(key);
  if (holder === owner) return undefined;
  if (holder !== undefined) {
    throw new WatchError(`a ${key} is on these metrics already: give each ${kind} a name of its own`);
  }
  names.set(key, owner);
  return () => {
    if (names.get(key) === owner) names.delete(key);
  };
}
