/** Checks which work a log line names, and that no field wanders into work beside it. */
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { exemplarLabels, inContext, inNewContext } from '../../src/telemetry/context.js';
import { createLogger, type LoggerOptions } from '../../src/telemetry/logger.js';

function setUp(options: LoggerOptions = {}) {
  const written: string[] = [];
  const stream = { write: (line: string) => void written.push(line) };
  const log = createLogger({ stream, now: () => 0, repeatMs: 0, ...options });
  return { log, lines: () => written.map((line) => JSON.parse(line)) };
}

test('a line carries request, trace, flow and item of the work that writes it', async () => {
  const { log, lines } = setUp();
  await inContext({ requestId: 'r-1' }, async () => {
    await pause(1);
    await inContext({ flow: 'tokens', item: 'So1' }, async () => {
      await pause(1);
      log.info('inner');
    });
    log.info('outer');
  });
  log.info('outside');
  expect(lines()).toEqual([
    expect.objectContaining({ msg: 'inner', request_id: 'r-1', flow: 'tokens', item: 'So1' }),
    { level: 'info', time: '1970-01-01T00:00:00.000Z', logger: 'flowgauge', request_id: 'r-1', msg: 'outer' },
    { level: 'info', time: '1970-01-01T00:00:00.000Z', logger: 'flowgauge', msg: 'outside' },
  ]);
});

test('works side by side keep their own names', async () => {
  const { log, lines } = setUp();
  const one = (requestId: string, ms: number) =>
    inContext({ requestId }, async () => {
      await pause(ms);
      log.info('done', { expected: requestId });
    });
  await Promise.all([one('a', 6), one('b', 3), one('c', 1)]);
  expect(lines()).toHaveLength(3);
  for (const line of lines()) expect(line.request_id).toBe(line.expected);
});

test('a background job does not carry the name of what started it', () => {
  const { log, lines } = setUp();
  inContext({ requestId: 'r-1' }, () => inNewContext({ flow: 'tokens' }, () => log.info('tick')));
  expect(lines()[0]).toMatchObject({ flow: 'tokens' });
  expect(lines()[0]).not.toHaveProperty('request_id');
});

test('what the caller says goes before what the context says, and is written once', () => {
  const { log, lines } = setUp();
  inContext({ flow: 'tokens' }, () => log.info('other', { flow: 'orders' }));
  expect(lines()[0].flow).toBe('orders');
});

test('secrets are removed from the context as well', () => {
  const { log, lines } = setUp({ secrets: ['hunter22'] });
  inContext({ item: 'hunter22' }, () => log.info('hello'));
  expect(lines()[0].item).toBe('<secret>');
});

test('a trace of the host is taken when there is none of ours, and a host that throws loses no line', () => {
  const given = setUp({ traceId: () => 'f'.repeat(32) });
  given.log.info('hello');
  inContext({ traceId: '0'.repeat(32) }, () => given.log.info('ours'));
  expect(given.lines().map((line) => line.trace_id)).toEqual(['f'.repeat(32), '0'.repeat(32)]);
  const broken = setUp({
    traceId: () => {
      throw new Error('no');
    },
  });
  broken.log.info('hello');
  expect(broken.lines()[0].msg).toBe('hello');
});

test('only a trace that is kept becomes an exemplar', () => {
  const traceId = 'a'.repeat(32);
  expect(exemplarLabels()).toBeUndefined();
  expect(inContext({ traceId, isSampled: false }, exemplarLabels)).toBeUndefined();
  expect(inContext({ traceId, isSampled: true }, exemplarLabels)).toEqual({ trace_id: traceId });
});

test('the level changes for all loggers while the program runs', () => {
  const { log, lines } = setUp();
  const http = log.named('http');
  http.debug('unseen');
  log.setLevel('debug');
  http.debug('seen');
  expect(lines().map((line) => line.msg)).toEqual(['seen']);
});
