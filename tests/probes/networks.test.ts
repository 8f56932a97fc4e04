/** Owns the proof that probes reach only public addresses and listed networks, whatever names and redirects say. */
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { parseNetwork, refusalOf } from '../../src/config/networks.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';
import { ask, probeOf, said, writeSecret } from './asking.js';
import { type LocalServer, startHttp } from './servers.js';

const started: LocalServer[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.stop()));
});

async function server(...args: Parameters<typeof startHttp>): Promise<LocalServer> {
  const one = await startHttp(...args);
  started.push(one);
  return one;
}

describe('an address', () => {
  it.each([
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['::1', 'loopback'],
    ['0:0:0:0:0:0:0:1', 'loopback'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['::ffff:7f00:1', 'loopback'],
    ['::127.0.0.1', 'loopback'],
    ['64:ff9b::7f00:1', 'loopback'],
    ['2002:7f00:1::', 'loopback'],
    ['169.254.169.254', 'link-local'],
    ['::ffff:169.254.169.254', 'link-local'],
    ['::ffff:a9fe:a9fe', 'link-local'],
    ['64:ff9b::169.254.169.254', 'link-local'],
    ['2002:a9fe:a9fe::1', 'link-local'],
    ['fe80::1', 'link-local'],
    ['fe80::1%eth0', 'link-local'],
    ['febf::1', 'link-local'],
    ['10.0.0.1', 'private'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['fc00::1', 'private'],
    ['fd00:ec2::254', 'private'],
    ['0.0.0.0', 'unspecified'],
    ['::', 'unspecified'],
    ['224.0.0.1', 'multicast'],
    ['ff02::1', 'multicast'],
    ['192.0.0.170', 'reserved'],
    ['192.0.2.1', 'reserved'],
    ['198.18.0.1', 'reserved'],
    ['203.0.113.9', 'reserved'],
    ['240.0.0.1', 'reserved'],
    ['255.255.255.255', 'reserved'],
    ['2001:db8::1', 'reserved'],
    ['2001::1', 'reserved'],
    ['64:ff9b:1::1', 'reserved'],
    ['fec0::1', 'reserved'],
    ['100::1', 'reserved'],
    ['4000::1', 'reserved'],
    ['127.1', 'no address'],
    ['0177.0.0.1', 'no address'],
    ['2130706433', 'no address'],
    ['1.2.3.256', 'no address'],
    ['1::2::3', 'no address'],
    ['::ffff:127.0.0.01', 'no address'],
    ['', 'no address'],
  ])('%s is refused as %s', (address, kind) => {
    expect(refusalOf(address, [])).toContain(kind);
  });

  it.each([
    '1.1.1.1',
    '8.8.8.8',
    '172.15.0.1',
    '172.32.0.1',
    '100.128.0.1',
    '169.253.0.1',
    '2606:4700::1111',
    '::ffff:8.8.8.8',
  ])('%s is public', (address) => {
    expect(refusalOf(address, [])).toBeUndefined();
  });

  it('of a listed network may be asked, its neighbour not', () => {
    const allowed = [
      parseNetwork('10.20.0.0/15')!,
      parseNetwork('fd12:3456::/32')!,
      parseNetwork('127.0.0.1')!,
    ];
    for (const good of ['10.20.0.1', '10.21.255.255', '::ffff:10.20.0.1', 'fd12:3456::9', '127.0.0.1'])
      expect(refusalOf(good, allowed)).toBeUndefined();
    for (const bad of ['10.22.0.1', '10.19.255.255', 'fd12:3457::9', '127.0.0.2', '169.254.169.254'])
      expect(refusalOf(bad, allowed)).toBeDefined();
  });
});

describe('a target', () => {
  it.each([
    'http://127.0.0.1:PORT/',
    'http://2130706433:PORT/',
    'http://0x7f.1:PORT/',
    'http://0177.0.0.1:PORT/',
    'http://127.1:PORT/',
    'http://[::ffff:127.0.0.1]:PORT/',
    'http://localhost:PORT/',
  ])('%s gets no byte unless its network is listed', async (address) => {
    const one = await server((_, response) => response.end());
    const keys = `kind: http, url: "${address.replace('PORT', String(one.port))}", timeout: 2s`;
    const refused = said(await ask(probeOf(keys, { networks: '' })));
    expect(refused).toContain('refused: ');
    expect(refused).toContain('that probes.allow_networks does not list, so nothing was sent');
    expect(one.accepted()).toBe(0);
    expect(said(await ask(probeOf(keys)))).toBe('ok');
  });

  it.each([
    ['redis', 'kind: redis, url: "redis://127.0.0.1:PORT"'],
    ['redis by number', 'kind: redis, url: "redis://2130706433:PORT"'],
    ['alertmanager', 'kind: alertmanager, url: "http://127.0.0.1:PORT"'],
    ['prometheus', 'kind: prometheus, url: "http://127.0.0.1:PORT"'],
    ['postgres', 'kind: postgres, url: "postgres://a@127.0.0.1:PORT/b"'],
  ])('of kind %s likewise', async (_what, keys) => {
    const one = await server((_, response) => response.end());
    const outcome = await ask(probeOf(keys.replace('PORT', String(one.port)), { networks: '' }));
    expect(outcome.success ? 'ok' : outcome.reason).toBe('refused');
    expect(one.accepted()).toBe(0);
  });

  it('is refused as a whole when one of its addresses may not be asked', async () => {
    const one = await server((_, response) => response.end());
    const keys = `kind: http, url: "http://mixed.example:${one.port}/", timeout: 2s`;
    const resolve = async () => ['127.0.0.1', '169.254.169.254'];
    expect(said(await ask(probeOf(keys, { resolve })))).toContain(
      'leads to 169.254.169.254, a link-local address',
    );
    expect(one.accepted()).toBe(0);
  });

  it('whose name changes between look-ups is asked at the address that was checked', async () => {
    const one = await server((_, response) => response.end());
    let lookups = 0;
    const resolve = async () => {
      lookups += 1;
      return lookups % 2 === 1 ? ['127.0.0.1'] : ['169.254.169.254'];
    };
    const probe = probeOf(`kind: http, url: "http://rebinding.example:${one.port}/", timeout: 2s`, {
      resolve,
    });
    expect(said(await ask(probe))).toBe('ok');
    expect([lookups, one.accepted()]).toEqual([1, 1]);
    expect(said(await ask(probe))).toContain('refused: ');
    expect([lookups, one.accepted()]).toEqual([2, 1]);
  });

  it('with a second address is asked there when nobody listens at the first', async () => {
    const one = await server((_, response) => response.end());
    const resolve = async () => ['127.0.0.2', '127.0.0.1'];
    const probe = probeOf(`kind: http, url: "http://two.example:${one.port}/", timeout: 2s`, { resolve });
    expect(said(await ask(probe))).toBe('ok');
  });
});

describe('a redirect', () => {
  const keys = (port: number, redirects: number) =>
    `kind: http, url: "http://127.0.0.1:${port}/", timeout: 2s, redirects: ${redirects}`;
  const redirecting = (location: string) =>
    server((_, response) => response.writeHead(302, { location }).end());

  it('is not followed unless asked', async () => {
    const inner = await server((_, response) => response.end());
    const outer = await redirecting(`http://127.0.0.1:${inner.port}/`);
    expect(said(await ask(probeOf(keys(outer.port, 0))))).toContain('answered 302');
    expect(inner.accepted()).toBe(0);
    expect(said(await ask(probeOf(keys(outer.port, 1))))).toBe('ok');
    expect(inner.accepted()).toBe(1);
  });

  it.each([
    ['http://169.254.169.254/latest/meta-data/', 'leads to 169.254.169.254, a link-local address'],
    ['http://[::ffff:169.254.169.254]/', 'a link-local address'],
    ['http://10.0.0.1/', 'leads to 10.0.0.1, a private address'],
    ['file:///etc/passwd', 'redirects to what is no http address'],
    ['http://user:canary@127.0.0.1/', 'redirects to what is no http address'],
    ['http://', 'redirects to what is no http address'],
  ])('to %s ends there', async (location, expected) => {
    const outer = await redirecting(location);
    const outcome = said(await ask(probeOf(keys(outer.port, 3))));
    expect(outcome).toContain(expected);
    expect(outcome).not.toContain('canary');
  });

  it('carries a secret to the same origin only', async () => {
    const directory = scratchDirectory('probes');
    onTestFinished(() => removeScratch(directory));
    writeSecret(directory, 'token', 'canary-3c1');
    const seen: unknown[] = [];
    const inner = await server((request, response) => {
      seen.push(['inner', request.headers.authorization]);
      response.end();
    });
    const outer = await server((request, response) => {
      seen.push([request.url, request.headers.authorization]);
      const location = request.url === '/' ? '/second' : `http://127.0.0.1:${inner.port}/`;
      response.writeHead(307, { location }).end();
    });
    const probe = probeOf(`${keys(outer.port, 2)}, bearer_token_file: token`, { directory });
    expect(said(await ask(probe))).toBe('ok');
    expect(seen).toEqual([
      ['/', 'Bearer canary-3c1'],
      ['/second', 'Bearer canary-3c1'],
      ['inner', undefined],
    ]);
  });

  it('in a circle is followed as often as allowed', async () => {
    const outer = await redirecting('/again');
    expect(said(await ask(probeOf(keys(outer.port, 2))))).toContain('answered 302');
    expect(outer.accepted()).toBe(3);
  });
});
