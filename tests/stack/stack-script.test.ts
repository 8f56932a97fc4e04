/** Owns the proof that .ci/stack says why it was not run, and ends in a way that its caller can tell from a failure. */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { projectRoot } from '../harness/exporter.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';
import { composeFile } from './compose-file.js';

const scratch = scratchDirectory('stack-script');
afterAll(() => removeScratch(scratch));
const isRoot = process.getuid?.() === 0;

/** The script in a folder that every user may read, with the programs of `bin` alone. */
function runStack(bin: string, account?: { uid: number; gid: number }) {
  const folder = join(scratch, 'checkout');
  cpSync(join(projectRoot, '.ci'), join(folder, '.ci'), { recursive: true });
  chmodSync(scratch, 0o755);
  return spawnSync('/bin/bash', [join(folder, '.ci/stack')], {
    encoding: 'utf8',
    env: { PATH: bin },
    ...account,
  });
}

/** A folder with these programs of the machine and no other. */
function folderWith(name: string, programs: readonly string[]): string {
  const bin = join(scratch, name);
  mkdirSync(bin);
  for (const program of programs) symlinkSync(`/usr/bin/${program}`, join(bin, program));
  return bin;
}

describe('the start of the composed stack', () => {
  it('is not run by a user who may not make networks, and says so', () => {
    const account = isRoot ? { uid: 65534, gid: 65534 } : undefined;
    const run = runStack('/usr/sbin:/usr/bin:/sbin:/bin', account);
    expect(run.stderr).toBe('stack: NOT RUN: podman with networks of its own needs root\n');
    expect(run.status).toBe(77);
  });

  it.runIf(isRoot)('is not run without podman, and names what is missing', () => {
    const run = runStack(folderWith('bare', ['dirname', 'id', 'xargs', 'echo', 'node', 'npm', 'runc']));
    expect(run.stderr).toMatch(/^stack: NOT RUN: not installed, and apt-get does not give it: podman .*\n$/);
    expect(run.stderr).not.toContain('node');
    expect(run.status).toBe(77);
  });

  it('has a stand-in for every published image but Grafana’s', () => {
    const services = Object.entries(composeFile({ FLOWGAUGE_SECRETS: '/nowhere' }).services);
    const published = services.filter(
      ([, { build, image }]) => build === undefined && !/grafana/.test(image),
    );
    const read = (file: string) => readFileSync(join(projectRoot, '.ci', file), 'utf8');
    const stages = [...read('stand-ins/Containerfile').matchAll(/^FROM \S+ AS (\S+)$/gm)].map(
      ([, name]) => name!,
    );
    const made = /^for service in ([a-z -]+); do stand_in/m.exec(read('composed/images'))![1]!.split(' ');
    expect(stages).toEqual(expect.arrayContaining(made));
    const covered = made.map((name) => services.find(([service]) => service === name)?.[1].image);
    expect([...new Set(covered)].sort()).toEqual(
      [...new Set(published.map(([, { image }]) => image))].sort(),
    );
  });
});
