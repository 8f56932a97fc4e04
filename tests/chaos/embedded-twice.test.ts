/** Owns the proof that one embedded directory has one exporter: the second says whose it is, the first goes on. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  type ExporterProcess,
  eventually,
  labelOf,
  runCli,
  samplesOf,
  startExporterProcess,
  writeConfig,
} from '../harness/exporter.js';
import { embeddedSourceUrl, stopEmbedded } from './embedded-arena.js';

const directory = mkdtempSync(join(tmpdir(), 'flowgauge-twice-'));
chmodSync(directory, 0o755);
const data = join(directory, 'db');
const configOf = (name: string, path: string) => {
  const folder = mkdtempSync(join(directory, `${name}-`));
  chmodSync(folder, 0o755);
  return writeConfig(
    folder,
    `web: { listen_address: "127.0.0.1:0" }
store: { embedded: "${path}" }
flows:
  parcels: { table: public.parcels, key: id, status: status, capture: journal, audit_interval: 5s }
`,
  );
};
let config: string;
let first: ExporterProcess | undefined;

beforeAll(async () => {
  config = configOf('first', data);
  const maker = await startExporterProcess(config);
  await ask(
    (sql) => sql`
    create table parcels (id int primary key, status text not null check (status in ('packed', 'sent')))`,
  );
  await maker.stop();
  const install = runCli(['install', '--apply', `--config.file=${config}`]);
  expect(await install.exit, install.output()).toBe(0);
  first = await startExporterProcess(config);
  await eventually(
    async () => (await fetch(`${first!.url}/-/ready`)).status,
    (status) => status === 200,
  );
});
afterAll(async () => {
  await first?.stop();
  await stopEmbedded(data);
  rmSync(directory, { recursive: true, force: true });
});

async function ask<T>(question: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(embeddedSourceUrl(data), { max: 1, onnotice: () => {} });
  return question(sql).finally(() => sql.end({ timeout: 1 }));
}

async function counted(exporter: ExporterProcess): Promise<Record<string, number>> {
  const samples = samplesOf(await exporter.metrics(), 'flow_transitions_total');
  return Object.fromEntries(
    [...samples]
      .filter(([, n]) => n > 0)
      .map(([labels, n]) => [`${labelOf(labels, 'from')}>${labelOf(labels, 'to')}`, n] as const)
      .sort(),
  );
}

const countsOf = (expected: Record<string, number>) =>
  eventually(
    () => counted(first!),
    (moves) => JSON.stringify(moves) === JSON.stringify(expected),
    15_000,
  );

it('a second exporter, and every other command, is refused with the first one’s id', async () => {
  await ask((sql) => sql`insert into parcels select n, 'packed' from generate_series(1, 50) n`);
  const second = configOf('second', `${directory}/elsewhere/../db`);
  const password = await ask(async (sql) => String(sql.options.pass));
  for (const command of [['serve'], ['check'], ['install', '--apply']]) {
    const run = runCli([...command, `--config.file=${second}`]);
    expect(await run.exit, `${command}: ${run.output()}`).toBe(1);
    expect(run.output()).toContain(
      `The embedded database's directory ${data} is in use by process ${first!.child.pid}. Stop that process, or give this one another directory (store.embedded). (EMBEDDED_DIRECTORY_IN_USE)`,
    );
    expect(run.output()).not.toMatch(/\n\s+at /);
    expect(run.output()).not.toContain(password);
  }
});

it('the first one goes on and has lost nothing', async () => {
  await ask((sql) => sql`update parcels set status = 'sent' where id <= 20`);
  await countsOf({ 'none>packed': 50, 'packed>sent': 20 });
});

it('after its SIGKILL the next one adopts the running database at once and counts what came in between', async () => {
  await first!.kill();
  await ask((sql) => sql`update parcels set status = 'sent' where id > 40`);
  first = await startExporterProcess(config);
  expect(first.output()).toContain('embedded database adopted');
  await countsOf({ 'none>packed': 50, 'packed>sent': 30 });
});

it('of two that start at the same moment exactly one runs', async () => {
  await first!.stop();
  const runs = [runCli(['serve', `--config.file=${config}`]), runCli(['serve', `--config.file=${config}`])];
  const lost = await Promise.race(runs.map((run) => run.exit.then(() => run)));
  expect(await lost.exit, lost.output()).toBe(1);
  expect(lost.output()).toContain('EMBEDDED_DIRECTORY_IN_USE');
  const winner = runs.find((run) => run !== lost)!;
  await eventually(
    async () => winner.output(),
    (text) => text.includes('"msg":"started"'),
  );
  winner.child.kill('SIGTERM');
  expect(await winner.exit, winner.output()).toBe(0);
});

it('a SIGTERM while the database is being started leaves no database behind', async () => {
  const run = runCli(['serve', `--config.file=${config}`]);
  await eventually(
    async () => embeddedSourceUrl(data),
    () => true,
  );
  for (let signals = 0; signals < 10; signals += 1) run.child.kill('SIGTERM');
  expect(await run.exit, run.output()).toBe(0);
  expect(() => embeddedSourceUrl(data)).toThrow('ENOENT');
});
