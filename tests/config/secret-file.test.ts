/** Owns the proof that a secret which everyone can read is taken below /run/secrets, and nowhere else. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { isContainerSecret } from '../../src/config/secret-file.js';
import { projectRoot } from '../harness/exporter.js';

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
