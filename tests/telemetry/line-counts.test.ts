/** Checks that /metrics says how many lines of each level the log has written and held back. */
import { expect, onTestFinished, test } from 'vitest';
import { createMetrics } from '../../src/metrics/registry.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { eventually, samplesOf, startExporterProcess, writeConfig } from '../harness/exporter.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';
import { textOf } from '../metrics/fixture.js';

const stream = { write() {} };

async function countsOf(metrics: ReturnType<typeof createMetrics>): Promise<string[]> {
  metrics.refreshSelf();
  const text = await textOf(metrics.registry);
  return text.split('\n').filter((line) => line.startsWith('log_messages_'));
}

test('every level is there from the start, at zero', async () => {
  const metrics = createMetrics({ processMetrics: 'omit' });
  createLogger({ stream, metrics });
  const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];
  expect((await countsOf(metrics)).sort()).toEqual(
    ['log_messages_suppressed_total', 'log_messages_total']
      .flatMap((name) => levels.map((level) => `${name}{level="${level}"} 0`))
      .sort(),
  );
});

test('a line counts where it went: written, held back, or below the level in force', async () => {
  const metrics = createMetrics({ processMetrics: 'omit' });
  const log = createLogger({ stream, metrics, now: () => 0 });
  for (let n = 0; n < 5; n++) log.error('database unreachable');
  log.named('reader').error('database unreachable');
  log.debug('not written');
  log.setLevel('debug');
  log.debug('written');
  expect((await countsOf(metrics)).filter((line) => !line.endsWith(' 0'))).toEqual([
    'log_messages_total{level="debug"} 1',
    'log_messages_total{level="error"} 2',
    'log_messages_suppressed_total{level="error"} 4',
  ]);
});

test('two logs add up on one endpoint, lines before the metrics count, and the end of counting keeps what was counted', async () => {
  const metrics = createMetrics({ processMetrics: 'omit' });
  const [one, other] = [createLogger({ stream }), createLogger({ stream })];
  one.warn('early');
  other.warn('early');
  const end = one.countOn(metrics);
  other.countOn(metrics);
  one.warn('late');
  end();
  one.warn('after the end');
  const warnings = async () =>
    (await countsOf(metrics)).filter((line) => line.startsWith('log_messages_total{level="warn"}'));
  expect(await warnings()).toEqual(['log_messages_total{level="warn"} 3']);
  expect(await warnings()).toEqual(['log_messages_total{level="warn"} 3']);
});

test('what is no metrics is refused', () => {
  expect(() => createLogger({ stream, metrics: {} as never })).toThrow(
    expect.objectContaining({ code: 'INSTRUMENT_OPTION', option: 'metrics' }),
  );
});

test('a real exporter counts what it has written', { timeout: 60_000 }, async () => {
  const directory = scratchDirectory('line-counts');
  onTestFinished(() => removeScratch(directory));
  // Nobody listens there: the jobs fail again and again, and say so.
  const config = writeConfig(
    directory,
    `web: { listen_address: "127.0.0.1:0" }
source: { url: "postgres://nobody@127.0.0.1:1/none" }
`,
  );
  const exporter = await startExporterProcess(config);
  onTestFinished(() => exporter.kill());
  const written = (level: string) => exporter.output().split(`"level":"${level}"`).length - 1;
  const counted = async (name: string) => samplesOf(await exporter.metrics(), name);
  const errors = async () => (await counted('log_messages_total')).get('level="error"')!;
  await eventually(errors, (found) => found > 1 && found === written('error'));
  expect((await counted('log_messages_total')).get('level="info"')).toBe(written('info'));
  await eventually(
    async () => (await counted('log_messages_suppressed_total')).get('level="error"')!,
    (found) => found > 0,
  );
});
