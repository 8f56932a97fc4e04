/** Proves with real certificates who may shake hands, and that a withdrawn one ends what it had opened. */
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { loadWebFile } from '../../src/config/web-file.js';
import type { HttpDeps } from '../../src/http/deps.js';
import type { Listening } from '../../src/http/server.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';
import { type Certificate, makeAuthority } from '../probes/servers.js';
import { startFace, untilEnd } from './face.js';

const folder = scratchDirectory('tls');
afterAll(() => removeScratch(folder));
const authority = (name: string) => {
  mkdirSync(join(folder, name));
  return makeAuthority(join(folder, name));
};
const [ours, theirs] = [authority('ours'), authority('theirs')];
const ends = `${new Date().getUTCFullYear() + 1}0102030405Z`;
const server = ours.issue('server', 'IP:127.0.0.1', ends);
const renewed = ours.issue('renewed', 'IP:127.0.0.1', ends);
const prometheus = ours.issue('prometheus', 'DNS:prometheus.example', ends);
const curious = ours.issue('curious', 'DNS:curious.example', ends);
const stranger = theirs.issue('stranger', 'DNS:prometheus.example', ends);

/** What the web configuration file says with this certificate, these names and this authority of clients. */
function settings(shown: Certificate, names: readonly string[], clientCa = ours.file) {
  chmodSync(shown.key, 0o600);
  const path = join(folder, 'web.yml');
  writeFileSync(
    path,
    `tls_server_config:
  cert_file: ${shown.certificate}
  key_file: ${shown.key}
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ${clientCa}
  client_allowed_sans: [${names}]
`,
  );
  return loadWebFile(path).tls!;
}

const ALLOWED = ['prometheus.example'];
const start = (over: Partial<HttpDeps> = {}) => startFace(over, { tls: settings(server, ALLOWED) });

const shownBy = (client: Certificate | undefined) => ({
  ca: readFileSync(ours.file),
  ...(client === undefined ? {} : { key: readFileSync(client.key), cert: readFileSync(client.certificate) }),
});

/** A client that keeps its connection; it gets a status and the serial number of the server's certificate, or an error. */
function clientOf(listening: Listening, certificate: Certificate | undefined) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ...shownBy(certificate) });
  onTestFinished(() => agent.destroy());
  return (path = '/metrics') =>
    new Promise<{ status: number; serial: string; text: string; connection: string | undefined }>(
      (resolve, reject) => {
        const sent = request(`${listening.url}${path}`, { agent }, (answer) => {
          const serial = (answer.socket as TLSSocket).getPeerCertificate().serialNumber;
          let text = '';
          answer.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk;
          });
          answer.on('error', reject);
          answer.on('end', () =>
            resolve({ status: answer.statusCode!, serial, text, connection: answer.headers.connection }),
          );
        });
        sent.on('error', reject);
        sent.end();
      },
    );
}

/** A bare connection with a finished handshake, on a socket of its own or on the given one. */
async function shakeHands(listening: Listening, more: ConnectionOptions = {}): Promise<TLSSocket> {
  const { port } = new URL(listening.url);
  const socket = connect({ host: '127.0.0.1', port: Number(port), ...shownBy(prometheus), ...more });
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  await Promise.race([once(socket, 'secureConnect'), once(socket, 'close')]).catch(() => {});
  return socket;
}

const GET = 'GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n';

/** What still comes after this was sent. */
function sayAndHear(socket: TLSSocket, text: string): Promise<string> {
  const heard = socket.destroyed ? Promise.resolve('') : untilEnd(socket);
  socket.end(text);
  return heard;
}

describe('a client', () => {
  it('comes in with a certificate of our authority that has an allowed name, and with no other', async () => {
    const { server: listening } = await start();
    expect((await clientOf(listening, prometheus)()).status).toBe(200);
    for (const other of [curious, stranger, undefined])
      await expect(clientOf(listening, other)()).rejects.toThrow();
  });

  it('that may any name needs only the authority', async () => {
    const { server: listening } = await startFace({}, { tls: settings(server, []) });
    expect((await clientOf(listening, curious)()).status).toBe(200);
    await expect(clientOf(listening, stranger)()).rejects.toThrow();
  });
});

