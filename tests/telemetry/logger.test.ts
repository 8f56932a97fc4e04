/** Checks the log as a collector reads it: the lines in full, no secret in any spelling, repeats counted. */

import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createLogger, type LoggerOptions } from '../../src/telemetry/logger.js';

function setUp(options: Partial<LoggerOptions> = {}) {
  const written: string[] = [];
  let nowMs = Date.UTC(2026, 0, 2, 3, 4, 5);
  const stream = { write: (line: string) => void written.push(line) };
  const log = createLogger({ stream, now: () => nowMs, ...options });
  return {
    log,
    written,
    lines: () => written.map((line) => JSON.parse(line)),
    wait: (ms: number) => {
      nowMs += ms;
    },
  };
}

describe('a line', () => {
  test('is one JSON object with time, level, logger and message', () => {
    const { log, written } = setUp();
    log.info('listening', { address: '127.0.0.1:9877' });
    log.named('reader').warn('source is slow', { flow: 'tokens', lag_seconds: 1.5 });
    expect(written).toEqual([
      '{"level":"info","time":"2026-01-02T03:04:05.000Z","logger":"flowgauge","address":"127.0.0.1:9877","msg":"listening"}\n',
      '{"level":"warn","time":"2026-01-02T03:04:05.000Z","logger":"reader","flow":"tokens","lag_seconds":1.5,"msg":"source is slow"}\n',
    ]);
  });

  test('names the last logger only, however deep it was made', () => {
    const { log, written } = setUp();
    log.named('http').named('api').info('hello');
    expect(written).toEqual([
      '{"level":"info","time":"2026-01-02T03:04:05.000Z","logger":"api","msg":"hello"}\n',
    ]);
  });

  test('has an error with type, code, stack and causes, and nothing else that hangs on it', () => {
    const { log, lines } = setUp();
    const cause = Object.assign(new TypeError('no route'), { code: 'EHOSTUNREACH' });
    const error = Object.assign(new Error('cannot connect', { cause }), {
      code: 'SOURCE_DOWN',
      query: 'select 1',
    });
    log.error('reader failed', { err: error });
    const [line] = lines();
    expect(line.err.stack).toContain('Error: cannot connect\n    at ');
    expect(line.err.cause.stack).toContain('TypeError: no route\n    at ');
    delete line.err.stack;
    delete line.err.cause.stack;
    expect(line.err).toEqual({
      type: 'Error',
      code: 'SOURCE_DOWN',
      message: 'cannot connect',
      cause: { type: 'TypeError', code: 'EHOSTUNREACH', message: 'no route' },
    });
  });

  test('survives causes in a circle, aggregates, thrown texts, big integers, circles and throwing getters', () => {
    const { log, lines } = setUp();
    const first = new Error('first');
    first.cause = new Error('second', { cause: first });
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    log.error('a', { err: first });
    log.error('b', { err: new AggregateError([new Error('one'), 'two'], 'both') });
    log.error('c', { n: 10n, circle });
    log.error('d', {
      get bad(): never {
        throw new Error('getter');
      },
    });
    log.error('e', {
      value: {
        toJSON() {
          throw new Error('no JSON');
        },
      },
    });
    const [a, b, c, d, e] = lines();
    expect(a.err.cause.cause.cause.cause.message).toBe('first');
    expect(a.err.cause.cause.cause.cause.cause).toBeUndefined();
    expect(b.err.errors).toEqual([expect.objectContaining({ message: 'one' }), 'non-error thrown: string']);
    expect([c.msg, d.msg, d.log_error, e.msg]).toEqual(['c', 'd', 'Error: getter', 'e']);
  });

  test('keeps its own names although a field has the same', () => {
    const { log, written } = setUp();
    log.info('hello', { msg: 'other', level: 9, time: 0, logger: 'x' });
    expect(written).toEqual([
      '{"level":"info","time":"2026-01-02T03:04:05.000Z","logger":"flowgauge","field_msg":"other","field_level":9,"field_time":0,"field_logger":"x","msg":"hello"}\n',
    ]);
  });

  test('does not treat a % in a message as a place for a value', () => {
    const { log, lines } = setUp();
    log.info('100%s sure %o %j', { flow: 'tokens' });
    expect(lines()[0].msg).toBe('100%s sure %o %j');
  });

  test('below the level is not written, and the level can change for all loggers at once', () => {
    const { log, lines } = setUp({ level: 'warn' });
    const reader = log.named('reader');
    reader.info('a');
    log.setLevel('debug');
    reader.debug('b');
    log.setLevel('silent');
    reader.fatal('c');
    expect(lines().map((line) => line.msg)).toEqual(['b']);
  });
});

