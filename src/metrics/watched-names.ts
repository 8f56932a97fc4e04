/** Owns which watched thing a label value belongs to: two breakers of one name would overwrite each other's state. */

/** `NAME_TAKEN`: another thing of this kind is watched under the name already. Remedy: give each its own name. */
export class WatchError extends Error {
  readonly code = 'NAME_TAKEN';
  override readonly name = 'WatchError';
}

/** What is to be watched under a name. */
export interface Watched {
  /** What the name is a name of, for example `circuit breaker`; names of different kinds are apart. */
  readonly kind: string;
  /** Label value. */
  readonly name: string;
  /** The thing itself: the same one may be claimed again. */
  readonly owner: object;
  /** Begins the watch; called for the first claim only. The answer ends it. */
  watch(): () => void;
  /** True once the thing can do nothing any more: it gives its name to the next that asks. Never by default. */
  isGone?(): boolean;
}

interface Claim {
  readonly watched: Watched;
  readonly end: () => void;
  holders: number;
}

/** By the metrics, or by what of them the kind writes to. */
const taken = new WeakMap<object, Map<string, Claim>>();

/** The things of a kind that are watched now. */
export function watchedOf(metrics: object, kind: string): readonly object[] {
  const claims = [...(taken.get(metrics)?.values() ?? [])];
  return claims.filter(({ watched }) => watched.kind === kind).map(({ watched }) => watched.owner);
}

/**
 * Watches a thing under its name. One that is watched already is shared: it is counted once, and its watch ends with
 * the last claim. The answer gives this claim back; a second time it does nothing. Throws WatchError when another thing
 * has the name.
 */
export function claimName(metrics: object, watched: Watched): () => void {
  const { kind, name, owner } = watched;
  const claims = taken.get(metrics) ?? new Map<string, Claim>();
  taken.set(metrics, claims);
  const key = `${kind} ${JSON.stringify(name)}`;
  let claim = claims.get(key);
  if (claim !== undefined && claim.watched.owner !== owner) {
    if (claim.watched.isGone?.() !== true) {
      throw new WatchError(`a ${key} is on these metrics already: give each ${kind} a name of its own`);
    }
    claims.delete(key);
    claim.end();
    claim = undefined;
  }
  claim ??= { watched, end: watched.watch(), holders: 0 };
  claims.set(key, claim);
  claim.holders += 1;
  return onceOnly(() => release(claims, key, claim));
}

function release(claims: Map<string, Claim>, key: string, claim: Claim): void {
  claim.holders -= 1;
  // One whose name went to the next has ended then.
  if (claim.holders > 0 || claims.get(key) !== claim) return;
  claims.delete(key);
  claim.end();
}

function onceOnly(act: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    act();
  };
}
