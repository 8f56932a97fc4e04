/** Proves that no call outlives its deadline and no fault of the server ends us, against a real PostgreSQL. */
import { sql as fragment } from 'drizzle-orm/sql';
import { expect, test } from 'vitest';
import { freePort } from '../harness/ports.js';
import { startPostgres } from '../harness/postgres.js';
import { startProxy } from '../harness/proxy.js';
import { failure, one, useDatabase } from './fixture.js';

const base = useDatabase();

test('work gets exact integers as decimal strings, timestamps as text, and the query builder on the same connection', async () => {
  const rows = await base.open().run('types', 5000, async (sql, orm) => [
    ...(await sql`select 9223372036854775807::int8 as big, '{1,2}'::int8[] as many, 1.5::numeric as exact,
                         '2024-05-01 12:00:00+00'::timestamptz as at, current_setting('application_name') as name`),
    ...(await orm.execute(fragment`select ${'a'}::text as a`)),
  ]);
  expect(rows).toEqual([
    {
      big: '9223372036854775807',
      many: '{1,2}',
      exact: '1.5',
      at: '2024-05-01 12:00:00+00',
      name: 'flowgauge-test',
    },
    { a: 'a' },
  ]);
});

test('a frozen server: every call ends at its deadline, and calls work again once it is thawed', async () => {
  const db = base.open();
  await one(db);
  base.server.freeze();
  const errors = await Promise.all([1, 2, 3, 4].map(() => failure(one(db, 300))));
  expect(errors.map((e) => e.code)).toEqual(Array(4).fill('DATABASE_TIMEOUT'));
  expect(errors[0]?.message).toContain('"one" on the store database 127.0.0.1');
  expect(db.up).toBe(false);
  base.server.thaw();
  expect(await one(db)).toEqual([{ x: 1 }]);
  expect(db.up).toBe(true);
  expect(base.events.filter((e) => e.kind === 'timeout')).toHaveLength(4);
});

test('a frozen server does not keep the program from closing', async () => {
  const db = base.open();
  await one(db);
  base.server.freeze();
  const pending = failure(one(db, 20_000));
  await db.close(200);
  expect((await pending).code).toBe('DATABASE_UNAVAILABLE');
  expect((await failure(one(db))).code).toBe('DATABASE_CLOSED');
});

test('work that never settles gives its connection back', async () => {
  const db = base.open({ max: 1 });
  await failure(db.run('for ever', 100, () => new Promise(() => {})));
  expect(await one(db)).toEqual([{ x: 1 }]);
});

test('waiting for a free connection counts against the deadline and does not disturb the one who has it', async () => {
  const db = base.open({ max: 1 });
  const slow = db.run('slow', 5000, (sql) => sql`select pg_sleep(0.6), 7 as x`);
  expect((await failure(one(db, 100))).code).toBe('DATABASE_TIMEOUT');
  const next = one(db);
  expect((await slow)[0]?.x).toBe(7);
  expect(await next).toEqual([{ x: 1 }]);
});

test.each([
  ['lock_timeout=3s', '3s', '10s'],
  ['lock_timeout=3000&idle_in_transaction_session_timeout=1min', '3s', '1min'],
])('limits in the URL (%s) are followed and are no sign of a pooler', async (options, lock, idle) => {
  const db = base.open({ url: `${base.server.url}?${options}` });
  const [row] = await db.run(
    'limits',
    5000,
    (sql) => sql`select current_setting('lock_timeout') as lock,
                        current_setting('idle_in_transaction_session_timeout') as idle`,
  );
  expect(row).toEqual({ lock, idle });
  expect(base.events.map(({ kind }) => kind)).toEqual(['connected', 'up']);
});

test('never more than `max` connections', async () => {
  const db = base.open({ max: 3, applicationName: 'bounded' });
  const counts = await Promise.all(
    Array.from({ length: 20 }, () =>
      db.run('count', 10_000, async (sql) => {
        const [row] =
          await sql`select count(*)::int as n, pg_sleep(0.02) from pg_stat_activity where application_name = 'bounded'`;
        return row?.n as number;
      }),
    ),
  );
  expect(Math.max(...counts)).toBe(3);
});

test('a server that is slow, not frozen, ends the statement itself and the connection survives', async () => {
  const db = base.open({ max: 1 });
  const pid = (await db.run('pid', 5000, (sql) => sql`select pg_backend_pid() as pid`))[0]?.pid;
  expect((await failure(db.run('slow', 500, (sql) => sql`select pg_sleep(30)`))).code).toBe(
    'DATABASE_TIMEOUT',
  );
  expect((await db.run('pid', 5000, (sql) => sql`select pg_backend_pid() as pid`))[0]?.pid).toBe(pid);
});

