/** Owns the proof that a role of few rights can read a journal that another one installed, and is told when it cannot. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCli, writeConfig } from '../harness/exporter.js';
import { type FreshDatabase, freshDatabase } from '../harness/fresh-database.js';

let database: FreshDatabase;
let role: string;
let config: string;
const directory = mkdtempSync(join(tmpdir(), 'flowgauge-reader-'));
chmodSync(directory, 0o755);

beforeAll(async () => {
  database = await freshDatabase();
  // Roles belong to the whole cluster, which other test files share.
  role = `reader_${new URL(database.url).pathname.slice(1)}`;
  await database.sql.unsafe(`
    create table tokens (id int primary key, status text not null);
    create role ${role} login;
    create schema flowgauge authorization ${role};
    grant select on tokens to ${role}`);
  const url = new URL(database.url);
  url.username = role;
  config = writeConfig(
    directory,
    `source: { url: "${url.href}" }\nflows:\n  tokens: { table: public.tokens, key: id, status: status, statuses: [a, b], capture: journal }\n`,
  );
});

afterAll(async () => {
  await database.sql.unsafe(`drop owned by ${role}; drop role ${role}`);
  await database.drop();
  rmSync(directory, { recursive: true, force: true });
});

const flowgauge = async (args: readonly string[], env: Record<string, string> = {}) => {
  const run = runCli([...args, `--config.file=${config}`], env);
  const code = await run.exit;
  return { code, output: run.output() };
};

it('is told which command gives it the rights, and has them afterwards', async () => {
  const owner = { DATABASE_URL: database.url };
  expect(await flowgauge(['install', '--apply'], owner)).toEqual({
    code: 0,
    output: 'Installed the journal of flow tokens.\n',
  });
  const refused = await flowgauge(['check']);
  expect(refused.code).toBe(1);
  expect(refused.output).toContain(
    'this role may not read it (permission denied for schema flowgauge_capture). With the account that installed it, run: flowgauge install --apply --reader=<this role>',
  );

  expect(await flowgauge(['install', '--apply', `--reader=${role}`], owner)).toEqual({
    code: 0,
    output: `Installed the journal of flow tokens; ${role} may read it.\n`,
  });
  const good = await flowgauge(['check']);
  expect(good.output).toContain('flow tokens: statuses a, b; journal installed');
  expect(good.code).toBe(0);
});
