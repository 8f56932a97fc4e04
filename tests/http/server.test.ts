/** Checks the listening socket with real connections: addresses, slow and many clients, and an end that cuts no answer. */

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { EventEmitter } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { describe, expect, onTestFinished, test } from 'vitest';
import { listen } from '../../src/http/server.js';
import { ask, rawSocket, startFace, untilEnd } from './face.js';

const plain = { host: '127.0.0.1', port: 0 };

describe('the address', () => {
  test('is told as it is bound, with a link that opens', async () => {
    const { server, get } = await startFace();
    expect(server.address).toMatch(/^127\.0\.0\.1:[1-9][0-9]*$/);
    expect(server.url).toBe(`http://${server.address}`);
    expect((await get('/healthz')).status).toBe(200);
  });

  test('of every interface gets a link to this machine', async () => {
    const { server } = await startFace({}, { host: '0.0.0.0' });
    expect(server.address).toMatch(/^0\.0\.0\.0:/);
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:/);
    expect((await ask(server, { path: '/healthz' })).text).toBe('alive\n');
  });

  test('in use is refused with the address and the flag to change', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void other.close());
    const { port } = other.address() as AddressInfo;
    await expect(listen(() => {}, { host: '127.0.0.1', port })).rejects.toMatchObject({
      name: 'ListenError',
      code: 'ADDRESS_IN_USE',
      message: `cannot listen on 127.0.0.1:${port}: another process has this address. Stop it, or choose another address with --web.listen-address`,
    });
  });

  test('of another machine is refused', async () => {
    await expect(listen(() => {}, { host: '192.0.2.1', port: 0 })).rejects.toMatchObject({
      code: 'ADDRESS_NOT_HERE',
      message:
        'cannot listen on 192.0.2.1:0: this machine has no such address. Choose 127.0.0.1 or an address of this machine with --web.listen-address',
    });
  });

  test('without a host is refused, because it would mean every interface', async () => {
    await expect(listen(() => {}, { host: '', port: 0 })).rejects.toMatchObject({ code: 'ADDRESS_INVALID' });
  });
});

