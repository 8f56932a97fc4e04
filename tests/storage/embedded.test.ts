/** Proves the embedded server's life: started, adopted after our crash, never twice, never half-made, gone when we go. */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterEach, expect, test } from 'vitest';
import { startEmbedded } from '../../src/storage/embedded.js';
import { processesIn } from '../../src/storage/processes.js';
import { signalProcess, startProgram, unprivilegedAccount } from '../harness/processes.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';

const scratches: string[] = [];
const owners: ChildProcess[] = [];
afterEach(async () => {
  for (const owner of owners.splice(0)) owner.kill('SIGKILL');
  for (const scratch of scratches.splice(0)) {
    for (const pid of processesBelow(scratch)) signalProcess(pid, 'SIGKILL');
    await expect.poll(() => processesBelow(scratch)).toEqual([]);
    removeScratch(scratch);
  }
});

function scratch(): string {
  const made = scratchDirectory('embedded', unprivilegedAccount());
  scratches.push(made);
  return made;
}

const processesBelow = (directory: string): number[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => processesIn(join(entry.parentPath, entry.name)));

interface Line {
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>> | undefined;
}
function listen() {
  const lines: Line[] = [];
  const write = (message: string, fields?: Readonly<Record<string, unknown>>) =>
    void lines.push({ message, fields });
  return { lines, info: write, warn: write };
}

async function ask<T>(url: string, question: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  return question(sql).finally(() => sql.end({ timeout: 1 }));
}

