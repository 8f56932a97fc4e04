/** Owns the proof of what a reload comes to where two files, or none, are in question, and in which order things are put in force. */
import { expect, it } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { ConfigError } from '../../src/config/problem.js';
import { createMetrics } from '../../src/metrics/registry.js';
import { reloadSeries } from '../../src/metrics/reload-series.js';
import { type Fits, type LiveSections, openReload } from '../../src/reload.js';
import { createLogger } from '../../src/telemetry/logger.js';
import type { WebReading } from '../../src/web-door.js';

const BASE = `source: { url: 'postgres://a@127.0.0.1/app' }\nalertmanager: { url: 'http://127.0.0.1:9093' }\n`;
const WEEKLY = `maintenance: { windows: { weekly: { cron: '0 3 * * SUN', duration: 30m } } }\n`;
const parse = (text: string) => parseConfig(`${BASE}${text}`, { env: {} });
const OF_WEB = 'web.config_file > nonsense';
const refusing =
  (...paths: string[]) =>
  () => {
    throw new ConfigError(
      paths.map((path) => ({
        ...{ path, where: undefined, value: undefined, what: 'is bad', remedy: 'Mend it' },
        ...(path === OF_WEB ? { isOfWebFile: true as const } : {}),
      })),
    );
  };

function world(
  over: {
    readonly read?: () => ReturnType<typeof parse>;
    readonly live?: Partial<LiveSections>;
    readonly fits?: Fits;
  } = {},
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
    ...(over.fits === undefined ? {} : { fits: over.fits }),
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
  const { reload, files } = world({ read: refusing('flows.tokens', OF_WEB) });
  files.web = { kind: 'refused', message: 'The web file: nonsense is bad.' };
  const told = reload();
  expect(told).toMatchObject({ kind: 'refused', applied: [] });
  const message = told.kind === 'refused' ? told.message : '';
  expect(message).toMatch(/flows\.tokens: is bad/);
  expect(message.match(/nonsense/g)).toHaveLength(1);
});

it('another web file that the configuration names must be good too', () => {
  const { reload, files, good, shown } = world({ read: refusing(OF_WEB) });
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

it('planned work that does not fit what is in force waits for a restart, with all that was to be taken', () => {
  const asked: string[] = [];
  const { reload, done, shown } = world({
    read: () => parse(`${WEEKLY}log: { level: warn }\n`),
    fits: {
      maintenance: ({ windows }) => {
        asked.push(...windows.map(({ name }) => name));
        return false;
      },
    },
  });
  const told = { kind: 'taken', applied: ['log.level'], restartRequired: ['maintenance'] };
  expect(reload()).toEqual(told);
  expect(reload()).toEqual({ ...told, kind: 'unchanged', applied: [] });
  expect([done, asked, shown()]).toEqual([['warn'], ['weekly', 'weekly'], [1, 1]]);
});

it('a file that is wrong all over is told in fifty lines', () => {
  const paths = Array.from({ length: 1_000 }, (_, n) => `flows.f${n}`);
  const told = world({ read: refusing(...paths) }).reload();
  const lines = told.kind === 'refused' ? told.message.split('\n') : [];
  expect(lines).toHaveLength(52);
  expect([lines[0], lines[50], lines[51]]).toEqual([
    'The configuration has 1000 problems:',
    '  flows.f49: is bad. Mend it.',
    '  and 950 more',
  ]);
});
