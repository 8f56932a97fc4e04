/** Owns `npm run chaos`: the crash tests in their long form, hundreds of kills on both kinds of database. */
import { spawnSync } from 'node:child_process';
import { build, installPackages, installTestTools, root } from './prepare.mjs';

installPackages();
installTestTools();
build();
const result = spawnSync('npx', ['--no-install', 'vitest', 'run', 'tests/chaos', ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, FLOWGAUGE_CHAOS: 'long' },
});
process.exit(result.status ?? 1);
