/** Owns the proof of where values come from, which wins, and what is refused outside the file. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Environment } from '../../src/config/environment.js';
import { parseFlags } from '../../src/config/flags.js';
import { loadConfig, parseConfig } from '../../src/config/load.js';
import { ConfigError } from '../../src/config/problem.js';
import type { DatabaseConfig } from '../../src/config/valid-config.js';
import { projectRoot } from '../harness/exporter.js';

const URL_A = 'postgres://a:hunter2@127.0.0.1/a';
const URL_B = 'postgres://b:hunter3@127.0.0.1/b';
const urlOf = (database: DatabaseConfig) => (database.kind === 'url' ? database.url.reveal() : undefined);

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'flowgauge-config-'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function put(name: string, content: string | Buffer, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

/** A file of so many bytes that takes no room on the disk. */
function sparse(name: string, bytes: number): string {
  const path = put(name, '');
  truncateSync(path, bytes);
  return path;
}

function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return '';
}

describe('where a value comes from', () => {
  it('flag over environment over file over default', () => {
    const text = 'log: {level: warn}\nweb: {telemetry_path: /from-file, external_url: http://file}\n';
    const env = { DATABASE_URL: URL_A, FLOWGAUGE_LOG_LEVEL: 'error', FLOWGAUGE_WEB_TELEMETRY_PATH: '/env' };
    const flags = parseFlags(['--log.level=debug']);
    const config = parseConfig(text, { env, flags });
    expect(config.log.level).toBe('debug');
    expect(config.web.telemetryPath).toBe('/env');
    expect(config.web.externalUrl).toBe('http://file');
    expect(config.web.listenAddress.port).toBe(9877);
  });

  it('every flag and variable reaches its key', () => {
    const argv =
      '--web.listen-address 0.0.0.0:0 --web.telemetry-path=/m --web.external-url=https://x.example/';
    const env = {
      DATABASE_URL: URL_A,
      FLOWGAUGE_WEB_ALLOW_ANONYMOUS_REMOTE: 'true',
      FLOWGAUGE_FAILPOINT: 'fold',
    };
    const config = parseConfig('', { env, flags: parseFlags(argv.split(' ')) });
    expect(config.web).toEqual({
      listenAddress: { host: '0.0.0.0', port: 0 },
      telemetryPath: '/m',
      externalUrl: 'https://x.example',
      allowAnonymousRemote: true,
      configFile: undefined,
      adminApi: false,
    });
    expect(config.failpoint).toBe('fold');
  });

  it('DATABASE_URL and STORE_URL replace the whole section of the file', () => {
    const text = 'source: {url_file: /nowhere}\nstore: {embedded: data}\n';
    const config = parseConfig(text, { env: { DATABASE_URL: URL_A, STORE_URL: URL_B } });
    expect([urlOf(config.source), urlOf(config.store)]).toEqual([URL_A, URL_B]);
  });

  it('the files of secrets are read, the path beginning at the configuration', () => {
    put('dsn', `${URL_A}\n`);
    const store = put('store-dsn', `  ${URL_B}\r\n`);
    const file = put('with-secret.yml', 'source: {url_file: ./dsn}\n');
    const config = loadConfig({ file, env: { STORE_URL_FILE: store } });
    expect([urlOf(config.source), urlOf(config.store)]).toEqual([URL_A, URL_B]);
  });

  it('FLOWGAUGE_CONFIG names the file, the flag wins over it', () => {
    const first = put('first.yml', 'log: {level: warn}\n');
    const second = put('second.yml', 'log: {level: error}\n');
    const env = { DATABASE_URL: URL_A, FLOWGAUGE_CONFIG: first };
    expect(loadConfig({ env }).log.level).toBe('warn');
    expect(loadConfig({ env, flags: parseFlags(['--config.file', second]) }).log.level).toBe('error');
  });

  it('a database URL alone is enough', () => {
    const config = loadConfig({ env: { DATABASE_URL: URL_A } });
    expect(urlOf(config.source)).toBe(URL_A);
  });

  it('names that a cluster adds for a service called flowgauge are not ours', () => {
    const env = {
      DATABASE_URL: URL_A,
      FLOWGAUGE_PORT: 'tcp://10.0.0.1:9877',
      FLOWGAUGE_SERVICE_HOST: '10.0.0.1',
    };
    expect(parseConfig('', { env }).log.level).toBe('info');
  });
});

