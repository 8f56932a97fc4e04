/** Checks error answers: unknown paths, wrong methods, failing parts; each tells what to do and nothing of our insides. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rawSocket, SECURITY, startFace, untilEnd } from './face.js';

const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

describe('errors', () => {
  test.each([
    '/x',
    '//metrics',
    '/metrics/',
    '/METRICS',
    '/%6detrics',
    '/api',
    '/api/flows/',
    '/Api/flows',
    '/api/flows/tokens/',
    '/../etc/passwd',
    '/admin',
  ])('%s is not found', async (path) => {
    const { get } = await startFace();
    const { status, headers, text } = await get(path);
    expect([status, JSON.parse(text)]).toEqual([
      404,
      {
        type: 'about:blank',
        status: 404,
        title: 'Not Found',
        code: 'NOT_FOUND',
        detail: 'nothing is served at this path',
        remedy: 'open / for a list of what is',
      },
    ]);
    expect(headers).toMatchObject({ ...SECURITY, 'content-type': PROBLEM_TYPE });
  });

  test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND'])(
    '%s is not allowed on any route',
    async (method) => {
      const { get } = await startFace();
      for (const path of [
        '/',
        '/metrics',
        '/-/healthy',
        '/readyz',
        '/api/flows',
        '/api/flows/tokens',
        '/api/flows/tokens/stuck',
      ]) {
        const { status, headers, text } = await get(path, {
          method,
          headers: { 'x-http-method-override': 'GET' },
          body: 'x',
        });
        expect([path, status, headers.allow, headers['content-type']]).toEqual([
          path,
          405,
          'GET, HEAD',
          PROBLEM_TYPE,
        ]);
        expect(JSON.parse(text)).toEqual({
          type: 'about:blank',
          status: 405,
          title: 'Method Not Allowed',
          code: 'METHOD_NOT_ALLOWED',
          detail: 'this path cannot be used with this method',
          remedy: 'use GET or HEAD',
        });
      }
    },
  );

  test('a body that nobody reads ends the connection instead of being received for ever', async () => {
    const { server } = await startFace();
    const head = 'POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n';
    const answer = await untilEnd(await rawSocket(server, head));
    expect(answer).toMatch(/^HTTP\/1\.1 405 Method Not Allowed\r\n/);
    expect(answer.toLowerCase()).toContain('\r\nconnection: close\r\n');
  });

  test('a name with a broken escape is a bad request', async () => {
    const { get } = await startFace();
    const { status, text } = await get('/api/flows/%E0%A4');
    expect([status, JSON.parse(text)]).toEqual([
      400,
      {
        type: 'about:blank',
        status: 400,
        title: 'Bad Request',
        code: 'BAD_PATH',
        detail: 'the path has a % that does not begin an escape of valid UTF-8',
        remedy: 'write a % in a name as %25',
      },
    ]);
  });

  const failing = ['/', '/metrics', '/api/flows', '/api/flows/tokens', '/api/flows/tokens/stuck'];
  test.each(failing)(
    'a failing %s tells an id and nothing else, and the log tells the rest',
    async (path) => {
      const fail = () => {
        throw Object.assign(new Error('cannot read /var/lib/flowgauge/x'), {
          status: 418,
          headers: { 'x-leak': 'yes' },
        });
      };
      const { get, logs } = await startFace({ flows: fail, scrape: fail });
      const { status, headers, text } = await get(path);
      expect([status, JSON.parse(text)]).toEqual([
        500,
        {
          type: 'about:blank',
          status: 500,
          title: 'Internal Server Error',
          code: 'INTERNAL',
          detail: 'the request failed for a reason that is not yours',
          remedy: 'look in the log for this request_id, or for `request failed` at this time',
          request_id: 'request-1',
        },
      ]);
      expect(headers).toMatchObject({ ...SECURITY, 'content-type': PROBLEM_TYPE });
      expect(headers).not.toHaveProperty('x-leak');
      const [line] = logs.map((written) => JSON.parse(written));
      expect(line).toMatchObject({
        level: 'error',
        logger: 'http',
        msg: 'request failed',
        request_id: 'request-1',
        path,
      });
      expect(line.err.message).toBe('cannot read /var/lib/flowgauge/x');
    },
  );

  test('things thrown that are no errors are answered alike', async () => {
    for (const thrown of [undefined, null, 'text', 0, {}]) {
      const { get } = await startFace({ scrape: () => Promise.reject(thrown) });
      const { status, text } = await get('/metrics');
      expect([status, JSON.parse(text).code]).toEqual([500, 'INTERNAL']);
    }
  });

  test('no answer to any target has a stack, a file name or a 5xx in it', async () => {
    const { get } = await startFace();
    const part = fc.constantFrom(
      '/',
      '/api',
      '/flows',
      '/tokens',
      '/stuck',
      '?limit=',
      '%',
      '%00',
      '..',
      '/-',
      '/ready',
      '&',
      '#',
      '__proto__',
      '[]',
      'ÿ',
    );
    const target = fc
      .array(fc.oneof(part, fc.webPath(), fc.webQueryParameters()))
      .map((parts) => `/${parts.join('')}`);
    await fc.assert(
      fc.asyncProperty(target, async (path) => {
        const { status, text } = await get(encodeURI(path).replaceAll('%25', '%'));
        expect(status).toBeLessThan(500);
        expect(text).not.toMatch(/node_modules|\.[tj]s\b|\n\s+at /);
      }),
      { numRuns: 150 },
    );
  });
});
