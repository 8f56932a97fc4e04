/** Owns the replay in a process of its own, which a test can kill. */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ReplayOptions } from '../../src/demo/replay.js';
import { startProgram } from '../harness/processes.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';

/** The demo's sources, compiled into a directory of their own so that no build of the project is needed. */
export interface CompiledDemo {
  /** Starts one replay; the exit code is 0 when it finished. */
  start(options: ReplayOptions): ChildProcess;
  remove(): void;
}

export function compileDemo(): CompiledDemo {
  const root = join(import.meta.dirname, '..', '..');
  const directory = scratchDirectory('replay');
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const settings = [
    '--module',
    'nodenext',
    '--target',
    'es2022',
    '--skipLibCheck',
    '--types',
    'node',
    '--rootDir',
    'src',
  ];
  const source = join(root, 'src', 'demo', 'replay.ts');
  execFileSync(process.execPath, [tsc, '--ignoreConfig', ...settings, '--outDir', directory, source], {
    cwd: root,
  });
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
  writeFileSync(
    join(directory, 'main.js'),
    `import { replay } from './demo/replay.js';
     const result = await replay(JSON.parse(process.argv[2]));
     process.exitCode = result.outcome === 'finished' ? 0 : 3;`,
  );
  return {
    start: (options) =>
      startProgram({
        command: process.execPath,
        args: [join(directory, 'main.js'), JSON.stringify(options)],
        deathSignal: 'KILL',
      }),
    remove: () => removeScratch(directory),
  };
}