describe('secrets', () => {
  const secret = 'p@ss "w\\ö/rd+%';
  const spellings: readonly [string, string][] = [
    ['as it is', secret],
    ['in a query', encodeURIComponent(secret)],
    ['in a query, lower-case escapes', encodeURIComponent(secret).toLowerCase()],
    ['in a form', new URLSearchParams({ a: secret }).toString().slice(2)],
    ['in the password of a URL', Object.assign(new URL('http://u@h'), { password: secret }).password],
    ['in base64', Buffer.from(secret).toString('base64')],
    ['in base64 for URLs', Buffer.from(secret).toString('base64url')],
  ];
  test.each(spellings)('%s', (_, spelling) => {
    const { log, lines } = setUp({ secrets: [secret] });
    const cause = new Error(`in cause ${spelling}`);
    const err = new Error(`in message ${spelling}`, { cause });
    log.error(`in text ${spelling} end`, { field: spelling, deep: [{ [spelling]: `<${spelling}>` }], err });
    const [line] = lines();
    expect(JSON.stringify(line)).not.toContain(JSON.stringify(spelling).slice(1, -1));
    expect(line.msg).toBe('in text <secret> end');
    expect(line.field).toBe('<secret>');
    expect(line.deep).toEqual([{ '<secret>': '<<secret>>' }]);
    expect(line.err.message).toBe('in message <secret>');
    expect(line.err.stack).toContain('Error: in message <secret>\n    at ');
    expect(line.err.cause.message).toBe('in cause <secret>');
  });

  test('a connection URL also protects its password, however it is written there', () => {
    const { log, lines } = setUp({ secrets: ['postgres://user:p%40ss%20w@db:5432/app'] });
    log.error('failed', {
      a: 'postgres://user:p%40ss%20w@db:5432/app',
      b: 'password "p@ss w"',
      c: 'p%40ss%20w',
      d: 'p%40ss+w',
      e: 'user',
    });
    expect(lines()[0]).toMatchObject({
      a: '<secret>',
      b: 'password "<secret>"',
      c: '<secret>',
      d: '<secret>',
      e: 'user',
    });
  });

  test('that are words of the line do not break its shape', () => {
    const { log, written } = setUp({ secrets: ['info', 'level', 'time', '2026', 'reader', 'flow', 'msg'] });
    log.named('reader').info('info about flow', { port: 2026, flow: 'level' });
    expect(written).toEqual([
      '{"level":"info","time":"2026-01-02T03:04:05.000Z","logger":"reader","port":"<secret>","<secret>":"<secret>","msg":"<secret> about <secret>"}\n',
    ]);
  });

  test('of less than four characters go where they stand alone and in URLs, and leave other text readable', () => {
    const { log, lines } = setUp({ secrets: ['pw', 'postgres://u:a@db/app'] });
    log.info('a map of the pwned', { password: 'pw', url: 'postgres://u:pw@db', other: 'redis://u:a@db' });
    expect(lines()[0]).toMatchObject({
      msg: 'a map of the pwned',
      password: '<secret>',
      url: 'postgres://u:<secret>@db',
      other: 'redis://u:<secret>@db',
    });
  });

  test('that come later are protected from then on', () => {
    const { log, lines } = setUp();
    log.protect('hunter22');
    log.protect('');
    log.info('login with hunter22');
    expect(lines()[0].msg).toBe('login with <secret>');
  });

  test('never come through, wherever they stand', () => {
    const long = fc.string({ minLength: 4, maxLength: 30, unit: 'binary' });
    fc.assert(
      fc.property(long, fc.string(), fc.jsonValue(), (canary, around, other) => {
        fc.pre(!'level time logger flowgauge msg info <secret> 2026-01-02T03:04:05.000Z'.includes(canary));
        const { log, written } = setUp({ secrets: [canary], repeatMs: 0 });
        fc.pre(!JSON.stringify(other).includes(JSON.stringify(canary).slice(1, -1)));
        log.info(`${around} ${canary}`, { a: canary, b: { c: [`x${canary}`] }, other });
        const texts: string[] = [];
        JSON.parse(written[0] ?? '', (key, value) => {
          texts.push(key, String(value));
        });
        for (const text of texts) expect(text).not.toContain(canary);
        expect(written[0]?.endsWith('}\n')).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe('a repeated message', () => {
  test('is written once per ten seconds with the number held back', () => {
    const { log, lines, wait } = setUp();
    for (let n = 0; n < 30; n++) {
      log.warn('database unreachable', { attempt: n });
      wait(1_000);
    }
    const told = lines().map(({ time, attempt, suppressed }) => [time.slice(17, 19), attempt, suppressed]);
    expect(told).toEqual([
      ['05', 0, undefined],
      ['15', 10, 9],
      ['25', 20, 9],
    ]);
    expect(log.suppressedLines()).toBe(27);
  });

  test('is another one from another logger, on another level, or with another text', () => {
    const { log, lines } = setUp();
    log.warn('a');
    log.error('a');
    log.named('reader').warn('a');
    log.warn('b');
    expect(lines()).toHaveLength(4);
  });

  test('is written again at once when the clock steps back', () => {
    const { log, lines, wait } = setUp();
    log.warn('a');
    wait(-7_200_000);
    log.warn('a');
    expect(lines()).toHaveLength(2);
  });

  test('of the level fatal is always written', () => {
    const { log, lines } = setUp();
    log.fatal('giving up');
    log.fatal('giving up');
    expect(lines()).toHaveLength(2);
  });

  test('below the level is not counted', () => {
    const { log } = setUp();
    log.debug('a');
    log.debug('a');
    expect(log.suppressedLines()).toBe(0);
  });

  test('is remembered for a thousand messages, not for ever', () => {
    const { log, lines } = setUp();
    for (let n = 0; n < 1_000; n++) log.info(`message ${n}`);
    log.info('message 0');
    expect(lines()).toHaveLength(1_000);
    log.info('message 1000');
    log.info('message 0');
    expect(lines()).toHaveLength(1_002);
    log.info('message 2');
    expect(lines()).toHaveLength(1_002);
  });
});

describe('a host whose parts fail', () => {
  test('never hears of a stream that throws, at whichever line', () => {
    const full = () => {
      throw Object.assign(new Error('disk full'), { code: 'ENOSPC' });
    };
    const { log, written } = setUp({ stream: { write: full } });
    const hostile = {
      get bad() {
        return full();
      },
    };
    log.error('told to nobody', { err: new Error('x') });
    log.named('reader').fatal('told to nobody either', hostile);
    expect(written).toEqual([]);
  });

  test('has no trace id from a question that is answered later, and no stray error', async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown) => void unhandled.push(error);
    process.on('unhandledRejection', note);
    onTestFinished(() => void process.off('unhandledRejection', note));
    const later = async () => {
      throw new Error('no tracer');
    };
    const { log, lines } = setUp({ traceId: later as never });
    log.info('told');
    expect(lines()).toMatchObject([{ msg: 'told' }]);
    expect(lines()[0]).not.toHaveProperty('trace_id');
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([]);
  });
});
