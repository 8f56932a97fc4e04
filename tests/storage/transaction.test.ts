/** Proves that a transaction is whole or not at all, and that an error says which, against a real PostgreSQL. */
import { sql as fragment } from 'drizzle-orm/sql';
import { expect, test } from 'vitest';
import { pause } from '../harness/processes.js';
import { startProxy } from '../harness/proxy.js';
import { failure, useDatabase } from './fixture.js';

const base = useDatabase();

test('a restart of the server in the middle of a transaction is one refused call, nothing half-written', async () => {
  const db = base.open();
  const error = await failure(
    db.transaction('two notes', 20_000, {}, async (sql) => {
      await sql`insert into notes values (1, 'first')`;
      await base.server.restart();
      await sql`insert into notes values (2, 'second')`.catch(() => {});
      await sql`insert into notes values (3, 'third')`;
    }),
  );
  expect(error).toMatchObject({ code: 'DATABASE_UNAVAILABLE', outcome: 'not-applied' });
  expect(await db.run('notes', 5000, (sql) => sql`select * from notes`)).toEqual([]);
  expect(base.events.map((e) => e.kind)).toEqual(['connected', 'disconnected', 'down', 'connected', 'up']);
});

test('the same holds for the driver’s begin and for the query builder’s transaction', async () => {
  const db = base.open();
  const kill = `select pg_terminate_backend(pg_backend_pid())`;
  await failure(
    db.run('begin', 5000, (sql) =>
      sql.begin(async (tx) => {
        await tx`insert into notes values (1, 'x')`;
        await tx.unsafe(kill).catch(() => {});
        await tx`insert into notes values (2, 'x')`;
      }),
    ),
  );
  await failure(
    db.run('builder', 5000, (_sql, orm) =>
      orm.transaction(async (tx) => {
        await tx.execute(fragment`insert into notes values (1, 'x')`);
        await tx.execute(fragment.raw(kill)).catch(() => {});
        await tx.execute(fragment`insert into notes values (2, 'x')`);
      }),
    ),
  );
  await pause(50);
  expect(await db.run('notes', 5000, (sql) => sql`select * from notes`)).toEqual([]);
});

test('a transaction commits what it wrote and rolls back when the work fails', async () => {
  const db = base.open({ max: 1 });
  await db.transaction(
    'write',
    5000,
    { isolation: 'serializable' },
    (sql) => sql`insert into notes values (10, 'kept')`,
  );
  const error = await failure(
    db.transaction('fail', 5000, {}, async (sql) => {
      await sql`insert into notes values (11, 'lost')`;
      throw new Error('changed my mind');
    }),
  );
  expect(error.message).toBe('changed my mind');
  expect(await db.run('notes', 5000, (sql) => sql`delete from notes returning id`)).toEqual([{ id: 10 }]);
});

test('a swallowed error inside a transaction is not taken for a commit', async () => {
  const error = await failure(
    base.open().transaction('swallow', 5000, {}, async (sql) => {
      await sql`insert into notes values (20, 'a')`;
      await sql`select 1/0`.catch(() => {});
    }),
  );
  expect(error.code).toBe('DATABASE_ROLLED_BACK');
});

test('a commit whose answer is lost is reported as unknown', async () => {
  const proxy = await startProxy(base.server.port);
  const db = base.open({ url: proxy.through(base.server.url) });
  const error = await failure(
    db.transaction('lost answer', 500, {}, async (sql) => {
      await sql`insert into notes values (30, 'a')`;
      proxy.set({ kind: 'dropReply' });
    }),
  );
  expect(error).toMatchObject({ code: 'DATABASE_TIMEOUT', outcome: 'unknown' });
  await proxy.stop();
  expect(await base.server.sql`delete from notes returning id`).toEqual([{ id: 30 }]);
});
