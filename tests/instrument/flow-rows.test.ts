/** Checks moves written in the program's own drizzle transactions: the exporter counts those that were committed, and no others. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drizzle } from 'drizzle-orm/postgres-js';
import { expect, onTestFinished, test } from 'vitest';
import { flowItemTable } from '../../src/instrument/flow-rows.js';
import { eventually, runCli, samplesOf, startExporterProcess, writeConfig } from '../harness/exporter.js';
import { freshDatabase } from '../harness/fresh-database.js';

test('a committed move is counted once with its stay, a rolled back one never', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'flowgauge-rows-'));
  chmodSync(directory, 0o755);
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const database = await freshDatabase();
  onTestFinished(() => database.drop());
  const table = flowItemTable('tokens');
  await database.sql.unsafe(table.createSql);
  await database.sql.unsafe(table.createSql);
  const config = writeConfig(
    directory,
    `web: { listen_address: "127.0.0.1:0" }
source: { url: "${database.url}" }
flows:
  tokens:
    table: public.flowgauge_tokens
    key: id
    status: status
    moved_at: moved_at
    statuses: [monitoring, active]
`,
  );
  const install = runCli(['install', '--apply', `--config.file=${config}`]);
  expect(await install.exit, install.output()).toBe(0);
  const exporter = await startExporterProcess(config);
  onTestFinished(async () => void (await exporter.stop()));
  await eventually(
    () => exporter.metrics(),
    (text) => samplesOf(text, 'flow_items').size > 0,
  );

  const db = drizzle(database.sql);
  await db.transaction(async (tx) => {
    await table.moved(tx, 'a', 'monitoring');
    await table.moved(tx, "b'; --", 'monitoring');
  });
  await db.transaction(async (tx) => {
    await table.moved(tx, 'a', 'active');
    await table.moved(tx, 'a', 'active');
  });
  await db
    .transaction(async (tx) => {
      await table.moved(tx, "b'; --", 'active');
      throw new Error('changed my mind');
    })
    .catch(() => {});
  await db.transaction((tx) => table.moved(tx, 'a', null));

  const text = await eventually(
    () => exporter.metrics(),
    (t) => samplesOf(t, 'flow_transitions_total').get('flow="tokens",from="active",to="none"') === 1,
  );
  const moves = [...samplesOf(text, 'flow_transitions_total')].filter(([, count]) => count > 0);
  expect(Object.fromEntries(moves)).toEqual({
    'flow="tokens",from="none",to="monitoring"': 2,
    'flow="tokens",from="monitoring",to="active"': 1,
    'flow="tokens",from="active",to="none"': 1,
  });
  const stays = samplesOf(text, 'flow_status_duration_seconds_count');
  expect(stays.get('flow="tokens",status="monitoring",to="active"')).toBe(1);
});
