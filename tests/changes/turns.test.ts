/** Owns the proof of the narrow door: never more inside than it is wide, first come first served, nobody lost on the way. */
import { expect, it } from 'vitest';
import { Turns } from '../../src/changes/turns.js';
import { ON } from './watching.js';

/** Lets everything that can go on go on. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

function callers(turns: Turns, count: number, signal = ON) {
  const inside: number[] = [];
  const leave: ((error?: Error) => void)[] = [];
  const results = Array.from({ length: count }, (_, n) =>
    turns
      .take(
        signal,
        () =>
          new Promise<number>((resolve, reject) => {
            inside.push(n);
            leave[n] = (error) => (error === undefined ? resolve(n) : reject(error));
          }),
      )
      .catch((error: Error) => error.message),
  );
  return { inside, leave, results };
}

it('lets as many in as it is wide, and the others in their order as soon as one leaves', async () => {
  const { inside, leave, results } = callers(new Turns(2), 4);
  await settled();
  expect(inside).toEqual([0, 1]);
  leave[1]!();
  await settled();
  expect(inside).toEqual([0, 1, 2]);
  leave[0]!(new Error('failed inside'));
  await settled();
  expect(inside).toEqual([0, 1, 2, 3]);
  leave[2]!();
  leave[3]!();
  expect(await Promise.all(results)).toEqual(['failed inside', 1, 2, 3]);
});

it('forgets who gives up waiting, and whoever is inside stays there', async () => {
  const turns = new Turns(1);
  const stop = new AbortController();
  const first = callers(turns, 1);
  const impatient = callers(turns, 2, stop.signal);
  const last = callers(turns, 1);
  await settled();
  stop.abort(new Error('stopping'));
  expect(await Promise.all(impatient.results)).toEqual(['stopping', 'stopping']);
  expect(last.inside).toEqual([]);
  first.leave[0]!();
  await settled();
  expect(last.inside).toEqual([0]);
  last.leave[0]!();
  const again = callers(turns, 2);
  await settled();
  expect(again.inside).toEqual([0]);
  again.leave[0]!();
  await settled();
  again.leave[1]!();
  expect(await Promise.all(again.results)).toEqual([0, 1]);
  await expect(turns.take(stop.signal, async () => 1)).rejects.toThrow('stopping');
});
