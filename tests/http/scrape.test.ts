/** Checks the scrape's way through the face: headers in, body out whole or cut, any configured path. */

import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { rawSocket, startFace } from './face.js';

describe('the scrape', () => {
  test('gets the request headers and passes status, headers and body on', async () => {
    let accept: string | undefined;
    const { get } = await startFace({
      scrape: async (headers) => {
        accept = headers.accept;
        return {
          status: 503,
          headers: { 'Content-Type': 'text/plain', 'Content-Length': '5' },
          body: Buffer.from('busy\n'),
        };
      },
    });
    const { status, headers, text } = await get('/metrics', {
      headers: { accept: 'application/openmetrics-text' },
    });
    expect([status, headers['content-type'], headers['content-length'], text, accept]).toEqual([
      503,
      'text/plain',
      '5',
      'busy\n',
      'application/openmetrics-text',
    ]);
  });

  test('streams', async () => {
    const lines = Array.from({ length: 20_000 }, (_, n) => `series{n="${n}"} 1\n`);
    const { get } = await startFace({
      scrape: async () => ({ status: 200, headers: {}, body: Readable.from(lines) }),
    });
    expect((await get('/metrics')).text).toBe(lines.join(''));
  });

  test('whose stream breaks is cut off, so that a half never counts as a whole', async () => {
    async function* half() {
      yield 'series 1\n';
      throw new Error('broke off');
    }
    const { get, logs } = await startFace({
      scrape: async () => ({ status: 200, headers: {}, body: Readable.from(half()) }),
    });
    await expect(get('/metrics')).rejects.toThrow(/aborted|hang up|reset/);
    expect(logs.join('')).toContain('"msg":"answer broke off"');
  });

  test('is let go when the client goes away', async () => {
    let destroyed: (() => void) | undefined;
    const gone = new Promise<void>((resolve) => {
      destroyed = resolve;
    });
    const body = new Readable({
      read() {
        this.push('x'.repeat(1_000));
      },
      destroy(error, done) {
        destroyed?.();
        done(error);
      },
    });
    const { server, logs } = await startFace({ scrape: async () => ({ status: 200, headers: {}, body }) });
    const socket = await rawSocket(server, 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
    socket.once('data', () => socket.destroy());
    await gone;
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(logs).toEqual([]);
  });
});