/** Another process of ours that starts the server and then waits; resolves with what it printed first. */
function startOwner(directory: string, then = ''): Promise<{ child: ChildProcess; said: string }> {
  const script = `
    import { runnerImport } from 'vite';
    const { module } = await runnerImport(${JSON.stringify(new URL('../../src/storage/embedded.ts', import.meta.url).pathname)}, { configFile: false, logLevel: 'error' });
    const log = { info() {}, warn() {} };
    try {
      const server = await module.startEmbedded({ directory: ${JSON.stringify(directory)}, log });
      console.log(JSON.stringify({ pid: server.pid, adopted: server.adopted }));
      ${then}
      setInterval(() => {}, 1000);
    } catch (error) { console.log(JSON.stringify({ code: error.code, message: error.message })); }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  owners.push(child);
  return new Promise((resolve, reject) => {
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk));
    child.stdout.once('data', (chunk: Buffer) => resolve({ child, said: String(chunk) }));
    child.once('exit', () => reject(new Error(`the owner ended: ${errors}`)));
  });
}

const ending = (child: ChildProcess) => new Promise((resolve) => child.once('exit', resolve));

test('a new directory gets a closed, durable database that opens only to the password, and stop leaves nothing running', async () => {
  const directory = join(scratch(), 'new', 'db');
  const log = listen();
  const server = await startEmbedded({ directory, log });
  const settings = await ask(
    server.url,
    (sql) => sql`
    select name, setting from pg_settings
     where name in ('fsync', 'jit', 'listen_addresses', 'max_connections', 'unix_socket_directories') order by name`,
  );
  expect(settings.map((row) => `${row.name}=${row.setting}`)).toEqual([
    'fsync=on',
    'jit=off',
    'listen_addresses=127.0.0.1',
    'max_connections=30',
    'unix_socket_directories=',
  ]);
  const wrong = new URL(server.url);
  wrong.password = 'guess';
  await expect(ask(wrong.href, (sql) => sql`select 1`)).rejects.toMatchObject({ code: '28P01' });
  const mode = (name: string) => (statSync(join(directory, name)).mode & 0o777).toString(8);
  expect([mode('data'), mode('password'), mode('server.log')]).toEqual(['700', '600', '600']);
  expect(readdirSync(directory).filter((name) => /draft|partial/.test(name))).toEqual([]);
  expect(JSON.stringify(log.lines)).not.toContain(new URL(server.url).password);
  await server.stop();
  expect(processesBelow(directory)).toEqual([]);
  expect(readdirSync(directory).sort()).toEqual(['data', 'password', 'server.log']);
});

test('the rows are there again after a stop and a start', async () => {
  const directory = join(scratch(), 'db');
  const first = await startEmbedded({ directory, log: listen() });
  await ask(first.url, (sql) => sql`create table kept as select 7 as x`);
  await first.stop();
  const second = await startEmbedded({ directory, log: listen() });
  expect(second.adopted).toBe(false);
  expect(await ask(second.url, (sql) => sql`select x from kept`)).toEqual([{ x: 7 }]);
  await second.stop();
});

test('after a SIGKILL of its owner the server lives on and is adopted, rows, process and all', async () => {
  const directory = join(scratch(), 'db');
  const { child, said } = await startOwner(directory);
  const { pid } = JSON.parse(said) as { pid: number };
  child.kill('SIGKILL');
  await ending(child);
  const log = listen();
  const server = await startEmbedded({ directory, log });
  expect({ pid: server.pid, adopted: server.adopted }).toEqual({ pid, adopted: true });
  expect(log.lines.map((line) => line.message)).toEqual(['embedded database adopted']);
  await ask(server.url, (sql) => sql`select 1`);
  await server.stop();
  expect(processesBelow(directory)).toEqual([]);
});

test('a second process on the directory is refused, with the first one’s id; the first goes on undisturbed', async () => {
  const directory = join(scratch(), 'db');
  const { child } = await startOwner(directory);
  await expect(startEmbedded({ directory, log: listen() })).rejects.toMatchObject({
    code: 'EMBEDDED_DIRECTORY_IN_USE',
    pid: child.pid,
    message: expect.stringContaining(`in use by process ${child.pid}`),
  });
  expect(child.exitCode).toBeNull();
});

test('a process that ends without stop takes its server along', async () => {
  const directory = join(scratch(), 'db');
  const { child } = await startOwner(directory, 'setTimeout(() => { throw new Error("bug"); }, 50);');
  await ending(child);
  await expect.poll(() => processesBelow(directory), { timeout: 15_000 }).toEqual([]);
});

test('a server that was killed with us is recovered, and a stranger with its old process id is not taken for it', async () => {
  const directory = join(scratch(), 'db');
  const first = await startEmbedded({ directory, log: listen() });
  await ask(first.url, (sql) => sql`create table kept as select 7 as x`);
  for (const pid of processesBelow(directory)) signalProcess(pid, 'SIGKILL');
  await first.stop();
  // Of the same user, or PostgreSQL itself would know that it cannot be its server.
  const stranger = startProgram({
    command: 'sleep',
    args: ['60'],
    deathSignal: 'KILL',
    account: unprivilegedAccount(),
  });
  owners.push(stranger);
  // On its way from one program to the next it has no arguments, and nobody could tell what it is.
  await expect.poll(() => readFileSync(`/proc/${stranger.pid}/cmdline`, 'utf8')).toMatch(/^sleep\0/);
  const file = join(directory, 'data', 'postmaster.pid');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^\d+/, String(stranger.pid)));
  const second = await startEmbedded({ directory, log: listen() });
  expect(second.adopted).toBe(false);
  expect(await ask(second.url, (sql) => sql`select x from kept`)).toEqual([{ x: 7 }]);
  await second.stop();
});

test('killed at any moment of the first start, the next start works and nothing was deleted', async () => {
  const directory = join(scratch(), 'db');
  let setAside = 0;
  for (const afterMs of [0, 100, 400]) {
    const started = startOwner(directory).catch(() => undefined);
    const child = owners.at(-1)!;
    const begun = () =>
      existsSync(directory) && readdirSync(directory).some((name) => name.startsWith('data.partial-'));
    await expect.poll(begun, { interval: 2, timeout: 20_000 }).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    child.kill('SIGKILL');
    await Promise.race([started, ending(child)]);
    const log = listen();
    const server = await startEmbedded({ directory, log });
    expect(await ask(server.url, (sql) => sql`select 1 as x`)).toEqual([{ x: 1 }]);
    await server.stop();
    setAside += log.lines.filter((line) =>
      line.message.startsWith('an interrupted first start was set aside'),
    ).length;
    expect(readdirSync(directory).filter((name) => name.startsWith('data.broken-'))).toHaveLength(setAside);
    rmSync(join(directory, 'data'), { recursive: true });
  }
  expect(setAside).toBeGreaterThanOrEqual(1);
});

test('data of another version, of somebody else, or a folder in use by others are refused untouched', async () => {
  const root = scratch();
  const refusal = (directory: string) =>
    startEmbedded({ directory, log: listen() }).catch((error: { code: string }) => error.code);
  const older = join(root, 'older');
  mkdirSync(join(older, 'data'), { recursive: true });
  writeFileSync(join(older, 'password'), 'x');
  writeFileSync(join(older, 'data', 'PG_VERSION'), '13\n');
  expect(await refusal(older)).toBe('EMBEDDED_DATA_VERSION');
  rmSync(join(older, 'data', 'PG_VERSION'));
  expect(await refusal(older)).toBe('EMBEDDED_DATA_UNKNOWN');
  const used = join(root, 'used');
  mkdirSync(used, { mode: 0o755 });
  writeFileSync(join(used, 'letter.txt'), 'dear');
  expect(await refusal(used)).toBe('EMBEDDED_DIRECTORY_UNUSABLE');
  expect(statSync(used).mode & 0o777).toBe(0o755);
  symlinkSync(used, join(root, 'link'));
  expect(await refusal(join(root, 'link'))).toBe('EMBEDDED_DIRECTORY_UNUSABLE');
});
