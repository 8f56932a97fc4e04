/** Proves that the test cluster really freezes, dies, comes back with its data, and leaves nothing behind. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from './postgres.js';
import { descendants } from './processes.js';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres({ settings: { log_statement: 'all' } });
});
afterAll(() => server?.stop());

const answered = (query: PromiseLike<unknown>, ms: number): Promise<boolean> =>
  Promise.race([
    Promise.resolve(query).then(() => true),
    new Promise<boolean>((resolve) => setTimeout(() => resolve(false), ms)),
  ]);

test('a frozen server keeps its connections and answers nothing until it is thawed', async () => {
  await server.sql`create table kept (id int)`;
  server.freeze();
  const processes = [server.pid(), ...descendants(server.pid())];
  const states = () =>
    new Set(processes.map((pid) => /^State:\s+(\S)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]));
  await expect.poll(states).toEqual(new Set(['T']));
  const query = server.sql`insert into kept values (1)`.execute();
  expect(await answered(query, 300)).toBe(false);
  server.thaw();
  await query;
  expect(processes.length).toBeGreaterThan(3);
});

test('a killed server comes back on the same port with its committed rows and with new settings', async () => {
  const { port } = server;
  await server.kill();
  await server.restart({ default_transaction_read_only: 'on' });
  expect(server.port).toBe(port);
  await expect(server.sql`insert into kept values (2)`).rejects.toMatchObject({ code: '25006' });
  expect(await server.sql`select id from kept`).toEqual([{ id: 1 }]);
  await server.restart({ default_transaction_read_only: 'off' });
});

test('each new database is empty and its own', async () => {
  const [one, two] = [await server.newDatabase(), await server.newDatabase()];
  expect(one).not.toBe(two);
});

test('stop leaves neither process nor directory', async () => {
  const other = await startPostgres({ version: 'embedded' });
  expect(other.majorVersion).toBe(18);
  expect((await other.sql`show server_version_num`)[0]?.server_version_num).toMatch(/^18/);
  const pid = other.pid();
  await other.stop();
  expect(existsSync(`/proc/${pid}`)).toBe(false);
  expect(existsSync(dirname(other.dataDirectory))).toBe(false);
});
