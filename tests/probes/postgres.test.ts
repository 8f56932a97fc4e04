/** Owns the proof that a real PostgreSQL is judged rightly: well, locked, full, frozen, gone, with a wrong password. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Resolve } from '../../src/probes/dial.js';
import { eventually } from '../harness/exporter.js';
import { type PostgresServer, startPostgres } from '../harness/postgres.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';
import { ask, probeOf, said, writeSecret } from './asking.js';
import { startTcp } from './servers.js';

const directory = scratchDirectory('probes');
let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres({ settings: { max_connections: '12', superuser_reserved_connections: '3' } });
  await server.sql`create role plain login`;
  await server.sql`create role watcher login in role pg_read_all_stats`;
});
afterAll(async () => {
  await server.stop();
  removeScratch(directory);
});

const keys = (url: string) => `kind: postgres, url: "${url}", timeout: 1s`;
const askAs = (role: string) => ask(probeOf(keys(server.urlOf('app', role))));

/** A connection of its own, closed when the test ends. */
function client(url = server.url): postgres.Sql {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  onTestFinished(() => sql.end({ timeout: 1 }));
  return sql;
}

describe('a server that answers', () => {
  it('tells how many clients it has and may have', async () => {
    const [before] = await server.sql<{ n: string }[]>`
      select count(*) as n from pg_stat_activity where backend_type = 'client backend'`;
    const outcome = await askAs('watcher');
    expect(said(outcome)).toBe('ok');
    expect(outcome.facts).toEqual({
      postgresConnections: Number(before!.n) + 1,
      postgresConnectionsMax: 12,
      postgresWaitingLocks: 0,
      postgresOldestTransactionSeconds: null,
    });
  });

  it('tells of a transaction that is left open and of the lock that is waited for', async () => {
    const [holder, waiter] = [client(), client()];
    await holder`create table held (id int)`;
    const reserved = await holder.reserve();
    await reserved`begin`;
    await reserved`lock table held`;
    const [{ began } = { began: 0 }] = await reserved<{ began: number }[]>`
      select extract(epoch from now())::float8 as began`;
    const waiting = waiter`select count(*) from held`.catch(() => {});
    const outcome = await eventually(
      () => askAs('watcher'),
      ({ facts }) => facts.postgresWaitingLocks === 1,
    );
    expect(outcome.facts.postgresOldestTransactionSeconds).toBeCloseTo(began, 3);
    await reserved`rollback`;
    reserved.release();
    await waiting;
    expect((await askAs('watcher')).facts).toMatchObject({
      postgresWaitingLocks: 0,
      postgresOldestTransactionSeconds: null,
    });
  });

  it('counts the clients of others for an account without rights too', async () => {
    const [plain, watcher] = [await askAs('plain'), await askAs('watcher')];
    expect(plain.facts.postgresConnections).toBe(watcher.facts.postgresConnections);
    expect(plain.facts.postgresConnectionsMax).toBe(12);
  });

  it('leaves no connection behind', async () => {
    for (let i = 0; i < 3; i += 1) expect(said(await askAs('watcher'))).toBe('ok');
    await eventually(
      () => server.sql<{ n: string }[]>`
        select count(*) as n from pg_stat_activity where application_name = 'flowgauge_probe'`,
      ([row]) => row?.n === '0',
    );
  });
});

describe('a server that does not', () => {
  it('has no connection left', async () => {
    const holders: postgres.Sql[] = [];
    for (let i = 0; i < 12; i += 1) holders.push(client(server.urlOf('app', 'plain')));
    await Promise.all(holders.map((sql) => sql`select 1`.catch(() => {})));
    expect(said(await askAs('watcher'))).toBe(
      `unavailable: 127.0.0.1:${server.port}/app has no connection left (53300). Raise max_connections there or lower what else is connected.`,
    );
  });

  it('is frozen', async () => {
    server.freeze();
    onTestFinished(() => server.thaw());
    const outcome = await askAs('watcher');
    expect(said(outcome)).toMatch(/^timeout: 127\.0\.0\.1:\d+\/app had no answer within 1000 ms\./);
    server.thaw();
    expect(
      said(
        await eventually(
          () => askAs('watcher'),
          (now) => now.success,
        ),
      ),
    ).toBe('ok');
  });

  it('does not know the password, and nobody reads it in the answer', async () => {
    await server.sql`alter role watcher password 'right-canary'`;
    const file = join(server.dataDirectory, 'pg_hba.conf');
    const open = readFileSync(file, 'utf8');
    writeFileSync(file, `host all watcher 127.0.0.1/32 scram-sha-256\n${open}`);
    onTestFinished(async () => {
      writeFileSync(file, open);
      await server.sql`select pg_reload_conf()`;
    });
    await server.sql`select pg_reload_conf()`;
    const url = (password: string) => server.urlOf('app', 'watcher').replace('unused', password);
    const outcome = await eventually(
      () => ask(probeOf(keys(url('wrong-canary')))),
      ({ success }) => !success,
    );
    expect(said(outcome)).toBe(
      `auth: 127.0.0.1:${server.port}/app does not let us in (28P01). Check user, password and pg_hba.conf.`,
    );
    expect(JSON.stringify(outcome)).not.toContain('canary');
    writeSecret(directory, 'dsn', url('right-canary'));
    expect(said(await ask(probeOf('kind: postgres, url_file: dsn, timeout: 2s', { directory })))).toBe('ok');
  });

  it('whose name is found too late is not asked any more', async () => {
    const other = await startTcp((socket) => socket.destroy());
    onTestFinished(() => other.stop());
    let find = () => {};
    const late = new Promise<void>((resolve) => {
      find = resolve;
    });
    const probe = (resolve: Resolve) =>
      probeOf(`kind: postgres, url: "postgres://u@localhost:${other.port}/app", timeout: 1s`, { resolve });
    const addresses = ['127.0.0.1'];
    expect(said(await ask(probe(() => late.then(() => addresses))))).toContain('timeout: ');
    find();
    // Each of these begins after the late answer, so whatever that one led to came before the second.
    const each: number[] = [];
    for (let i = 0; i < 3; i += 1) {
      const before = other.accepted();
      expect(said(await ask(probe(async () => addresses)))).toContain('unavailable: ');
      each.push(other.accepted() - before);
    }
    expect(each).toEqual([1, 1, 1]);
  });

  it('has no such database', async () => {
    expect(said(await ask(probeOf(keys(server.urlOf('nowhere')))))).toContain('unavailable: ');
    expect(said(await ask(probeOf(keys(server.urlOf('nowhere')))))).toContain('does not exist (3D000)');
  });

  it('was ended', async () => {
    await server.halt();
    onTestFinished(() => server.restart());
    expect(said(await askAs('watcher'))).toContain('refused: ');
  });
});
