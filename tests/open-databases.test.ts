/** Proves that databases can be prepared from a URL with several hosts, and that the log keeps the secrets of all URLs. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { parseConfig } from '../src/config/load.js';
import { createMetrics } from '../src/metrics/registry.js';
import { openDatabases } from '../src/open-databases.js';
import { openProbeBoard } from '../src/probe-board.js';
import { createLogger } from '../src/telemetry/logger.js';
import { removeScratch, scratchDirectory } from './harness/scratch.js';

it('a URL with several hosts and ports opens, and none of its secrets gets into a line', async () => {
  const lines: string[] = [];
  const log = createLogger({ stream: { write: (line: string) => lines.push(line) } });
  const source = 'postgres://u:hunter2%2Fsource@127.0.0.1:1,127.0.0.1:2/app';
  const store = 'postgres://u:hunter2-store@127.0.0.1:1/app?sslmode=disable&sslpassword=hunter2+key';
  const config = parseConfig('', { env: { DATABASE_URL: source, STORE_URL: store } });
  const databases = await openDatabases(config, log);
  onTestFinished(() => databases.close(500));
  expect(databases.source.label).toBe('127.0.0.1:1,127.0.0.1:2/app');
  for (const secret of ['hunter2/source', 'hunter2%2Fsource', 'hunter2-store', 'hunter2+key'])
    log.info('somebody repeats a secret', { secret, at: secret });
  log.info('and once more: hunter2/source hunter2-store hunter2+key');
  expect(lines).toHaveLength(2);
  expect(lines.join('')).not.toContain('hunter2');
});

it('the secrets of a probed database with several hosts get into no line', async () => {
  const lines: string[] = [];
  const log = createLogger({ stream: { write: (line: string) => lines.push(line) } });
  const folder = scratchDirectory('probed');
  onTestFinished(() => removeScratch(folder));
  const probed =
    'postgres://u:hunter2-probe@127.0.0.1:1,127.0.0.1:2/app?sslmode=disable&sslpassword=hunter2+key';
  writeFileSync(join(folder, 'url'), probed, { mode: 0o600 });
  const url = 'postgres://u@127.0.0.1:1/app';
  const config = parseConfig('probes: { far: { kind: postgres, url_file: url } }', {
    directory: folder,
    env: { DATABASE_URL: url },
  });
  const databases = { sourceUrl: url, storeUrl: url };
  openProbeBoard(config, { metrics: createMetrics(), log, databases });
  log.info('somebody repeats hunter2-probe and hunter2+key');
  expect(lines).toHaveLength(1);
  expect(lines[0]).not.toContain('hunter2');
});
