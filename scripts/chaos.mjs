/** Owns `npm run chaos`: the crash tests in their long form, hundreds of kills, a storm of alerts, the loss cases with long waits, 100,000 hostile texts. */
import { spawnSync } from 'node:child_process';
import { build, installPackages, installTestTools, root } from './prepare.mjs';

installPackages();
installTestTools();
build();
const asked = process.argv.slice(2);
const isNamed = asked.some((argument) => argument.startsWith('tests/'));
const long = ['tests/chaos', 'tests/notifications/loss-cases', 'tests/notifications/message-property'];
const files = isNamed ? asked : [...long, ...asked];
const result = spawnSync('npx', ['--no-install', 'vitest', 'run', ...files], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, FLOWGAUGE_CHAOS: 'long' },
});
process.exit(result.status ?? 1);