test.each(['blackhole', 'reset', 'close'] as const)(
  'a network that does %s ends the call and heals by itself',
  async (kind) => {
    const proxy = await startProxy(base.server.port);
    const db = base.open({ url: proxy.through(base.server.url) });
    await one(db);
    proxy.set({ kind });
    for (let i = 0; i < 3; i += 1) {
      expect(['DATABASE_TIMEOUT', 'DATABASE_UNAVAILABLE']).toContain((await failure(one(db, 300))).code);
    }
    expect(proxy.accepted()).toBeLessThan(6);
    proxy.set({ kind: 'pass' });
    expect(await one(db)).toEqual([{ x: 1 }]);
    await db.close(500);
    await proxy.stop();
  },
);

test('a store that became read-only is left at once; after the failover the same object writes again', async () => {
  const standby = await startPostgres({ settings: { default_transaction_read_only: 'on' } });
  const proxy = await startProxy(standby.port);
  try {
    const store = base.open({ url: proxy.through(base.server.url), applicationName: 'leaver' });
    expect((await failure(one(store))).code).toBe('DATABASE_READ_ONLY');
    proxy.retarget(base.server.port);
    await store.run('write', 5000, (sql) => sql`insert into notes values (40, 'a')`);

    await base.server.sql`alter system set default_transaction_read_only = on`;
    await base.server.sql`select pg_reload_conf()`;
    const write = () => store.run('write', 5000, (sql) => sql`insert into notes values (41, 'a')`);
    await expect
      .poll(
        () =>
          failure(write()).then(
            (e) => e.code,
            () => 'written',
          ),
        { timeout: 5000 },
      )
      .toBe('DATABASE_READ_ONLY');
    expect(base.events.some((e) => e.kind === 'read-only')).toBe(true);
    const left = () =>
      base.server.sql`select 1 from pg_stat_activity where application_name = 'leaver'`.then((r) => r.length);
    await expect.poll(left).toBe(0);
  } finally {
    await base.server.sql`alter system reset all`;
    await base.server.sql`select pg_reload_conf()`;
    await proxy.stop();
    await standby.stop();
  }
  await expect
    .poll(() =>
      base.server.sql`delete from notes`.then(
        () => 'deleted',
        () => 'refused',
      ),
    )
    .toBe('deleted');
});

test('of several hosts the one that takes writes is found', async () => {
  const nobody = await freePort();
  const db = base.open({ url: `postgres://postgres@127.0.0.1:${nobody},127.0.0.1:${base.server.port}/app` });
  expect(await one(db)).toEqual([{ x: 1 }]);
});

test('down at the start, then up: the call after is answered', async () => {
  await base.server.halt();
  const db = base.open();
  const error = await failure(one(db));
  expect(error).toMatchObject({
    code: 'DATABASE_UNAVAILABLE',
    reason: 'ECONNREFUSED',
    outcome: 'not-applied',
  });
  await base.server.restart();
  expect(await one(db)).toEqual([{ x: 1 }]);
});

test('a connection that breaks at any moment, its beginning included, ends calls and never the process', async () => {
  const db = base.open({ max: 3, applicationName: 'unlucky' });
  const killAll = () =>
    db.run(
      'kill',
      2000,
      (sql) => sql`
      select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'unlucky' and pid <> pg_backend_pid()`,
    );
  const write = () =>
    db.transaction('write', 2000, {}, async (sql) => {
      await Promise.all([sql`insert into notes values (50, 'a')`, sql`select pg_sleep(0.001)`]);
      await sql`delete from notes`;
    });
  const codes = new Set<string | undefined>();
  for (let round = 0; round < 80; round += 1) {
    for (const ended of await Promise.allSettled([write(), write(), write(), killAll()])) {
      if (ended.status === 'rejected') codes.add(ended.reason.code);
    }
  }
  expect([...codes].filter((code) => code !== 'DATABASE_UNAVAILABLE' && code !== '23505')).toEqual([]);
  expect(codes).toContain('DATABASE_UNAVAILABLE');
  expect(await one(db)).toEqual([{ x: 1 }]);
});

test('the server’s own errors pass through with their SQLSTATE and leave the database up', async () => {
  const db = base.open();
  expect((await failure(db.run('bad', 5000, (sql) => sql`select 1/0`))).code).toBe('22012');
  expect(db.up).toBe(true);
});
