/** Proves on a running exporter that what came in while it was away is counted, and is not told as the pace of now. */
import { expect, it, onTestFinished } from 'vitest';
import { eventually, runCli, startExporterProcess, writeConfig } from '../harness/exporter.js';
import { freshDatabase } from '../harness/fresh-database.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';

it('a downtime is counted, and no pace', { timeout: 120_000 }, async () => {
  const directory = scratchDirectory('pace');
  onTestFinished(() => removeScratch(directory));
  const database = await freshDatabase();
  onTestFinished(() => database.drop());
  await database.sql`create table tokens (id text primary key, status text not null)`;
  const config = writeConfig(
    directory,
    `web: { listen_address: "127.0.0.1:0" }
source: { url: "${database.url}" }
flows:
  tokens: { table: public.tokens, key: id, status: status, statuses: [monitoring, active] }
`,
  );
  const install = runCli(['install', '--apply', `--config.file=${config}`]);
  expect(await install.exit, install.output()).toBe(0);
  const first = await startExporterProcess(config);
  await eventually(
    () => fetch(`${first.url}/-/ready`),
    ({ status }) => status === 200,
  );
  await first.stop();
  await database.sql`insert into tokens select n, 'monitoring' from generate_series(1, 20000) n`;
  const second = await startExporterProcess(config);
  onTestFinished(() => second.kill());
  const told: (number | null)[] = [];
  const { processing_rates: rates, token_statistics: tokens } = await eventually(
    async () => {
      const answer = await fetch(`${second.url}/api/monitoring/dashboard`);
      const body = (await answer.json()) as Record<string, Record<string, number | null>>;
      if (body.token_statistics !== undefined) told.push(body.token_statistics.recently_updated!);
      return body as Record<'processing_rates' | 'token_statistics', Record<string, number | null>>;
    },
    (body) => body.token_statistics?.recently_updated != null && body.token_statistics.total === 20_000,
    60_000,
  );
  expect([tokens.recently_updated, rates.processing_active]).toEqual([0, false]);
  expect([...new Set(told)]).toEqual([null, 0]);
  await database.sql`insert into tokens select n, 'active' from generate_series(20001, 20007) n`;
  const after = await eventually(
    async () =>
      (await (await fetch(`${second.url}/api/monitoring/tokens/flow`)).json()) as Record<
        'activation_metrics',
        Record<string, number | null>
      >,
    (body) => body.activation_metrics?.recent_activations === 7,
  );
  expect(after.activation_metrics.window_seconds).toBeLessThan(120);
});
