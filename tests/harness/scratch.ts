/** Owns the temporary directories of the test programs, and the sweep of what a killed earlier run left behind. */
import {
  chmodSync,
  chownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Account, signalProcess, startTimeOf } from './processes.js';

const PREFIX = 'flowgauge-test-';
const OWNER_FILE = 'owner';

/** A new directory under the system's temporary directory, owned by `account` and readable by nobody else. */
export function scratchDirectory(purpose: string, account?: Account): string {
  const directory = mkdtempSync(join(tmpdir(), `${PREFIX}${purpose}-`));
  writeFileSync(join(directory, OWNER_FILE), `${process.pid} ${startTimeOf(process.pid)}\n`);
  if (account) chownSync(directory, account.uid, account.gid);
  chmodSync(directory, 0o700);
  return directory;
}

/** Removes a scratch directory. */
export function removeScratch(directory: string): void {
  rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
}

/**
 * Ends the programs and removes the directories of test runs that are themselves dead. A program counts as theirs
 * only when its working directory lies in such a directory, so nothing else can be hit.
 */
export function sweepAbandonedScratch(): void {
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(PREFIX)) continue;
    const directory = join(tmpdir(), name);
    if (!isAbandoned(directory)) continue;
    for (const pid of processesIn(directory)) signalProcess(pid, 'SIGKILL');
    removeScratch(directory);
  }
}

function isAbandoned(directory: string): boolean {
  try {
    const [pid, startTime] = readFileSync(join(directory, OWNER_FILE), 'utf8').trim().split(' ');
    return startTimeOf(Number(pid)) !== startTime;
  } catch {
    return false;
  }
}

function processesIn(directory: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return `${readlinkSync(`/proc/${pid}/cwd`)}/`.startsWith(`${directory}/`);
      } catch {
        return false;
      }
    });
}