describe('hostile clients', () => {
  test('a thousand idle sockets leave the health endpoint answering', async () => {
    const { server, get } = await startFace();
    for (let batch = 0; batch < 10; batch++) {
      await Promise.all(
        Array.from({ length: 100 }, (_, n) => rawSocket(server, n % 2 === 0 ? '' : 'GET / HTTP/1.1\r\nHo')),
      );
    }
    for (let n = 0; n < 20; n++) expect((await get('/-/healthy')).text).toBe('alive\n');
  });

  test('headers over 8 KiB are refused', async () => {
    const { get } = await startFace();
    expect((await get('/healthz', { headers: { 'x-long': 'x'.repeat(9_000) } })).status).toBe(431);
    expect((await get('/healthz', { headers: { 'x-long': 'x'.repeat(7_000) } })).status).toBe(200);
  });

  test('half a request and none at all are ended by the server', async () => {
    const { server } = await startFace({}, { headersTimeoutMs: 100 });
    const half = untilEnd(await rawSocket(server, 'GET / HTTP/1.1\r\nHo'));
    const none = untilEnd(await rawSocket(server, ''));
    expect(await half).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    expect(await none).toMatch(/^(HTTP\/1\.1 408 Request Timeout\r\n|$)/);
  });

  test('a client that asks and never reads loses its socket, and the scrape is let go', async () => {
    let letGo: (() => void) | undefined;
    const released = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const body = new Readable({
      read() {
        this.push(Buffer.alloc(65_536, 'x'));
      },
      destroy(error, done) {
        letGo?.();
        done(error);
      },
    });
    const { server } = await startFace(
      { scrape: async () => ({ status: 200, headers: {}, body }) },
      { idleSocketMs: 200 },
    );
    const socket = await rawSocket(server, 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
    socket.pause();
    await released;
  });

  test('more connections than the bound are refused, and room is made when one goes', async () => {
    const { server, get } = await startFace({}, { maxConnections: 2 });
    const first = await rawSocket(server, '');
    await rawSocket(server, '');
    await expect(get('/healthz')).rejects.toThrow();
    first.destroy();
    await expect
      .poll(() =>
        get('/healthz').then(
          ({ text }) => text,
          () => 'refused',
        ),
      )
      .toBe('alive\n');
  });
});

test('trouble with no request, such as no descriptor for a new connection, is told and does not end the process', async () => {
  const told: string[] = [];
  const { get } = await startFace(
    {
      scrape: async () => {
        server?.emit('error', new Error('accept EMFILE'));
        return { status: 200, headers: {}, body: 'up 1\n' };
      },
    },
    { onError: (error) => told.push(error.message) },
  );
  let server: EventEmitter | undefined;
  const hook = (message: unknown) => {
    server = (message as { server: EventEmitter }).server;
  };
  subscribe('http.server.request.start', hook);
  onTestFinished(() => void unsubscribe('http.server.request.start', hook));
  expect([(await get('/metrics')).text, told]).toEqual(['up 1\n', ['accept EMFILE']]);
});

describe('closing', () => {
  test('ends idle connections at once, although an answer is under way', async () => {
    let begun: (() => void) | undefined;
    const asked = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const { server } = await startFace({
      scrape: () => {
        begun?.();
        return new Promise(() => {});
      },
    });
    const idle = await rawSocket(server, 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    await new Promise((resolve) => idle.once('data', resolve));
    await rawSocket(server, 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
    await asked;
    const ended = untilEnd(idle);
    const closed = server.close(500);
    expect(await Promise.race([ended.then(() => 'idle ended'), closed.then(() => 'all closed')])).toBe(
      'idle ended',
    );
    await closed;
  });

  test('does not wait for half-sent requests, idle connections or silent sockets', async () => {
    const { server } = await startFace();
    const sockets = [
      await rawSocket(server, 'GET /metrics HTTP/1.1\r\nHost:'),
      await rawSocket(server, 'POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf'),
      await rawSocket(server, ''),
    ];
    const kept = await rawSocket(server, 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    await new Promise((resolve) => kept.once('data', resolve));
    const ends = [...sockets, kept].map(untilEnd);
    // A deadline that would outlast the test shows that it was not the deadline that ended them.
    await server.close(2_000_000);
    await Promise.all(ends);
    await expect(ask(server, { path: '/healthz' })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('lets an answer under way come whole, even to a slow reader', async () => {
    const lines = Array.from({ length: 50_000 }, (_, n) => `series{n="${n}"} 1\n`);
    let begun: (() => void) | undefined;
    const asked = new Promise<void>((resolve) => {
      begun = resolve;
    });
    let release: (() => void) | undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { server } = await startFace({
      scrape: async () => {
        begun?.();
        await held;
        return { status: 200, headers: {}, body: Readable.from(lines) };
      },
    });
    const socket = await rawSocket(server, 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
    const answer = untilEnd(socket);
    await asked;
    const closed = server.close(2_000_000);
    socket.pause();
    release?.();
    setImmediate(() => socket.resume());
    const text = await answer;
    await closed;
    expect(text.slice(0, text.indexOf('\r\n\r\n'))).toContain('Connection: close');
    const chunks = text.slice(text.indexOf('\r\n\r\n') + 4);
    expect(chunks.endsWith('\r\n0\r\n\r\n')).toBe(true);
    expect(chunks.replace(/(^|\r\n)[0-9a-f]+\r\n/g, '').trimEnd()).toBe(lines.join('').trimEnd());
  });

  test('cuts an answer that outlasts the deadline, and can be asked for twice', async () => {
    let begun: (() => void) | undefined;
    const asked = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const { server } = await startFace({
      scrape: () => {
        begun?.();
        return new Promise(() => {});
      },
    });
    const answer = untilEnd(await rawSocket(server, 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'));
    await asked;
    await Promise.all([server.close(10), server.close(10)]);
    expect(await answer).toBe('');
  });

  test('of a server that nobody called is done', async () => {
    const server = await listen(() => {}, plain);
    await server.close(2_000_000);
  });
});
