/** Owns running the tests on another major version of Node.js, taken from the npm package that carries its binary. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { build, installPackages, installTestTools, root, run } from './prepare.mjs';

const major = process.argv[2];
if (!/^\d+$/.test(major ?? '')) {
  console.error('Usage: node scripts/test-on-node.mjs MAJOR [vitest arguments]');
  process.exit(2);
}
installPackages();
installTestTools();
build();

const folder = join(root, 'node_modules', '.cache', `node-${major}`);
const bin = join(folder, 'node_modules', `node-linux-${process.arch}`, 'bin');
if (!existsSync(join(bin, 'node'))) {
  mkdirSync(folder, { recursive: true });
  run('npm', [
    'install',
    '--prefix',
    folder,
    '--no-save',
    '--no-audit',
    '--no-fund',
    `node-linux-${process.arch}@${major}`,
  ]);
}
const version = spawnSync(join(bin, 'node'), ['--version'], { encoding: 'utf8' }).stdout.trim();
if (!version.startsWith(`v${major}.`)) {
  console.error(`${join(bin, 'node')} is ${version || 'not runnable'}, not version ${major}.`);
  process.exit(1);
}
console.log(`\nTests on Node.js ${version}`);
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
const result = spawnSync(join(bin, 'node'), [vitest, 'run', ...process.argv.slice(3)], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` },
});
process.exit(result.status ?? 1);
