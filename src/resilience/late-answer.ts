/** Owns the answers of the host's functions that come when nobody waits for them any more. */

/** True for a promise and for what only looks like one. A `then` that throws is thrown on. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== 'object' && typeof value !== 'function') return false;
  return value !== null && typeof (value as { then?: unknown }).then === 'function';
}

/** True for an answer that comes later. Its end is heard from then on: unheard, its failure would end the host. */
export function comesLater(answer: unknown): answer is PromiseLike<unknown> {
  if (!isThenable(answer)) return false;
  Promise.resolve(answer).catch(() => {});
  return true;
}
