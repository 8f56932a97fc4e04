/** Owns the proof of how single values are spelt: durations, addresses, names, identifiers, connection strings. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDatabaseUrl } from '../../src/config/database-url.js';
import { formatDurationMs, parseDurationMs } from '../../src/config/duration.js';
import { isLoopback, parseListenAddress } from '../../src/config/listen-address.js';
import { parseIdentifier, parseMove, parseTableText } from '../../src/config/names.js';
import { didYouMean, editDistance, nearest } from '../../src/config/nearest.js';
import { parseExternalUrl, parseTelemetryPath } from '../../src/config/web-paths.js';

describe('durations', () => {
  it.each([
    ['500ms', 500],
    ['90s', 90_000],
    ['3m', 180_000],
    ['1h30m', 5_400_000],
    ['2d', 172_800_000],
    ['1d2h3m4s5ms', 93_784_005],
  ])('%s is %d ms', (text, expectedMs) => {
    expect(parseDurationMs(text)).toEqual({ ok: true, value: expectedMs });
  });

  it.each(['', ' ', '15', '0s', '-1s', '1.5h', '3 m', '30m1h', '1m1m', '1w', '1S', '3m ', '9999999999999d'])(
    '%j is refused',
    (text) => {
      expect(parseDurationMs(text).ok).toBe(false);
    },
  );

  it('are read back from their shortest spelling', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 * 86_400_000 }), (durationMs) => {
        expect(parseDurationMs(formatDurationMs(durationMs))).toEqual({ ok: true, value: durationMs });
      }),
    );
    expect(formatDurationMs(90_000)).toBe('1m30s');
  });
});

describe('listen addresses', () => {
  it.each([
    ['127.0.0.1:9877', '127.0.0.1', 9877, true],
    ['127.8.9.1:0', '127.8.9.1', 0, true],
    ['localhost:80', 'localhost', 80, true],
    ['[::1]:9877', '::1', 9877, true],
    ['[0:0:0:0:0:0:0:1]:9877', '0:0:0:0:0:0:0:1', 9877, true],
    ['[::ffff:127.0.0.1]:1', '::ffff:127.0.0.1', 1, true],
    ['[::]:9877', '::', 9877, false],
    [':9877', '::', 9877, false],
    ['0.0.0.0:9877', '0.0.0.0', 9877, false],
    ['10.0.0.1:9877', '10.0.0.1', 9877, false],
    ['127.0.0.1.example.org:9877', '127.0.0.1.example.org', 9877, false],
    ['localhost.example.org:1', 'localhost.example.org', 1, false],
    ['[::ffff:10.0.0.1]:1', '::ffff:10.0.0.1', 1, false],
  ])('%s', (text, host, port, loopback) => {
    expect(parseListenAddress(text)).toEqual({ ok: true, value: { host, port } });
    expect(isLoopback(host)).toBe(loopback);
  });

  it.each([
    '',
    '9877',
    '127.0.0.1',
    '::1:9877',
    '[::g]:1',
    'a b:1',
    '127.1:1',
    'h:65536',
    'h:-1',
    'http://h:1',
    '/s:1',
  ])('%j is refused', (text) => {
    expect(parseListenAddress(text).ok).toBe(false);
  });
});

describe('identifiers', () => {
  it('are kept exactly or refused, whatever they contain', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (name) => {
        const parsed = parseIdentifier(name);
        const fits =
          name !== '' &&
          !name.includes('\0') &&
          !/\p{Surrogate}/u.test(name) &&
          Buffer.byteLength(name) <= 63;
        expect(parsed.ok ? parsed.value : undefined).toBe(fits ? name : undefined);
      }),
      { numRuns: 2000 },
    );
  });

  it('of a table come apart at its one dot', () => {
    expect(parseTableText('public.tokens')).toEqual({
      ok: true,
      value: { schema: 'public', name: 'tokens' },
    });
    for (const text of ['tokens', 'a.b.c', '.b', 'a.', 'a. b', '"a".b', ''])
      expect(parseTableText(text).ok).toBe(false);
  });
});

describe('moves', () => {
  it.each([
    ['a>b', 'a>b'],
    [' в работе > готов ', 'в работе>готов'],
    ['none>a', 'none>a'],
    ['a>none', 'a>none'],
  ])('%j', (text, move) => expect(parseMove(text)).toEqual({ ok: true, value: move }));

  it.each(['', '>', 'a', 'a>', '>b', 'a>b>c', 'none>none', 'other>a', 'a>overflow', 'a\u0000>b'])(
    '%j is refused',
    (text) => expect(parseMove(text).ok).toBe(false),
  );
});

describe('connection strings', () => {
  it.each([
    'postgres://127.0.0.1/app',
    'postgresql://u:p%40%23@db.internal:5433/app?sslmode=require',
    'postgres://u@[::1]:5432/app',
    'postgres://u:p@a:5432,b:5433/app',
    'postgres://u:p@/app?host=/var/run/postgresql',
    'postgres:///app?host=/tmp',
    'postgres://u:p@%2Fvar%2Frun/app',
  ])('%s is kept as it is', (text) => {
    const parsed = parseDatabaseUrl(text);
    expect(parsed.ok && parsed.value.reveal()).toBe(text);
  });

  it.each([
    '',
    'app',
    'http://h/app',
    'postgres:/h/app',
    'postgres://u:p@h:0/app',
    'postgres://u:p@h:65536/app',
    'postgres://u:p@a,,b/app',
    'postgres://u:p@h/app#x',
    'postgres://u:a@b@h/app',
    'postgres://u:a/b@h/app',
    'postgres://u:a?b@h/app',
    'postgres://u:%@h/app',
    'postgres://u:p@h/a b',
  ])('%j is refused', (text) => expect(parseDatabaseUrl(text).ok).toBe(false));
});

describe('the guess for a mistyped name', () => {
  it('counts single steps, a swap of neighbours being one', () => {
    expect(editDistance('limits', 'limits')).toBe(0);
    expect(editDistance('limit', 'limits')).toBe(1);
    expect(editDistance('lmiits', 'limits')).toBe(1);
    expect(editDistance('', 'abc')).toBe(3);
    expect(editDistance('Statuses', 'status')).toBe(2);
  });

  it('takes the nearest, names all when they are few, and is quick on a pasted text', () => {
    expect(nearest('colum', ['values', 'column'])).toBe('column');
    expect(nearest('mint', ['status', 'mint_address'])).toBe('mint_address');
    expect(nearest('x'.repeat(1_000_000), ['values', 'column'])).toBe('values');
    expect(nearest('x', [])).toBeUndefined();
    expect(didYouMean('urk', ['url', 'url_file'])).toBe(
      'Did you mean url? Otherwise remove it; known: url, url_file',
    );
  });
});

describe('paths and addresses of the pages', () => {
  it.each(['/metrics', '/a/b-c_d.e~f', '/api2', '/healthz2'])('%j is a path for the metrics', (path) => {
    expect(parseTelemetryPath(path)).toEqual({ ok: true, value: path });
  });

  it.each([
    '',
    '/',
    'm',
    '/m/',
    '//m',
    '/m?x',
    '/m#x',
    '/a/../b',
    '/%6d',
    '/м',
    '/a b',
    '/m:x',
    '/{a}',
    '/*all',
    '/api/x',
    '/-/ready',
    '/openapi.json',
    '/runbooks/x',
    '/admin/x',
    '/healthz',
    '/-',
  ])('%j is none', (path) => expect(parseTelemetryPath(path).ok).toBe(false));

  it.each([
    ['https://x.example', 'https://x.example'],
    ['http://x.example:8080/gauge//', 'http://x.example:8080/gauge'],
  ])('%j is an external URL', (url, value) => expect(parseExternalUrl(url)).toEqual({ ok: true, value }));

  it.each(['', 'x.example', 'ftp://x', 'https://u@x', 'https://:p@x', 'https://x?a', 'https://x#a'])(
    '%j is no external URL',
    (url) => expect(parseExternalUrl(url).ok).toBe(false),
  );
});
