/** Owns what the operator sees of the command line: exit codes, messages with a remedy, no stack, no secret, an orderly end. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, runCli, samplesOf, startExporterProcess, writeConfig } from './harness/exporter.js';
import { type FreshDatabase, freshDatabase } from './harness/fresh-database.js';
import { binaryDirectory, startPostgres } from './harness/postgres.js';
import { pause } from './harness/processes.js';

// Each command is a process of its own, and the machine may be busy.
const PATIENT = { timeout: 180_000 };
const CANARY = 'kAnArY-9f31';
const directory = mkdtempSync(join(tmpdir(), 'flowgauge-cli-'));
chmodSync(directory, 0o755);
let database: FreshDatabase;
beforeAll(async () => {
  database = await freshDatabase();
  await database.sql.unsafe(TABLES);
});
afterAll(async () => {
  await database?.drop();
  rmSync(directory, { recursive: true, force: true });
});

const TABLES = `
  create table orders (id int primary key, status text not null check (status in ('new', 'paid')));
  create table "Odd ""Table" ("The Key" int, part text, "St.atus" text not null, primary key ("The Key", part));`;

/** A configuration of its own, its password a word that must never come out again. */
function configOf(url: string, flows: string, listen = '127.0.0.1:0'): string {
  const secret = new URL(url);
  secret.password = CANARY;
  const folder = mkdtempSync(join(directory, 'config-'));
  chmodSync(folder, 0o755);
  return writeConfig(
    folder,
    `web: { listen_address: "${listen}" }\nsource: { url: "${secret.href}" }\nflows:\n${flows}`,
  );
}

const ORDERS = '  orders: { table: public.orders, key: id, status: status, capture: journal }\n';
const ODD =
  "  odd: { table: { schema: public, name: 'Odd \"Table' }, key: [The Key, part], status: St.atus, statuses: [a, b] }\n";

/** Runs a command to its end; no output of any command may hold a stack or the password. */
async function run(...args: string[]): Promise<{ code: number | NodeJS.Signals; text: string }> {
  const started = runCli(args);
  const code = await started.exit;
  expect(started.output()).not.toMatch(/\n\s+at .*:\d+/);
  expect(started.output()).not.toContain(CANARY);
  return { code, text: started.output() };
}

/** Triggers, functions, schemas and tables of ours in the database. */
async function traces(): Promise<string[]> {
  const rows = await database.sql<{ what: string }[]>`
    select 'trigger ' || t.tgname as what from pg_trigger t
      join pg_proc p on p.oid = t.tgfoid join pg_namespace n on n.oid = p.pronamespace where n.nspname like 'flowgauge%'
    union all select 'schema ' || nspname from pg_namespace where nspname like 'flowgauge_capture%'
    union all select 'function ' || p.proname || md5(pg_get_functiondef(p.oid)) from pg_proc p
      join pg_namespace n on n.oid = p.pronamespace where n.nspname like 'flowgauge_capture%' and p.prokind = 'f'
    union all select 'relation ' || c.relname || ' ' || c.relkind::text from pg_class c
      join pg_namespace n on n.oid = c.relnamespace where n.nspname like 'flowgauge_capture%'
    order by 1`;
  return rows.map((r) => r.what);
}

