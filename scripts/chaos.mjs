/** Owns `npm run chaos`: the crash tests in their long form, hundreds of kills, a storm of alerts, the loss cases with long waits. */
import { spawnSync } from 'node:child_process';
import { build, installPackages, installTestTools, root } from './prepare.mjs';

installPackages();
installTestTools();
build();
const asked = process.argv.slice(2);
const isNamed = asked.some((argument) => argument.startsWith('tests/'));
const files = isNamed ? asked : ['tests/chaos', 'tests/notifications/loss-cases', ...asked];
const result = spawnSync('npx', ['--no-install', 'vitest', 'run', ...files], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, FLOWGAUGE_CHAOS: 'long' },
});
process.exit(result.status ?? 1);
