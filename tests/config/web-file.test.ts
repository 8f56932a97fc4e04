/** Checks the web configuration file: the keys of Prometheus' exporters load unchanged, and each fault is named with its place. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { ConfigError } from '../../src/config/problem.js';
import { hasCredentials, loadWebFile } from '../../src/config/web-file.js';

const folder = mkdtempSync(join(tmpdir(), 'flowgauge-web-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const HASH = `$2y$10$${'a'.repeat(53)}`;
const TOKEN = 'q3Zk0mJ1nB7xV5cT9yR2wE8u';

function write(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}
write('token', `${TOKEN}\n`);
write('short', 'short');
write('open', TOKEN, 0o644);

function faultsOf(text: string): readonly string[] {
  const path = write('web.yml', text);
  try {
    loadWebFile(path);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((p) => `${p.path} @${p.where?.replace(/^.*\/web\.yml:?/, '')}: ${p.what}`);
  }
}

describe('a good file', () => {
  it('means to us what it means to other exporters: a user reads, and nothing more', () => {
    const file = loadWebFile(write('plain.yml', `basic_auth_users: { prometheus: '${HASH}' }`));
    expect(file.users.map(({ name, grants }) => [name, grants])).toEqual([['prometheus', ['read']]]);
    expect(hasCredentials(file)).toBe(true);
  });

  it('gives roles with our block, and none to a user whom it does not name', () => {
    const file = loadWebFile(
      write(
        'roles.yml',
        `basic_auth_users: { a: '${HASH}', b: '${HASH}' }
flowgauge: { users: { a: [scrape] }, tokens: { ci: { file: token, roles: [ingest] } } }`,
      ),
    );
    expect(file.users.map(({ grants }) => grants)).toEqual([['scrape'], []]);
    expect(file.tokens.map(({ name, token, grants }) => [name, token.reveal(), grants])).toEqual([
      ['ci', TOKEN, ['ingest']],
    ]);
  });

  it('prints no secret, whichever way it is dumped', () => {
    const file = loadWebFile(write('dump.yml', `basic_auth_users: { a: '${HASH}' }`));
    expect(JSON.stringify(file)).not.toContain(HASH);
  });

  it('limits nothing at an interval of 0, as Prometheus exporters read it', () => {
    expect(
      loadWebFile(write('free.yml', 'rate_limit: { interval: 0s, burst: 5 }')).rateLimit,
    ).toBeUndefined();
    expect(loadWebFile(write('some.yml', 'rate_limit: { interval: 2s, burst: 5 }')).rateLimit).toEqual({
      intervalMs: 2_000,
      burst: 5,
    });
  });

  it('speaks TLS of 1.2 or later with a certificate and the key that belongs to it', () => {
    const pair = certificate('a');
    const file = loadWebFile(
      write(
        'tls.yml',
        `tls_server_config: { cert_file: ${pair.cert}, key_file: ${pair.key}, min_version: TLS10,
  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256], curve_preferences: [X25519, CurveP256] }`,
      ),
    );
    expect(file.tls?.context).toMatchObject({
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.3',
      ecdhCurve: 'X25519:P-256',
    });
    expect(file.tls?.expiresAtMs).toBeGreaterThan(0);
    const other = certificate('b');
    expect(faultsOf(`tls_server_config: { cert_file: ${pair.cert}, key_file: ${other.key} }`)).toEqual([
      'tls_server_config.cert_file @1: and its key cannot be used together',
    ]);
    chmodSync(pair.key, 0o644);
    expect(faultsOf(`tls_server_config: { cert_file: ${pair.cert}, key_file: ${pair.key} }`)[0]).toContain(
      'every user of this machine can read',
    );
  });
});

describe('a bad file', () => {
  it.each([
    ['no map', '- a', '(file) @: is not a map'],
    ['a misspelt key', 'basic_auth_user: {}', 'basic_auth_user @1: is not a known key'],
    ['a plain password', 'basic_auth_users: { a: secret }', 'basic_auth_users.a @1: is not a bcrypt hash'],
    [
      'a cost of minutes',
      `basic_auth_users: { a: '$2b$31$${'a'.repeat(53)}' }`,
      'basic_auth_users.a @1: has a cost outside 4 to 15',
    ],
    [
      'a user with a colon',
      `basic_auth_users: { 'a:b': '${HASH}' }`,
      'basic_auth_users.a:b @1: is not a user name',
    ],
    [
      'a role for nobody',
      'flowgauge: { users: { a: [read] } }',
      'flowgauge.users.a @1: is no user of basic_auth_users',
    ],
    [
      'an unknown role',
      `basic_auth_users: { a: '${HASH}' }\nflowgauge: { users: { a: [root] } }`,
      'flowgauge.users.a @2: names a role that does not exist',
    ],
    [
      'a token without roles',
      'flowgauge: { tokens: { a: { file: token } } }',
      'flowgauge.tokens.a.roles @1: is missing',
    ],
    [
      'a token without a file',
      'flowgauge: { tokens: { a: { roles: [read] } } }',
      'flowgauge.tokens.a.file @1: is missing',
    ],
    [
      'a short token',
      'flowgauge: { tokens: { a: { file: short, roles: [read] } } }',
      'flowgauge.tokens.a.file @1: names a file whose token has fewer than 22 characters',
    ],
    ['a rate without a unit', 'rate_limit: { interval: 5 }', 'rate_limit.interval @1: has no unit'],
    [
      'a frame option',
      'http_server_config: { headers: { X-Frame-Options: allow } }',
      'http_server_config.headers.X-Frame-Options @1: is not one of deny, sameorigin, ',
    ],
    [
      'a header that is not allowed',
      'http_server_config: { headers: { X-Other: a } }',
      'http_server_config.headers.X-Other @1: is not a known key',
    ],
    ['TLS without files', 'tls_server_config: {}', 'tls_server_config.cert_file @1: is missing'],
    ...['RequestClientCert', 'RequireAnyClientCert', 'VerifyClientCertIfGiven'].map((kind) => [
      'clients that nobody checks',
      `tls_server_config: { client_auth_type: ${kind} }`,
      'tls_server_config.client_auth_type @1: is not one of NoClientCert, RequireAndVerifyClientCert',
    ]),
    [
      'an unknown TLS version',
      'tls_server_config: { min_version: SSL30 }',
      'tls_server_config.min_version @1: is not one of TLS10, TLS11, TLS12, TLS13',
    ],
  ])('%s', (_what, text, fault) => {
    expect(faultsOf(text)).toContain(fault);
  });

  it('has a token that every user of the machine can read', () => {
    expect(faultsOf('flowgauge: { tokens: { a: { file: open, roles: [read] } } }')[0]).toContain(
      'every user of this machine can read',
    );
  });

  it('is told with all its faults at once, and no value of it', () => {
    const faults = faultsOf(
      'basic_auth_users: { a: hunter2hunter2 }\nrate_limit: { burst: -1 }\nnonsense: 1',
    );
    expect(faults).toHaveLength(3);
    expect(faults.join()).not.toContain('hunter2');
  });
});

describe('the start', () => {
  const start = (web: string) => () =>
    parseConfig(`web: ${web}\nsource: { url: "postgres://a@b/c" }`, { directory: folder, env: {} });
  write('empty.yml', 'http_server_config: { http2: true }');
  write('reader.yml', `basic_auth_users: { a: '${HASH}' }`);
  write('admin.yml', `basic_auth_users: { a: '${HASH}' }\nflowgauge: { users: { a: [admin] } }`);

  it.each([
    ['remote without any file', '{ listen_address: "0.0.0.0:0" }', 'web.listen_address'],
    [
      'remote with a file that asks nobody',
      '{ listen_address: "0.0.0.0:0", config_file: empty.yml }',
      'web.listen_address',
    ],
    ['routes of administration without a file', '{ enable_admin_api: true }', 'web.enable_admin_api'],
    [
      'routes of administration that nobody may use',
      '{ enable_admin_api: true, config_file: reader.yml }',
      'web.enable_admin_api',
    ],
    ['a file that is not there', '{ config_file: nowhere.yml }', 'web.config_file > (file)'],
  ])('is refused: %s', (_what, web, path) => {
    expect(start(web)).toThrow(path);
  });

  it.each([
    ['loopback with a file that asks nobody', '{ config_file: empty.yml }'],
    ['remote with a user', '{ listen_address: "0.0.0.0:0", config_file: reader.yml }'],
    ['remote by the word of the operator', '{ listen_address: "0.0.0.0:0", allow_anonymous_remote: true }'],
    ['administration with an administrator', '{ enable_admin_api: true, config_file: admin.yml }'],
  ])('is good: %s', (_what, web) => {
    expect(start(web)).not.toThrow();
  });
});

function certificate(name: string): { readonly cert: string; readonly key: string } {
  const [cert, key] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
  const args = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -keyout ${key} -out ${cert}`;
  execFileSync('openssl', args.split(' '), { stdio: 'ignore' });
  chmodSync(key, 0o600);
  return { cert, key };
}