describe('a withdrawn certificate', () => {
  it.each([
    ['by its name', () => settings(server, ['other.example'])],
    ['by its authority', () => settings(server, ALLOWED, theirs.file)],
  ])('%s loses the connections that it had opened', async (_how, next) => {
    const { server: listening } = await start();
    const [kept, silent] = [clientOf(listening, prometheus), await shakeHands(listening)];
    expect((await kept()).status).toBe(200);
    listening.renewTls(next());
    await expect(kept()).rejects.toThrow();
    expect(await sayAndHear(silent, GET)).toBe('');
  });

  it('cannot come back by the ticket of an earlier visit', async () => {
    const { server: listening } = await start();
    const first = await shakeHands(listening);
    const ticket = once(first, 'session');
    expect(await sayAndHear(first, GET)).toContain('up 1');
    const [session] = (await ticket) as [Buffer];
    const again = await shakeHands(listening, { session });
    expect([again.isSessionReused(), await sayAndHear(again, GET)]).toEqual([
      true,
      expect.stringContaining('up 1'),
    ]);
    listening.renewTls(settings(server, ALLOWED, theirs.file));
    const late = await shakeHands(listening, { session });
    expect(await sayAndHear(late, GET)).toBe('');
  });

  it('cannot finish a handshake that it had begun', async () => {
    const { server: listening } = await start();
    const tcp = connectTcp({ host: '127.0.0.1', port: Number(new URL(listening.url).port) });
    tcp.on('error', () => {});
    onTestFinished(() => void tcp.destroy());
    await once(tcp, 'connect');
    // A later connection is answered, so this one was taken.
    expect((await clientOf(listening, prometheus)()).status).toBe(200);
    listening.renewTls(settings(server, ALLOWED, theirs.file));
    const late = await shakeHands(listening, { socket: tcp });
    expect(await sayAndHear(late, GET)).toBe('');
  });
});

describe('an answer that is under way at a renewal', () => {
  it('comes whole, and its connection ends after it', async () => {
    const gate = { open: () => {}, begun: () => {} };
    const held = new Promise<void>((resolve) => {
      gate.open = resolve;
    });
    const begun = new Promise<void>((resolve) => {
      gate.begun = resolve;
    });
    const { server: listening } = await start({
      scrape: async () => {
        gate.begun();
        await held;
        return { status: 200, headers: {}, body: 'up 1\n' };
      },
    });
    const get = clientOf(listening, prometheus);
    const answer = get();
    await begun;
    listening.renewTls(settings(server, ['other.example']));
    gate.open();
    expect(await answer).toMatchObject({ status: 200, text: 'up 1\n', connection: 'close' });
    await expect(get()).rejects.toThrow();
  });

  it('comes whole although its head was sent before', async () => {
    const body = new Readable({ read() {} });
    const { server: listening } = await start({ scrape: async () => ({ status: 200, headers: {}, body }) });
    const socket = await shakeHands(listening);
    const all = untilEnd(socket);
    socket.write('GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    body.push('up 1\n');
    await once(socket, 'data');
    listening.renewTls(settings(server, ['other.example']));
    body.push('up 2\n');
    body.push(null);
    // It would wait for a next request otherwise, and the test with it.
    expect(await all).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*up 1\n[\s\S]*up 2\n[\s\S]*\r\n0\r\n\r\n$/);
  });
});

it('a renewed certificate is shown to every connection from then on', async () => {
  const { server: listening } = await start();
  const get = clientOf(listening, prometheus);
  const before = (await get()).serial;
  listening.renewTls(settings(renewed, ALLOWED));
  // The kept connection is gone; whoever had it comes anew.
  const after = await get().catch(() => get());
  expect([after.status, after.serial === before]).toEqual([200, false]);
});
