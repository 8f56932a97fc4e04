/** Owns how the tests of the policies let time and promises move. */
import type { ManualClock } from '../../src/resilience/manual-clock.js';

/** How a promise ended. */
export type Ending<T> = { readonly value: T } | { readonly error: unknown };

/** Lets every promise that is ready run its handlers. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Advances the clock from deadline to deadline until the promise has ended. */
export async function settle<T>(promise: Promise<T>, clock: ManualClock): Promise<Ending<T>> {
  let ending: Ending<T> | undefined;
  promise.then(
    (value) => {
      ending = { value };
    },
    (error: unknown) => {
      ending = { error };
    },
  );
  for (let rounds = 0; rounds < 1_000; rounds++) {
    await turn();
    if (ending !== undefined) return ending;
    clock.advance(clock.nextMs ?? 0);
  }
  throw new Error('the promise never ended');
}

/** The error of a promise that must fail. */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('the promise was expected to fail');
}

/** A promise that is settled from outside. */
export function deferred<T>(): {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
} {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