describe('faults outside the file', () => {
  const cases: readonly (readonly [string, (() => Environment) | Environment, string])[] = [
    ['no database at all', {}, 'source: names no database to watch. Set DATABASE_URL in the environment,'],
    [
      'an empty DATABASE_URL',
      { DATABASE_URL: '' },
      'source.url (environment DATABASE_URL): is empty. Write postgres://USER:PASSWORD@HOST:5432/DATABASE',
    ],
    [
      'both forms of the source',
      () => ({ DATABASE_URL: URL_A, DATABASE_URL_FILE: put('both', URL_A) }),
      'source (environment DATABASE_URL_FILE): has url and url_file at once. Keep one of them.',
    ],
    [
      'a missing secret file',
      { DATABASE_URL_FILE: '/nowhere/dsn' },
      'source.url_file (environment DATABASE_URL_FILE): names /nowhere/dsn, which does not exist. Create the file',
    ],
    [
      'an empty secret file',
      () => ({ DATABASE_URL_FILE: put('empty', ' \n') }),
      'empty, which is empty. Write the',
    ],
    [
      'a secret file that everyone can read',
      () => ({ DATABASE_URL_FILE: put('open', URL_A, 0o644) }),
      'which every user of this machine can read. Run: chmod 600 ',
    ],
    [
      'a secret file with another text',
      () => ({ DATABASE_URL_FILE: put('other', 'hunter2 and more') }),
      'source.url_file (environment DATABASE_URL_FILE): names a file whose text is not a postgres://',
    ],
    [
      'a secret file that is far too large',
      () => ({ DATABASE_URL_FILE: put('large', Buffer.alloc(70_000, 'x')) }),
      'larger than 64 KiB',
    ],
    [
      'a URL whose TLS options cannot be followed',
      { DATABASE_URL: `${URL_A}?sslmode=verify_full` },
      'source.url (environment DATABASE_URL): cannot be used: its sslmode is none of disable,',
    ],
    [
      'a URL that names a file for TLS which does not exist',
      { DATABASE_URL: `${URL_A}?sslmode=verify-full&sslrootcert=/nowhere/ca.pem` },
      'cannot be used: the file "/nowhere/ca.pem" of sslrootcert cannot be read (ENOENT)',
    ],
    [
      'such a URL in a secret file',
      () => ({ DATABASE_URL_FILE: put('tls', `${URL_A}?sslmod=require`) }),
      'names a file whose text cannot be used: its option sslmod is unknown',
    ],
    ['a secret that is a device', { DATABASE_URL_FILE: '/dev/zero' }, '/dev/zero, which is not a file'],
    [
      'a store of another kind',
      { DATABASE_URL: URL_A, STORE_URL: 'redis://:hunter2@127.0.0.1' },
      'store.url (environment STORE_URL): is not a postgres:// or postgresql:// URL.',
    ],
    [
      'a misspelt variable',
      { DATABASE_URL: URL_A, FLOWGAUGE_LOG_LEVL: 'debug' },
      'FLOWGAUGE_LOG_LEVL (environment FLOWGAUGE_LOG_LEVL): is unknown. Did you mean FLOWGAUGE_LOG_LEVEL?',
    ],
    [
      'a bad value in a variable',
      { DATABASE_URL: URL_A, FLOWGAUGE_LOG_LEVEL: 'loud' },
      'log.level (environment FLOWGAUGE_LOG_LEVEL): "loud" is not one of trace, debug',
    ],
    [
      'a named file that is missing',
      { FLOWGAUGE_CONFIG: '/nowhere/x.yml' },
      '(file) (/nowhere/x.yml): does not exist.',
    ],
    [
      'a file in another encoding',
      () => ({ FLOWGAUGE_CONFIG: put('cp1251.yml', Buffer.from([0x61, 0x3a, 0x20, 0xed, 0xee])) }),
      'is not UTF-8. Save it as UTF-8.',
    ],
    ['a directory instead of a file', () => ({ FLOWGAUGE_CONFIG: folder }), 'cannot be read (EISDIR)'],
    [
      'a data file instead of a configuration',
      () => ({ FLOWGAUGE_CONFIG: put('huge.yml', Buffer.alloc(1_100_000, '#')) }),
      'is larger than 1 MiB',
    ],
    [
      'a file that no memory holds',
      () => ({ FLOWGAUGE_CONFIG: sparse('giant.yml', 3 * 1024 ** 3) }),
      'is larger than 1 MiB. Name the configuration, not a data file.',
    ],
    [
      'a web configuration that is none',
      () => {
        sparse('giant-web.yml', 1_100_000);
        return {
          DATABASE_URL: URL_A,
          FLOWGAUGE_CONFIG: put('names-web.yml', 'web: { config_file: giant-web.yml }'),
        };
      },
      'is larger than 1 MiB. Keep only the keys of docs/access.md in it.',
    ],
  ];

  it.each(cases)('%s', (_, env, expected) => {
    const message = messageOf(() => loadConfig({ env: typeof env === 'function' ? env() : env }));
    expect(message).toMatch(/^The configuration has 1 problem:\n/);
    expect(message).toContain(expected);
    expect(message).not.toMatch(/hunter/);
  });

  it('a configuration that comes through a pipe is read to its end, and no further than its bound', () => {
    const check = (bytes: number) => {
      const args = [
        join(projectRoot, 'dist', 'cli.js'),
        'serve',
        '--config.check',
        '--config.file=/dev/stdin',
      ];
      // With cat between them standard input is a pipe, as it is in a shell.
      const run = spawnSync('sh', ['-c', 'cat | "$@"', 'sh', process.execPath, ...args], {
        env: { PATH: process.env.PATH, DATABASE_URL: URL_A },
        input: `log: {level: warn}\n#${'x'.repeat(bytes)}`,
        encoding: 'utf8',
      });
      return { code: run.status, text: run.stdout + run.stderr };
    };
    expect(check(250_000)).toMatchObject({ code: 0 });
    const refused = check(1_100_000);
    expect(refused.code).toBe(2);
    expect(refused.text).toContain('is larger than 1 MiB');
  });

  it('a secret that is a directory', () => {
    mkdirSync(join(folder, 'dir'));
    const message = messageOf(() => parseConfig('', { env: { DATABASE_URL_FILE: join(folder, 'dir') } }));
    expect(message).toContain('which is not a file');
  });
});

