/** Owns folders that stand in for a machine: the files that a reader of the system finds, written as told. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type SystemFiles, systemFiles } from '../../src/resources/system-files.js';

/** A machine of two cores and 8 GiB that holds these files too; gone at the end of the test. */
export function machineWith(files: Readonly<Record<string, string>>): SystemFiles & {
  write(path: string, text: string): void;
} {
  const root = mkdtempSync(join(tmpdir(), 'flowgauge-machine-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  for (const [path, text] of Object.entries({ ...MACHINE, ...files })) write(path, text);
  return { ...systemFiles(root), write };
}

/** The text of `/proc/stat` with this much busy and resting time on two cores. */
export function statText(busy: number, resting: number): string {
  return `cpu  ${busy} 0 0 ${resting} 0 0 0 0 0 0\ncpu0 1 0 0 1 0 0 0 0 0 0\ncpu1 1 0 0 1 0 0 0 0 0 0\n`;
}

/** A line of `/proc/self/mountinfo`. */
export function mountLine(root: string, point: string, type: string, options: string): string {
  return `31 23 0:28 ${root} ${point} rw,relatime shared:9 - ${type} ${type} ${options}\n`;
}

const MACHINE = {
  '/proc/stat': statText(1_000, 9_000),
  '/proc/meminfo': 'MemTotal: 8388608 kB\nMemAvailable: 6291456 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n',
  '/proc/loadavg': '0.5 0.4 0.3 1/100 4242\n',
  '/proc/net/dev': '  eth0: 10 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\n',
  '/proc/diskstats': '   8 0 sda 1 0 2 0 1 0 4 0 0 0 0\n',
  '/proc/self/mountinfo': mountLine('/', '/', 'ext4', 'rw'),
  '/proc/self/status': 'Name:\tnode\nCpus_allowed_list:\t0-1\n',
  '/proc/self/limits': 'Max open files            1024                2048                files\n',
  '/proc/self/fd/0': '',
  '/proc/self/fd/1': '',
  '/proc/self/task/4242/children': '',
};
