/** Owns the proof that a real Redis is judged rightly: open, locked, loading, frozen, gone, and behind TLS. */
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { encodeCommand, readReply } from '../../src/probes/resp.js';
import { eventually } from '../harness/exporter.js';
import { type RedisServer, startRedis } from '../harness/redis.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';
import { ask, probeOf, said, writeSecret } from './asking.js';
import { makeAuthority, startTcp } from './servers.js';

const directory = scratchDirectory('probes');
afterAll(() => removeScratch(directory));

const keys = (port: number, more = '') => `kind: redis, url: "redis://127.0.0.1:${port}", timeout: 2s${more}`;

async function running(settings: Readonly<Record<string, string>> = {}): Promise<RedisServer> {
  const redis = await startRedis(settings);
  onTestFinished(() => redis.stop());
  return redis;
}

describe('a Redis that lets us in', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis({ maxmemory: '64mb' });
  });
  afterAll(() => redis.stop());

  it('tells of its memory and its cache', async () => {
    redis.cli('set', 'a', '1');
    for (const key of ['a', 'a', 'a', 'b']) redis.cli('get', key);
    const outcome = await ask(probeOf(keys(redis.port)));
    expect(said(outcome)).toBe('ok');
    expect(outcome.facts).toMatchObject({
      redisMemoryMaxBytes: 64 * 1024 * 1024,
      redisKeyspaceHits: 3,
      redisKeyspaceMisses: 1,
    });
    expect(outcome.facts.redisMemoryUsedBytes).toBeGreaterThan(500_000);
  });

  it('that is frozen', async () => {
    redis.freeze();
    onTestFinished(() => redis.thaw());
    expect(said(await ask(probeOf(keys(redis.port))))).toBe(
      `timeout: redis://127.0.0.1:${redis.port} had no answer within 2000 ms. Check whether it hangs, or raise the timeout of the probe.`,
    );
    redis.thaw();
    expect(said(await ask(probeOf(keys(redis.port))))).toBe('ok');
  });

  it('that has no password is not asked with one', async () => {
    writeSecret(directory, 'password', 'canary-5d2');
    const outcome = said(await ask(probeOf(keys(redis.port, ', password_file: password'), { directory })));
    expect(outcome).toContain('auth: ');
    expect(outcome).not.toContain('canary');
  });
});

describe('a Redis with a password', () => {
  it.each([
    ['canary-right-81', '', 'ok'],
    ['canary-wrong-81', '', 'auth: redis://127.0.0.1:PORT does not let us in (WRONGPASS).'],
    ['canary-user-pass', ', username: monitor', 'ok'],
    [
      'canary-right-81',
      ', username: monitor',
      'auth: redis://127.0.0.1:PORT does not let us in (WRONGPASS).',
    ],
    ['canary-limited', ', username: limited', 'ok'],
    ['canary-mute', ', username: mute', 'auth: redis://127.0.0.1:PORT does not let us in (NOPERM).'],
  ])('%s%s', async (password, more, expected) => {
    const redis = await running({ requirepass: 'canary-right-81' });
    redis.cli(
      '-a',
      'canary-right-81',
      '--no-auth-warning',
      'acl',
      'setuser',
      'monitor',
      'on',
      '>canary-user-pass',
      '+ping',
      '+info',
    );
    redis.cli(
      '-a',
      'canary-right-81',
      '--no-auth-warning',
      'acl',
      'setuser',
      'limited',
      'on',
      '>canary-limited',
      '+ping',
    );
    redis.cli(
      '-a',
      'canary-right-81',
      '--no-auth-warning',
      'acl',
      'setuser',
      'mute',
      'on',
      '>canary-mute',
      '-@all',
    );
    writeSecret(directory, 'pw', password);
    const outcome = await ask(probeOf(keys(redis.port, `, password_file: pw${more}`), { directory }));
    expect(said(outcome)).toContain(expected.replace('PORT', String(redis.port)));
    expect(JSON.stringify(outcome)).not.toContain('canary');
    // Who may PING but not INFO is well; only the numbers are missing.
    if (more.includes('limited')) expect(outcome.facts.redisMemoryUsedBytes).toBeUndefined();
  });

  it('asked without one', async () => {
    const redis = await running({ requirepass: 'canary-right-81' });
    expect(said(await ask(probeOf(keys(redis.port))))).toContain('does not let us in (NOAUTH)');
  });

  it('takes a password with blanks, quotes and line ends inside as one word', () => {
    expect(encodeCommand(['AUTH', 'a b\r\n"ü'])).toBe('*2\r\n$4\r\nAUTH\r\n$8\r\na b\r\n"ü\r\n');
  });
});

