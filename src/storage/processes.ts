/** Owns telling processes of this machine apart: which one lives, and whether it is still the one that was meant. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A process that cannot be mistaken for a later one with the same id. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Kernel's start time in clock ticks since boot; empty where there is no /proc. */
  readonly startTime: string;
  /** Id of the machine's boot; empty where there is no /proc. */
  readonly boot: string;
}

/** The identity of a living process, undefined when it does not live (a zombie does not). */
export function identify(pid: number): ProcessIdentity | undefined {
  if (!Number.isInteger(pid) || pid <= 0 || !exists(pid)) return undefined;
  const boot = readOrEmpty('/proc/sys/kernel/random/boot_id').trim();
  if (boot === '') return { pid, startTime: '', boot };
  const stat = readOrEmpty(`/proc/${pid}/stat`);
  // The command name in parentheses may itself hold parentheses and spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (stat === '' || fields[0] === 'Z' || fields[0] === 'X') return undefined;
  return { pid, startTime: fields[19] ?? '', boot };
}

/** Whether that very process still lives. */
export function lives(identity: ProcessIdentity): boolean {
  const now = identify(identity.pid);
  return now !== undefined && now.startTime === identity.startTime && now.boot === identity.boot;
}

/** Ids of the living processes that work in `directory`; a PostgreSQL server and its backends work in their data. */
export function processesIn(directory: string): number[] {
  return entries('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => workingDirectory(pid) === directory && identify(pid) !== undefined);
}

/**
 * Arguments of a living process, undefined where they cannot be read. Unlike the working directory they are open to
 * root in a container without CAP_SYS_PTRACE.
 */
export function argumentsOf(pid: number): readonly string[] | undefined {
  const text = readOrEmpty(`/proc/${pid}/cmdline`);
  return text === '' ? undefined : text.split('\0');
}

/** Sends a signal to that very process; false when it is gone. */
export function signal(identity: ProcessIdentity, name: NodeJS.Signals): boolean {
  if (!lives(identity)) return false;
  try {
    process.kill(identity.pid, name);
    return true;
  } catch {
    return false;
  }
}

/** Waits until that very process has ended, at most `deadlineMs`; answers whether it has. */
export async function waitForEnd(identity: ProcessIdentity, deadlineMs: number): Promise<boolean> {
  const endsAtMs = performance.now() + deadlineMs;
  while (lives(identity)) {
    if (performance.now() > endsAtMs) return false;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return true;
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process lives too.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function workingDirectory(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