function psql(text: string): void {
  const program = join(binaryDirectory('debian'), 'psql');
  execFileSync(program, ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', database.url, '-f', '-'], {
    input: text,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
}

describe('check, install and uninstall', PATIENT, () => {
  it('check says what is missing, then that all is well', async () => {
    const config = configOf(database.url, ORDERS);
    const before = await run('check', `--config.file=${config}`);
    expect(before.code, before.text).toBe(1);
    expect(before.text).toContain('flowgauge install --apply');
    await run('install', '--apply', `--config.file=${config}`);
    const after = await run('check', `--config.file=${config}`);
    expect(after.code, after.text).toBe(0);
    expect(after.text).toMatch(/journal installed/);
  });

  it('printed SQL given to psql does what --apply does, and both ways of uninstalling leave no trace', async () => {
    const config = configOf(database.url, ORDERS + ODD);
    expect((await run('install', '--apply', `--config.file=${config}`)).code).toBe(0);
    const applied = await traces();
    expect(applied.length).toBeGreaterThan(10);
    const removal = await run('uninstall', `--config.file=${config}`);
    expect(removal.code, removal.text).toBe(0);
    expect(await traces()).toEqual(applied);
    psql(removal.text);
    expect(await traces()).toEqual([]);

    const printed = await run('install', `--config.file=${config}`);
    expect(printed.code, printed.text).toBe(0);
    expect(await traces()).toEqual([]);
    psql(printed.text);
    expect(await traces()).toEqual(applied);
    expect((await run('check', `--config.file=${config}`)).code).toBe(0);
    // Twice is as good as once.
    psql(printed.text);
    expect((await run('install', '--apply', `--config.file=${config}`)).code).toBe(0);
    expect(await traces()).toEqual(applied);

    expect((await run('uninstall', '--apply', `--config.file=${config}`)).code).toBe(0);
    expect(await traces()).toEqual([]);
    expect((await run('uninstall', '--apply', `--config.file=${config}`)).code).toBe(0);
  });

  it('a table that cannot be watched is exit 1 of check and 2 of install, with every problem', async () => {
    const config = configOf(database.url, '  gone: { table: public.gone, key: id, status: status }\n');
    for (const [command, code] of [
      ['check', 1],
      ['install', 2],
    ] as const) {
      const { code: got, text } = await run(command, `--config.file=${config}`);
      expect(got, text).toBe(code);
      expect(text).toContain('flows.gone.table');
    }
  });

  it('an unreachable database is exit 1, named by host and port, with what to check', async () => {
    const config = configOf('postgres://somebody@127.0.0.1:1/nowhere', ORDERS);
    for (const command of [['check'], ['install'], ['install', '--apply'], ['uninstall', '--apply']]) {
      const { code, text } = await run(...command, `--config.file=${config}`);
      expect(code, text).toBe(1);
      expect(text).toContain('127.0.0.1:1/nowhere');
      expect(text).toContain('Check that the server runs and can be reached');
    }
  });

  it('a database that does not exist and a role that may not install are exit 1 with a remedy', async () => {
    const missing = new URL(database.url);
    missing.pathname = '/no_such_database';
    const { code, text } = await run('check', `--config.file=${configOf(missing.href, ORDERS)}`);
    expect(code, text).toBe(1);
    expect(text).toContain('Create the database or correct its name in the URL.');

    const role = `reader_${process.pid}`;
    await database.sql.unsafe(`create role ${role} login; grant select on orders to ${role}`);
    const asRole = new URL(database.url);
    asRole.username = role;
    const refused = await run('install', '--apply', `--config.file=${configOf(asRole.href, ORDERS)}`);
    expect(refused.code, refused.text).toBe(1);
    expect(refused.text).toMatch(
      /may not install the journal in \S+: permission denied .* Run flowgauge install --reader=ROLE --apply with the URL of the table's owner/,
    );
    // Nothing else would say so before the exporter waits for its tables in vain.
    const checked = await run('check', `--config.file=${configOf(asRole.href, ORDERS)}`);
    expect(checked.code, checked.text).toBe(1);
    expect(checked.text).toContain('store: The store’s user may not create our tables.');
    await database.sql.unsafe(`drop owned by ${role}; drop role ${role}`);
  });
});

describe('the command line', PATIENT, () => {
  it('refuses unknown commands, flags and files with exit 2', async () => {
    const unknown = await run('frobnicate');
    expect(unknown.code).toBe(2);
    expect(unknown.text).toMatch(/^Unknown command "frobnicate"\./);
    for (const args of [
      ['check', '--nope'],
      ['serve', '--config.file=/no/such.yml'],
      ['serve', 'extra'],
    ]) {
      const { code, text } = await run(...args);
      expect(code, text).toBe(2);
      expect(text).toContain('The configuration has');
    }
  });

  it('prints help and version', async () => {
    for (const args of [['--help'], ['serve', '--help'], ['demo', '--help'], ['check', '--help']]) {
      const { code, text } = await run(...args);
      expect(code).toBe(0);
      expect(text).toMatch(/flowgauge/i);
    }
    expect((await run('--version')).text).toMatch(/^\d+\.\d+\.\d+/);
  });
});

describe('serve', PATIENT, () => {
  it('names a port that is taken, exits 1, and leaves no embedded server behind', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as { port: number };
    const folder = mkdtempSync(join(directory, 'taken-'));
    chmodSync(folder, 0o755);
    const config = writeConfig(
      folder,
      `web: { listen_address: "127.0.0.1:${port}" }\nstore: { embedded: "${folder}/db" }\nflows:\n${ORDERS}`,
    );
    const { code, text } = await run('serve', `--config.file=${config}`);
    taken.close();
    expect(code, text).toBe(1);
    expect(text).toContain(`cannot listen on 127.0.0.1:${port}: another process has this address.`);
    expect(readdirSync(join(folder, 'db', 'data'))).not.toContain('postmaster.pid');
  });

  it('names a directory that cannot be used, and what to do', async () => {
    const isRoot = process.getuid?.() === 0;
    const closed = mkdtempSync(join(directory, 'closed-'));
    // Root may write anywhere, its database may not; nobody may write to the kernel's own folder.
    chmodSync(closed, isRoot ? 0o700 : 0o500);
    mkdirSync(join(directory, 'a-folder'));
    for (const path of [join(closed, 'db'), '/proc/flowgauge']) {
      const folder = mkdtempSync(join(directory, 'config-'));
      const config = writeConfig(folder, `store: { embedded: "${path}" }\nflows:\n${ORDERS}`);
      const { code, text } = await run('serve', `--config.file=${config}`);
      expect(code, text).toBe(1);
      expect(text).toContain(path);
      expect(text).toMatch(/store\.embedded|chmod/);
    }
    chmodSync(closed, 0o700);
  });

  it('ends with 0 on ten signals in a second, answers under way completed, nothing lost', async () => {
    const config = configOf(database.url, ORDERS);
    await run('install', '--apply', `--config.file=${config}`);
    const exporter = await startExporterProcess(config);
    await eventually(
      async () => (await fetch(`${exporter.url}/-/ready`)).status,
      (status) => status === 200,
    );
    let writing = true;
    const writer = (async () => {
      for (let id = 1; writing; id += 1) await database.sql`insert into orders values (${id}, 'new')`;
    })();
    let asking = true;
    const answers: (number | string)[] = [];
    const scraper = Array.from({ length: 8 }, async () => {
      while (asking) {
        // An answer that has begun must come whole; a connection that is refused is an orderly end.
        const begun = await fetch(`${exporter.url}/metrics`).catch(() => undefined);
        if (begun === undefined) await pause(20);
        else answers.push(await begun.text().then(() => begun.status, String));
      }
    });
    await pause(500);
    const before = answers.length;
    for (let signals = 0; signals < 10; signals += 1) {
      exporter.child.kill(signals % 2 === 0 ? 'SIGTERM' : 'SIGINT');
      await pause(100);
    }
    expect(await exporter.exit, exporter.output()).toBe(0);
    asking = false;
    await Promise.all(scraper);
    writing = false;
    await writer;
    expect(before).toBeGreaterThan(0);
    expect(new Set(answers)).toEqual(new Set([200]));

    const next = await startExporterProcess(config);
    const [row] = await database.sql<{ n: number }[]>`select count(*)::int as n from orders`;
    await eventually(
      async () =>
        samplesOf(await next.metrics(), 'flow_transitions_total').get('flow="orders",from="none",to="new"'),
      (n) => n === row!.n,
    );
    expect(await next.stop()).toBe(0);
    for (const output of [exporter.output(), next.output()]) expect(output).not.toContain(CANARY);
  });

  it('ends with 0 although its database is frozen', async () => {
    const server = await startPostgres();
    try {
      await server.sql.unsafe(TABLES);
      const config = configOf(server.url, ORDERS + ODD);
      await run('install', '--apply', `--config.file=${config}`);
      const exporter = await startExporterProcess(config);
      await eventually(
        async () => (await fetch(`${exporter.url}/-/ready`)).status,
        (status) => status === 200,
      );
      server.freeze();
      await pause(1_000);
      exporter.child.kill('SIGTERM');
      const exit = await Promise.race([
        exporter.exit,
        pause(10_000).then(() => 'still there after ten seconds'),
      ]);
      expect(exit, exporter.output()).toBe(0);
    } finally {
      await server.stop();
    }
  });
});
