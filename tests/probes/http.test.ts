/** Owns the proof that HTTP services are judged by their answers, and that hostile ones cost no more than the timeout. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { freePort } from '../harness/ports.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';
import { ask, probeOf, said, writeSecret } from './asking.js';
import { type LocalServer, makeAuthority, startHttp, startTcp } from './servers.js';

const directory = scratchDirectory('probes');
afterAll(() => removeScratch(directory));

const started: LocalServer[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.stop()));
});

async function http(...args: Parameters<typeof startHttp>): Promise<number> {
  const server = await startHttp(...args);
  started.push(server);
  return server.port;
}

async function tcp(...args: Parameters<typeof startTcp>): Promise<number> {
  const server = await startTcp(...args);
  started.push(server);
  return server.port;
}

const httpKeys = (port: number, more = '') =>
  `kind: http, url: "http://127.0.0.1:${port}/health?key=canary-7f3a", timeout: 1s${more}`;

describe('a service that answers', () => {
  it('is well with any 2xx, and the time it took is told', async () => {
    const port = await http((_, response) => response.writeHead(204).end());
    const outcome = await ask(probeOf(httpKeys(port)));
    expect(said(outcome)).toBe('ok');
    expect(outcome.latencyMs).toBeGreaterThan(0);
    expect(outcome.facts).toEqual({});
  });

  it.each([
    [500, '', 'status: http://127.0.0.1:PORT answered 500 to the probe. Look at the log of the service.'],
    [401, '', 'auth: http://127.0.0.1:PORT answered 401 to the probe. Check the secret that is sent.'],
    [302, '', 'status: http://127.0.0.1:PORT answered 302 to the probe. Look at the log of the service.'],
    [404, ', expect_status: [404]', 'ok'],
    [
      200,
      ', expect_status: [204, 404]',
      'status: http://127.0.0.1:PORT answered 200, expected 204, 404. Look at the log of the service, or correct expect_status.',
    ],
  ])('status %i%s', async (status, more, expected) => {
    const port = await http((_, response) => response.writeHead(status, { location: '/' }).end('x'));
    expect(said(await ask(probeOf(httpKeys(port, more))))).toBe(expected.replace('PORT', String(port)));
  });

  it.each([
    [`, body_contains: '"status":"available"'`, 'ok'],
    [`, body_contains: "status: available"`, 'lacks what body_contains asks for'],
    [`, body_matches: '"status": ?"(ok|available)"'`, 'ok'],
    [`, body_matches: "^ok$"`, 'lacks what body_matches asks for'],
  ])('body%s', async (more, expected) => {
    const port = await http((_, response) => response.end('{"status":"available"}'));
    expect(said(await ask(probeOf(httpKeys(port, more))))).toContain(expected);
  });

  it('a pattern that would never end is given up', async () => {
    const port = await http((_, response) => response.end(`${'a'.repeat(60_000)}!`));
    const outcome = await ask(probeOf(httpKeys(port, ', body_matches: "^(a+)+$"')));
    expect(said(outcome)).toContain('body: ');
    expect(said(outcome)).toContain('body_matches could not be compared within 50 ms');
  });

  it('sends secret headers from files, read anew for each run', async () => {
    const seen: unknown[] = [];
    const port = await http((request, response) => {
      seen.push([request.method, request.headers.authorization, request.headers['x-api-key']]);
      response.end();
    });
    writeSecret(directory, 'token', 'first');
    writeSecret(directory, 'key', 'k1');
    const more = ', method: HEAD, bearer_token_file: token, header_files: {X-Api-Key: key}';
    const probe = probeOf(httpKeys(port, more), { directory });
    expect(said(await ask(probe))).toBe('ok');
    writeSecret(directory, 'token', 'second');
    expect(said(await ask(probe))).toBe('ok');
    expect(seen).toEqual([
      ['HEAD', 'Bearer first', 'k1'],
      ['HEAD', 'Bearer second', 'k1'],
    ]);
  });

  it('tells of a secret file that is gone or holds what no header may hold, without asking', async () => {
    let requests = 0;
    const port = await http((_, response) => {
      requests += 1;
      response.end();
    });
    const path = writeSecret(directory, 'odd', 'canary-91\nInjected: yes');
    const probe = probeOf(httpKeys(port, ', bearer_token_file: odd'), { directory });
    const outcome = said(await ask(probe));
    expect(outcome).toContain('auth: ');
    expect(outcome).toContain('the file of bearer_token_file holds more than one line');
    expect(outcome).not.toContain('canary');
    removeScratch(path);
    expect(said(await ask(probe))).toContain('bearer_token_file names');
    expect(requests).toBe(0);
  });
});

describe('a service that hangs, breaks or floods', () => {
  it.each<readonly [string, Parameters<typeof startTcp>[0], string]>([
    ['a black hole', () => {}, 'timeout'],
    ['a reset', (socket) => socket.resetAndDestroy(), 'unavailable'],
    ['an end without an answer', (socket) => socket.resume().end(), 'unavailable'],
    ['another protocol', (socket) => socket.write('220 mail.example.org ESMTP\r\n'), 'protocol'],
    [
      'a body that dribbles for ever',
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n');
        const timer = setInterval(() => socket.write('x'), 50);
        socket.on('close', () => clearInterval(timer));
      },
      'timeout',
    ],
    [
      'a body that is cut off',
      (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf'),
      'unavailable',
    ],
    [
      'headers without an end',
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\n');
        const timer = setInterval(() => socket.write(`x-more: ${'y'.repeat(1000)}\r\n`), 5);
        socket.on('close', () => clearInterval(timer));
      },
      'protocol',
    ],
  ])('%s', async (_what, serve, reason) => {
    const outcome = await ask(probeOf(httpKeys(await tcp(serve))));
    expect(outcome.success ? 'ok' : outcome.reason).toBe(reason);
  });

  it('a body without an end is read for 64 KiB and no further', async () => {
    const port = await tcp((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      const pour = () => {
        while (socket.writable && socket.write('z'.repeat(16_384)));
      };
      socket.on('drain', pour);
      pour();
    });
    expect(said(await ask(probeOf(httpKeys(port, ', body_contains: zzz'))))).toBe('ok');
    expect(said(await ask(probeOf(httpKeys(port, ', body_contains: canary'))))).toContain(
      'the first 64 KiB of the body',
    );
  });

  it('a port where nobody listens', async () => {
    const port = await freePort();
    expect(said(await ask(probeOf(httpKeys(port))))).toBe(
      `refused: http://127.0.0.1:${port} refused the connection (ECONNREFUSED). Check that the service runs and listens there.`,
    );
  });

  it('a name that nobody knows', async () => {
    const resolve = async () => {
      throw Object.assign(new Error('secret words of a resolver'), { code: 'ENOTFOUND' });
    };
    const probe = probeOf('kind: http, url: "http://no.such.name.invalid"', { resolve });
    expect(said(await ask(probe))).toBe(
      'dns: http://no.such.name.invalid has a name that cannot be looked up (ENOTFOUND). Check the host name and the DNS.',
    );
  });

  it('is left alone when we stop, and that is no failure of its own', async () => {
    const port = await tcp(() => {});
    const controller = new AbortController();
    const run = probeOf(httpKeys(port)).run(controller.signal);
    controller.abort();
    expect(said(await run)).toBe(`cancelled: The probe of http://127.0.0.1:${port} was ended from our side.`);
    expect(said(await probeOf(httpKeys(port)).run(controller.signal))).toContain('cancelled');
  });

  it('shows path and query to nobody', async () => {
    const ports = [
      await http((_, r) => r.writeHead(500).end()),
      await tcp((s) => s.resetAndDestroy()),
      await freePort(),
    ];
    for (const port of ports)
      expect(JSON.stringify(await ask(probeOf(httpKeys(port))))).not.toContain('canary');
  });
});

describe('TLS', () => {
  const authority = makeAuthority(directory);
  const names = 'DNS:localhost,IP:127.0.0.1';
  const soon = authority.issue('soon', names, yearsFromNow(1));
  const late = authority.issue('late', names, yearsFromNow(20));
  const expired = authority.issue('expired', names, '20210102030405Z');
  const other = authority.issue('other', 'DNS:somebody.else.example', yearsFromNow(1));
  const keys = (port: number, more = '') =>
    `kind: http, url: "https://localhost:${port}/", timeout: 2s${more}`;
  const ca = ', ca_file: ca.pem';
  const endOf = (file: string) => Date.parse(new X509Certificate(readFileSync(file)).validTo) / 1000;

  // The authority's own certificate ends ten years from now.
  it.each([
    ['its own', soon, soon.certificate],
    ['that of its authority', late, authority.file],
  ])('tells when the first certificate of the chain expires: %s', async (_whose, shown, first) => {
    const port = await http((_, response) => response.end(), shown);
    const outcome = await ask(probeOf(keys(port, ca), { directory }));
    expect(said(outcome)).toBe('ok');
    expect(outcome.facts.tlsExpirySeconds).toBe(endOf(first));
  });

  it.each([
    [
      'an authority that nobody knows',
      soon,
      '',
      /tls: .*(UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_GET_ISSUER_CERT_LOCALLY)/,
    ],
    ['an expired certificate', expired, ca, /tls: .*CERT_HAS_EXPIRED/],
    ['a certificate for another name', other, ca, /tls: .*ERR_TLS_CERT_ALTNAME_INVALID/],
  ])('%s', async (_what, certificate, more, expected) => {
    let requests = 0;
    const port = await http((_, response) => {
      requests += 1;
      response.end();
    }, certificate);
    const outcome = await ask(probeOf(keys(port, more), { directory }));
    expect(said(outcome)).toMatch(expected);
    expect(outcome.facts.tlsExpirySeconds).toBeGreaterThan(0);
    expect(requests).toBe(0);
  });

  it('an expired certificate still tells when that was', async () => {
    const port = await http((_, response) => response.end(), expired);
    const outcome = await ask(probeOf(keys(port, ca), { directory }));
    expect(outcome.facts.tlsExpirySeconds).toBe(Date.UTC(2021, 0, 2, 3, 4, 5) / 1000);
  });

  it('a service without TLS', async () => {
    const port = await http((_, response) => response.end());
    const outcome = await ask(probeOf(keys(port, ca), { directory }));
    expect(outcome.success ? 'ok' : outcome.reason).toBe('tls');
  });
});

/** A moment as openssl writes it. */
function yearsFromNow(years: number): string {
  return `${new Date().getUTCFullYear() + years}0102030405Z`;
}
