/** Proves which connections a timeout takes along, against a real PostgreSQL: those that its silence makes suspect, no others. */
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Database } from '../../src/storage/database.js';
import { pause, runProgram, unprivilegedAccount } from '../harness/processes.js';
import { failure, one, useDatabase } from './fixture.js';

const base = useDatabase();
const DEADLINE_MS = 600;

beforeAll(async () => {
  const [certificate, key] = ['server.crt', 'server.key'].map((name) =>
    join(base.server.dataDirectory, name),
  );
  runProgram(
    'openssl',
    ['req', '-x509', '-nodes', '-newkey', 'rsa:2048', '-subj', '/CN=localhost', '-days', '2'].concat([
      '-keyout',
      key!,
      '-out',
      certificate!,
    ]),
    unprivilegedAccount(),
  );
  await base.server.restart({ ssl: 'on' });
});

/** Process ids of the server's side of the connections, the oldest first. */
async function backends(name: string): Promise<readonly number[]> {
  const rows = await base.server.sql<{ pid: number }[]>`
    select pid from pg_stat_activity where application_name = ${name} order by backend_start`;
  return rows.map(({ pid }) => pid);
}

function pidOf(db: Database): Promise<number> {
  return db.run('pid', DEADLINE_MS, async (sql) => {
    // Long enough for a second call to need another connection.
    const [row] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid, pg_sleep(0.1)`;
    return row!.pid;
  });
}

/** A database with three connections that nobody uses. */
async function idleDatabase(sslmode: string) {
  const name = `idle-${sslmode}-${Math.random().toString(36).slice(2)}`;
  const url = `${base.server.url}?sslmode=${sslmode}`;
  const db = base.open({ url, max: 3, applicationName: name });
  await Promise.all(
    [1, 2, 3].map(() => db.run('open', 5_000, (sql) => sql`select pg_sleep(0.2)`.then(() => {}))),
  );
  // The time that the server may take is the same from here on: no call sends it again.
  await Promise.all([1, 2, 3].map(() => db.run('limit', DEADLINE_MS, (sql) => sql`select pg_sleep(0.1)`)));
  const pids = await backends(name);
  expect(pids).toHaveLength(3);
  return { db, name, pids };
}

describe.each(['disable', 'require'])('sslmode=%s', (sslmode) => {
  test('the connections are what they claim to be', async () => {
    const { db } = await idleDatabase(sslmode);
    const [row] = await db.run(
      'tls',
      5_000,
      (sql) => sql`select ssl from pg_stat_ssl where pid = pg_backend_pid()`,
    );
    expect(row).toEqual({ ssl: sslmode === 'require' });
  });

  test('many short statements that take too long together: the server answered all along', async () => {
    const { db, pids } = await idleDatabase(sslmode);
    const error = await failure(
      db.run('chatty', DEADLINE_MS, async (sql) => {
        for (;;) await sql`select pg_sleep(0.02)`;
      }),
    );
    expect(error.code).toBe('DATABASE_TIMEOUT');
    expect(pids).toEqual(expect.arrayContaining(await Promise.all([pidOf(db), pidOf(db)])));
  });

  test('work that asks nothing and does not end says nothing of the server', async () => {
    const { db, pids } = await idleDatabase(sslmode);
    await failure(db.run('computes', DEADLINE_MS, () => new Promise(() => {})));
    expect(pids).toEqual(expect.arrayContaining(await Promise.all([pidOf(db), pidOf(db)])));
  });

  test('a statement that the server ends costs no connection at all', async () => {
    const { db, name, pids } = await idleDatabase(sslmode);
    const error = await failure(db.run('slow', DEADLINE_MS, (sql) => sql`select pg_sleep(30)`));
    expect(error.code).toBe('DATABASE_TIMEOUT');
    await one(db, DEADLINE_MS);
    expect(await backends(name)).toEqual(pids);
  });

  test('a frozen server: one silent call, and none of the old connections is used again', async () => {
    const { db, name, pids } = await idleDatabase(sslmode);
    base.server.freeze();
    expect((await failure(one(db, DEADLINE_MS))).code).toBe('DATABASE_TIMEOUT');
    base.server.thaw();
    expect(pids).not.toContain(await pidOf(db));
    await expect
      .poll(() => backends(name).then((left) => left.filter((pid) => pids.includes(pid))))
      .toEqual([]);
  });

  test('one silent backend: the connection that was heard meanwhile stays, the other goes', async () => {
    const { db, name, pids } = await idleDatabase(sslmode);
    // Who came back last is taken next.
    const frozen = await pidOf(db);
    process.kill(frozen, 'SIGSTOP');
    onTestFinished(() => void process.kill(frozen, 'SIGCONT'));
    const silent = failure(one(db, DEADLINE_MS));
    await pause(50);
    const heard = await pidOf(db);
    expect(heard).not.toBe(frozen);
    expect((await silent).code).toBe('DATABASE_TIMEOUT');
    const unheard = pids.find((pid) => pid !== frozen && pid !== heard);
    await expect.poll(() => backends(name)).not.toContain(unheard);
    expect(await pidOf(db)).toBe(heard);
  });
});
