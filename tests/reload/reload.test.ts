/** Owns the proof of what a reload comes to where two files, or none, are in question, and in which order things are put in force. */
import { expect, it } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { ConfigError } from '../../src/config/problem.js';
import { createMetrics } from '../../src/metrics/registry.js';
import { reloadSeries } from '../../src/metrics/reload-series.js';
import { type LiveSections, openReload } from '../../src/reload.js';
import { createLogger } from '../../src/telemetry/logger.js';
import type { WebReading } from '../../src/web-door.js';

const BASE = `source: { url: 'postgres://a@127.0.0.1/app' }\nalertmanager: { url: 'http://127.0.0.1:9093' }\n`;
const WEEKLY = `maintenance: { windows: { weekly: { cron: '0 3 * * SUN', duration: 30m } } }\n`;
const parse = (text: string) => parseConfig(`${BASE}${text}`, { env: {} });
const refusing =
  (...paths: string[]) =>
  () => {
    throw new ConfigError(
      paths.map((path) => ({ path, where: undefined, value: undefined, what: 'is bad', remedy: 'Mend it' })),
    );
  };

function world(
  over: { readonly read?: () => ReturnType<typeof parse>; readonly live?: Partial<LiveSections> } = {},
) {
  const metrics = createMetrics({ processMetrics: 'omit' });
  const done: string[] = [];
  const files: { main: (() => ReturnType<typeof parse>) | undefined; web: WebReading } = {
    main: over.read,
    web: { kind: 'nothing to read' },
  };
  const reload = openReload({
    config: parse(''),
    reading: over.read === undefined ? undefined : { read: () => files.main!() },
    live: {
      thresholds: () => void done.push('thresholds'),
      health: () => void done.push('health'),
      log: ({ level }) => void done.push(level),
      maintenance: ({ windows }) => void done.push(...windows.map(({ name }) => name)),
      ...over.live,
    },
    door: { read: () => files.web },
    series: reloadSeries(metrics, () => 5_000),
    log: createLogger({ stream: { write() {} }, repeatMs: 0 }),
  });
  const good: WebReading = {
    kind: 'good',
    take: () => {
      done.push('web');
      return 'taken';
    },
  };
  const shown = () => [metrics.configReloadSuccessful.value({}), metrics.configRestartRequired.value({})];
  return { reload, files, done, good, shown };
}

it('without any file there is nothing to read', () => {
  const { reload, shown } = world();
  expect(reload()).toEqual({ kind: 'nothing to read', applied: [], restartRequired: [] });
  expect(shown()).toEqual([1, 0]);
});

it('the web file alone is read where the configuration is of no file', () => {
  const { reload, files, good } = world();
  files.web = good;
  expect(reload()).toEqual({ kind: 'taken', applied: ['web.config_file'], restartRequired: [] });
});

it('each section goes to its owner, and names are sorted over both files', () => {
  const text = `${WEEKLY}log: { level: warn }\nthresholds: { minimum_events: 9 }\njournal: { page: 100 }\nlimits: { series_total: 9000 }\n`;
  const { reload, files, done, good, shown } = world({ read: () => parse(text) });
  files.web = good;
  const applied = ['log.level', 'maintenance', 'thresholds', 'web.config_file'];
  expect(reload()).toEqual({ kind: 'taken', applied, restartRequired: ['journal', 'limits'] });
  expect(done.sort()).toEqual(['thresholds', 'warn', 'web', 'weekly']);
  expect(shown()).toEqual([1, 1]);
});

it('planned work that nobody can carry out waits for a restart', () => {
  const { reload, shown } = world({ read: () => parse(WEEKLY), live: { maintenance: undefined } });
  expect(reload()).toEqual({ kind: 'unchanged', applied: [], restartRequired: ['maintenance'] });
  expect(shown()).toEqual([1, 1]);
});

it('a good web file is not taken when the configuration is refused', () => {
  const { reload, files, done, good, shown } = world({ read: refusing('flows.tokens') });
  files.web = good;
  expect(reload()).toMatchObject({
    kind: 'refused',
    message: expect.stringContaining('flows.tokens: is bad'),
  });
  expect(done).toEqual([]);
  expect(shown()).toEqual([0, 0]);
});

it('what is wrong with both is told of both, once', () => {
  const { reload, files } = world({ read: refusing('flows.tokens', 'web.config_file > nonsense') });
  files.web = { kind: 'refused', message: 'The web file: nonsense is bad.' };
  const told = reload();
  expect(told).toMatchObject({ kind: 'refused', applied: [] });
  const message = told.kind === 'refused' ? told.message : '';
  expect(message).toMatch(/flows\.tokens: is bad/);
  expect(message.match(/nonsense/g)).toHaveLength(1);
});

it('another web file that the configuration names must be good too', () => {
  const { reload, files, good, shown } = world({ read: refusing('web.config_file > nonsense') });
  files.web = good;
  expect(reload()).toMatchObject({ kind: 'refused', message: expect.stringContaining('nonsense') });
  expect(shown()).toEqual([0, 0]);
});

it('an error that nobody foresaw changes nothing and says nothing of itself', () => {
  const { reload, shown } = world({
    read: () => {
      throw new TypeError('postgres://a:hunter2@b');
    },
  });
  expect(reload()).toMatchObject({ kind: 'refused', message: 'The configuration cannot be read.' });
  expect(shown()).toEqual([0, 0]);
});