describe('the text of a refusal', () => {
  it('lists all problems at once with line, value and remedy', () => {
    const text = [
      'log: {level: loud}',
      'source: {url: "mysql://root:hunter2@127.0.0.1/app"}',
      'flows:',
      '  Tokens:',
      '    table: tokens',
      '    key: id',
      '    status: status',
      '    statuses: [a, none]',
      '    limits:',
      '      a: { warning: 15, critical: 3m }',
      '      "b c": { warning: 3m, critical: 1m }',
      '    poll_intervall: 1s',
    ].join('\n');
    const env = { FLOWGAUGE_WEB_LISTEN_ADDRESS: '0.0.0.0:9877', STORE_URL: '' };
    expect(messageOf(() => parseConfig(text, { env, fileName: 'flowgauge.yml' }))).toMatchInlineSnapshot(`
      "The configuration has 10 problems:
        web.listen_address (environment FLOWGAUGE_WEB_LISTEN_ADDRESS): "0.0.0.0:9877" can be reached from other machines, and no credentials protect it. Listen on 127.0.0.1, name a web.config_file with users or tokens, or set web.allow_anonymous_remote: true when the network itself is closed.
        log.level (flowgauge.yml:1): "loud" is not one of trace, debug, info, warn, error, fatal. Did you mean debug?
        source.url (flowgauge.yml:2): is not a postgres:// or postgresql:// URL. Write postgres://USER:PASSWORD@HOST:5432/DATABASE, with special characters of the password percent-encoded (@ is %40, # is %23, % is %25, / is %2F, ? is %3F).
        store.url (environment STORE_URL): is empty. Write postgres://USER:PASSWORD@HOST:5432/DATABASE, with special characters of the password percent-encoded (@ is %40, # is %23, % is %25, / is %2F, ? is %3F).
        flows.Tokens.table (flowgauge.yml:5): "tokens" names no schema. Write schema.table, for example public.tokens.
        flows.Tokens.statuses.1 (flowgauge.yml:8): "none" is reserved. none, other, overflow stand for "not in the table", "not declared" and "beyond the series budget"; leave it out (it is then counted as other) or rename the value in the database.
        flows.Tokens.limits.a.warning (flowgauge.yml:10): 15 has no unit. Write 15s for seconds or 15m for minutes.
        flows.Tokens.poll_intervall (flowgauge.yml:12): is not a known key. Did you mean poll_interval? Otherwise remove it; known: table, key, status, created_at, updated_at, moved_at, repeats, statuses, moves, limits, reason, capture, poll_interval, audit_interval.
        flows.Tokens.limits."b c".critical (flowgauge.yml:11): "1m" is not above the warning limit. Make critical longer than warning, or remove one of them.
        flows.Tokens (flowgauge.yml:4): is not a flow name. Use 1 to 40 lower-case letters, digits and underscores, beginning with a letter."
    `);
  });
});
