/** Owns the proof that a flow's runner shows that it lives, and that one which was given up does not write any more. */
import { expect, test } from 'vitest';
import { journalNames, quoteIdent } from '../../src/changes/journal-sql.js';
import { pause } from '../harness/processes.js';
import { running } from './running.js';
import { ON, toldOf, watching } from './watching.js';

const ITEMS = 'create table items (id int primary key, status text)';
/** What is said before the batches of a table, milliseconds. */
const BATCH_MS = 150_000;

test('a runner says that it goes on before each call and each batch of a baseline', async () => {
  const w = await watching(`${ITEMS}; insert into items select n, 'a' from generate_series(1, 25000) n`);
  const { runner } = running(w);
  const said: (number | undefined)[] = [];
  await runner.tick(ON, (withinMs) => said.push(withinMs));
  // Before the scan, and with each of three batches.
  expect(said.filter((ms) => ms === BATCH_MS)).toHaveLength(4);
  const before = said.length;
  await runner.tick(ON, (withinMs) => said.push(withinMs));
  expect(said.length).toBeGreaterThan(before + 1);
});

test('a runner that was aborted stops between two batches, and the next one is whole', async () => {
  const w = await watching(`${ITEMS}; insert into items select n, 'a' from generate_series(1, 25000) n`);
  const { runner, rounds } = running(w);
  const given = new AbortController();
  let batches = 0;
  const tick = runner.tick(given.signal, (withinMs) => {
    if (withinMs === BATCH_MS) batches += 1;
    if (batches === 3) given.abort(new Error('given up'));
  });
  await expect(tick).rejects.toThrow('given up');
  expect(batches).toBe(3);
  expect((await toldOf(w.store, 'items')).items).toEqual({});
  await rounds();
  expect((await toldOf(w.store, 'items')).items).toEqual({ a: 25_000 });
});

test('a tick that was left behind finds its own abort when it wakes up, beside the one that took its place', async () => {
  const w = await watching(ITEMS);
  const { runner, rounds } = running(w);
  await rounds();
  await w.sql`insert into items select n, 'a' from generate_series(1, 10) n`;
  const { schema, journal } = journalNames(w.flow);
  const given = new AbortController();
  const ticks: Promise<number>[] = [];
  await w.sql.begin(async (tx) => {
    await tx.unsafe(`lock table ${quoteIdent(schema)}.${quoteIdent(journal)} in access exclusive mode`);
    const waiting = async (count: number) => {
      for (;;) {
        const [row] = await w.sql<{ n: number }[]>`
          select count(*)::int as n from pg_locks l join pg_class c on c.oid = l.relation
           where not l.granted and c.relname = ${journal} and l.database = (select oid from pg_database where datname = current_database())`;
        if (row!.n === count) return;
        await pause(20);
      }
    };
    ticks.push(runner.tick(given.signal));
    await waiting(1);
    given.abort(new Error('left behind'));
    ticks.push(runner.tick(ON));
    await waiting(2);
  });
  const [first, second] = await Promise.allSettled(ticks);
  expect(first).toMatchObject({ status: 'rejected', reason: { message: 'left behind' } });
  expect(second!.status).toBe('fulfilled');
  await rounds();
  expect(await toldOf(w.store, 'items')).toMatchObject({
    moves: { 'none>a': 10 },
    items: { a: 10 },
    gaps: 0,
  });
});
