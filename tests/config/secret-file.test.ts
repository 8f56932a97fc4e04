/** Owns the proof that a secret which everyone can read is taken below /run/secrets, and nowhere else. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { loadConfig, parseConfig } from '../../src/config/load.js';
import { isContainerSecret, readSecretFile } from '../../src/config/secret-file.js';
import { loadWebFile } from '../../src/config/web-file.js';
import { projectRoot } from '../harness/exporter.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';

it.each([
  ['/run/secrets/database_url', true],
  ['/run/secrets/flowgauge/database_url', true],
  ['/run/secrets', false],
  ['/run/secrets-of-others/database_url', false],
  ['/srv/app/run/secrets/database_url', false],
  ['/run/secrets/../../etc/passwd', false],
  ['run/secrets/database_url', false],
])('%s is a secret of a container: %s', (path, is) => {
  expect(isContainerSecret(path)).toBe(is);
});

/** A mount namespace of its own with an empty /run, as a container has one. */
const NAMESPACE = ['--mount', ...(process.getuid?.() === 0 ? [] : ['--map-root-user'])];
const possible = spawnSync('unshare', [...NAMESPACE, 'mount', '-t', 'tmpfs', 'none', '/run']).status === 0;

/** Checks the configuration with a secret of mode 0444 at this place; gives what the command says. */
function checkWithSecretAt(shell: string): { status: number | null; text: string } {
  const script = `set -e
mount -t tmpfs none /run
mkdir /run/secrets /run/elsewhere
${shell}
exec "$@"`;
  const command = [process.execPath, join(projectRoot, 'dist', 'cli.js'), 'serve', '--config.check'];
  const done = spawnSync('unshare', [...NAMESPACE, 'sh', '-c', script, 'sh', ...command], {
    encoding: 'utf8',
    cwd: '/',
    env: { PATH: process.env.PATH, DATABASE_URL_FILE: '/run/secrets/dsn' },
  });
  return { status: done.status, text: done.stdout + done.stderr };
}

const put = (place: string) => `printf 'postgres://app:pw@db/app' > ${place}; chmod 444 ${place}`;

// Skipped only where the kernel or a container forbids mount namespaces.
it.skipIf(!possible)('the command takes a secret of mode 0444 there', () => {
  expect(checkWithSecretAt(put('/run/secrets/dsn'))).toEqual({
    status: 0,
    text: 'The configuration is good.\n',
  });
});

it.skipIf(!possible)('the command refuses a link from there to a file that everyone reads', () => {
  const { status, text } = checkWithSecretAt(
    `${put('/run/elsewhere/dsn')}; ln -s /run/elsewhere/dsn /run/secrets/dsn`,
  );
  expect(text).toContain('names /run/secrets/dsn, which every user of this machine can read');
  expect(status).toBe(2);
});

describe('a pipe', () => {
  const directory = scratchDirectory('secrets');
  afterAll(() => removeScratch(directory));
  let pipes = 0;

  /** A pipe into which somebody writes this once, as the shell does with `<(command)`. */
  function pipeWith(text: string): string {
    pipes += 1;
    const path = join(directory, `pipe-${pipes}`);
    execFileSync('mkfifo', ['-m', '600', path]);
    const writer = spawn('sh', ['-c', 'printf %s "$1" > "$0"', path, text], { stdio: 'ignore' });
    onTestFinished(() => void writer.kill('SIGKILL'));
    return path;
  }
  const URL = 'postgres://app@db.example/app';

  it('is taken where it is read once: the address of a database', () => {
    const { source } = parseConfig('', { env: { DATABASE_URL_FILE: pipeWith(URL) }, directory });
    expect(source.kind === 'url' && source.url.reveal()).toBe(URL);
  });

  it('is refused where it is read again, because the second reading would wait for ever', () => {
    const path = pipeWith('secret');
    expect(readSecretFile(path)).toEqual({
      ok: false,
      what: `names ${path}, which is not a file`,
      remedy: 'Write the secret into a file: it is read again while flowgauge runs, and a pipe answers once',
    });
  });

  it('is refused when the configuration is read again, as the file itself and as one that it names', () => {
    const again = { directory, reading: 'again' } as const;
    const dsn = pipeWith(URL);
    expect(() => parseConfig('', { ...again, env: { DATABASE_URL_FILE: dsn } })).toThrow(
      'a pipe answers once',
    );
    const probe = `probes: { db: { kind: postgres, url_file: ${pipeWith(URL)} } }`;
    expect(() => parseConfig(probe, { ...again, env: { DATABASE_URL: URL } })).toThrow('which is not a file');
    const file = pipeWith('{}');
    expect(() => loadConfig({ file, env: { DATABASE_URL: URL }, reading: 'again' })).toThrow(
      'is not a plain file',
    );
  });

  it.each([
    ['tls_server_config', (pipe: string) => `{ cert_file: ${pipe}, key_file: ${pipe} }`],
    ['flowgauge', (pipe: string) => `{ tokens: { a: { file: ${pipe}, roles: [read] } } }`],
  ])('is refused in the web configuration file: %s', (key, section) => {
    // The longest of what is written fits into the pipe at once.
    const pipe = pipeWith('-----BEGIN CERTIFICATE-----'.repeat(10));
    const file = join(directory, 'web.yml');
    writeFileSync(file, `${key}: ${section(pipe)}\n`);
    expect(() => loadWebFile(file)).toThrow(/cannot be read|is not a file/);
  });

  it('is refused as the web configuration file, and as the authority of a probe', () => {
    expect(() => loadWebFile(pipeWith('{}'))).toThrow('cannot be read (NOT_A_FILE)');
    const probe = `{ kind: http, url: "https://a.example", ca_file: ${pipeWith('-----BEGIN CERTIFICATE-----')} }`;
    const env = { DATABASE_URL: URL };
    expect(() => parseConfig(`probes: { one: ${probe} }`, { env, directory })).toThrow('cannot be read');
  });
});