describe('a Redis that cannot work', () => {
  it('is loading its data', async () => {
    const first = await running({ 'enable-debug-command': 'local' });
    first.cli('debug', 'populate', '20000');
    expect(first.cli('save')).toBe('OK');
    const redis = await running({
      dir: join(first.directory, 'data'),
      'key-load-delay': '500',
      'loading-process-events-interval-bytes': '1024',
    });
    expect(said(await ask(probeOf(keys(redis.port))))).toBe(
      `unavailable: redis://127.0.0.1:${redis.port} is loading its data (LOADING). It answers when it is done.`,
    );
    await eventually(
      async () => said(await ask(probeOf(keys(redis.port)))),
      (text) => text === 'ok',
      40_000,
    );
  });

  it('has no place for another client', async () => {
    const redis = await running({ maxclients: '1' });
    await eventually(
      async () => {
        // Anew each time: the first one may be turned away itself, while the harness' own connection still counts.
        const holder = connect(redis.port, '127.0.0.1');
        holder.on('error', () => {});
        onTestFinished(() => void holder.destroy());
        return said(await ask(probeOf(keys(redis.port))));
      },
      (text) => text.includes('unavailable: ') && text.includes('(MAXCLIENTS)'),
    );
  });

  it('was ended', async () => {
    const redis = await startRedis();
    await redis.stop();
    expect(said(await ask(probeOf(keys(redis.port))))).toContain('refused: ');
  });

  it.each<readonly [string, Parameters<typeof startTcp>[0], string]>([
    ['another service', (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'), 'protocol'],
    ['a line without an end', (socket) => socket.write('+'.repeat(100_000)), 'protocol'],
    ['a reply of a gigabyte', (socket) => socket.write('$999999999\r\n'), 'protocol'],
    ['half a reply', (socket) => socket.end('$5\r\nha'), 'unavailable'],
    ['an error with a text of its own', (socket) => socket.write('-ERR canary-text\r\n'), 'protocol'],
  ])('is %s', async (_what, serve, reason) => {
    const server = await startTcp(serve);
    onTestFinished(() => server.stop());
    const outcome = await ask(probeOf(keys(server.port)));
    expect(outcome.success ? 'ok' : outcome.reason).toBe(reason);
    expect(JSON.stringify(outcome)).not.toContain('canary');
  });
});

describe('a Redis behind TLS', () => {
  it('is asked when its authority is known, and says when its certificate ends', async () => {
    const authority = makeAuthority(directory);
    const { key, certificate } = authority.issue('redis', 'DNS:localhost', '20280102030405Z');
    const redis = await running({
      'tls-port': 'on',
      'tls-cert-file': certificate,
      'tls-key-file': key,
      'tls-ca-cert-file': authority.file,
      'tls-auth-clients': 'no',
    });
    const tls = `kind: redis, url: "rediss://localhost:${redis.port}", timeout: 2s`;
    const outcome = await ask(probeOf(`${tls}, ca_file: ca.pem`, { directory }));
    expect(said(outcome)).toBe('ok');
    expect(outcome.facts.tlsExpirySeconds).toBe(Date.UTC(2028, 0, 2, 3, 4, 5) / 1000);
    expect(said(await ask(probeOf(tls)))).toContain('tls: ');
  });
});

describe('a reply', () => {
  it('is read from as many pieces as it comes in', () => {
    const whole = Buffer.from('$7\r\na:1\r\nüx\r\n+PONG\r\n'.replace('üx', 'xy'));
    const ends: number[] = [];
    for (let length = 1; length <= whole.length; length += 1) {
      const step = readReply(whole.subarray(0, length), 0);
      expect(step.kind).toBe(length < 13 ? 'more' : 'reply');
      if (step.kind === 'reply') ends.push(step.end);
    }
    expect(new Set(ends)).toEqual(new Set([13]));
    expect(readReply(whole, 13)).toEqual({ kind: 'reply', reply: { kind: 'text', text: 'PONG' }, end: 20 });
  });

  it.each(['hello\r\n', '$-1\r\n', '$x\r\n', ':1x\r\n', '\r\n'])('%j is none', (text) => {
    expect(readReply(Buffer.from(text), 0).kind).toBe('broken');
  });
});
