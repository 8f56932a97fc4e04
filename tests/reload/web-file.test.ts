/** Proves a reload with a web configuration file that leaves something open: told once, and over as soon as that file is repaired. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import { createMetrics } from '../../src/metrics/registry.js';
import { reloadSeries } from '../../src/metrics/reload-series.js';
import { openReload } from '../../src/reload.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { openDoor } from '../../src/web-door.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';

const folder = scratchDirectory('reload-web');
afterAll(() => removeScratch(folder));

const write = (name: string, text: string) => writeFileSync(join(folder, name), text, { mode: 0o600 });
const MAIN = `source: { url: 'postgres://a@127.0.0.1/app' }
web: { listen_address: '0.0.0.0:0', config_file: web.yml }
`;
const GOOD = 'flowgauge: { tokens: { chief: { file: admin, roles: [admin] } } }\n';
const OPEN = 'http_server_config: { headers: { X-Frame-Options: deny } }\n';

function world() {
  write('admin', 'canaryAdminToken0123456789');
  write('web.yml', GOOD);
  write('flowgauge.yml', MAIN);
  const read = (reading: 'first' | 'again') =>
    loadConfig({ file: join(folder, 'flowgauge.yml'), env: {}, reading });
  const config = read('first');
  const metrics = createMetrics({ processMetrics: 'omit' });
  const series = reloadSeries(metrics, () => 5_000);
  const lines: string[] = [];
  // A clock that stands still: whatever the limit on repeats may hold back is held back.
  const log = createLogger({ stream: { write: (line: string) => void lines.push(line) }, now: () => 5_000 });
  const door = openDoor({
    ...{ web: config.web, metrics, series, log },
    isIngestToken: undefined,
    nowMs: () => performance.now(),
  });
  onTestFinished(() => door.close());
  const reload = openReload({
    config,
    reading: { read: () => read('again') },
    live: { thresholds() {}, health() {}, log() {}, maintenance() {} },
    ...{ door, series, log: log.named('config', 'all') },
  });
  return { reload, door, lines, isGood: () => metrics.configReloadSuccessful.value({}) };
}

it('what it leaves open is told once, and is over when it is repaired, without another reload', () => {
  const { reload, door, isGood } = world();
  write('web.yml', OPEN);
  const told = reload();
  expect(told.kind === 'refused' && told.message.match(/asks nobody for credentials/g)).toHaveLength(1);
  expect(isGood()).toBe(0);
  write('web.yml', GOOD);
  expect(door.reload()).toEqual({ kind: 'unchanged' });
  expect(isGood()).toBe(1);
});

it('what is wrong with the configuration is not over when the web file is repaired', () => {
  const { reload, door, isGood } = world();
  write('web.yml', OPEN);
  write('flowgauge.yml', `${MAIN}nonsense: 1\n`);
  expect(reload()).toMatchObject({ kind: 'refused', message: expect.stringContaining('nonsense') });
  write('web.yml', GOOD);
  door.reload();
  expect(isGood()).toBe(0);
  write('flowgauge.yml', MAIN);
  expect(reload()).toMatchObject({ kind: 'unchanged' });
  expect(isGood()).toBe(1);
});

it('each reading has its line in the log, however soon it comes after another', () => {
  const { reload, lines } = world();
  for (const key of ['nonsense', 'folly']) {
    write('flowgauge.yml', `${MAIN}${key}: 1\n`);
    expect(reload()).toMatchObject({ kind: 'refused' });
    expect(lines.at(-1)).toContain(key);
  }
  for (const level of ['warn', 'info']) {
    write('flowgauge.yml', `${MAIN}log: { level: ${level} }\n`);
    expect(reload()).toMatchObject({ kind: 'taken', applied: ['log.level'] });
    expect(lines.at(-1)).toContain('log.level');
  }
  const before = lines.length;
  expect([reload().kind, reload().kind]).toEqual(['unchanged', 'unchanged']);
  expect(lines.length - before).toBe(2);
});
