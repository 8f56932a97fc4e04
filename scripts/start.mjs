/** Owns `npm start`: from a fresh clone to tokens moving on /metrics. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { build, installPackages, root } from './prepare.mjs';

installPackages();
build();

const child = spawn(process.execPath, [join(root, 'dist', 'cli.js'), 'demo', ...process.argv.slice(2)], {
  stdio: 'inherit',
});
// The terminal sends its signal to both of us; we only wait for the child's orderly end.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)));
