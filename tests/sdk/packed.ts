/** Owns the package as its user gets it: packed, and unpacked beside its dependencies in a folder of the test. */
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from '../harness/exporter.js';

const run = promisify(execFile);

/** Puts the package and what it depends on into `node_modules` of the folder, whose program is an ES module. */
export async function installPackage(directory: string): Promise<void> {
  const modules = join(directory, 'node_modules');
  const packing = ['pack', '--ignore-scripts', '--silent', '--pack-destination', directory];
  const { stdout } = await run('npm', packing, { cwd: projectRoot });
  mkdirSync(join(modules, 'flowgauge'), { recursive: true });
  const tarball = join(directory, stdout.trim().split('\n').at(-1)!);
  await run('tar', ['-xzf', tarball, '-C', join(modules, 'flowgauge'), '--strip-components=1']);
  const installed = join(projectRoot, 'node_modules');
  for (const name of readdirSync(installed).filter((one) => !one.startsWith('.'))) {
    symlinkSync(join(installed, name), join(modules, name));
  }
  writeFileSync(join(directory, 'package.json'), '{"name":"consumer","type":"module"}');
}

/** The block of the guide whose first line names the file, as a reader would copy it. */
export function guideFile(name: string): string {
  const guide = readFileSync(join(projectRoot, 'docs/sdk.md'), 'utf8');
  const block = [...guide.matchAll(/```\w+\n([\s\S]*?)```/g)]
    .map(([, text]) => text!)
    .find((text) => new RegExp(`^(//|#) ${name.replaceAll('.', '\\.')}\n`).test(text));
  if (block === undefined) throw new Error(`docs/sdk.md has no block that begins with the name ${name}`);
  return block;
}
