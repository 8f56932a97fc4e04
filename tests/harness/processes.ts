/** Owns starting and ending the real programs that tests use: who their parent is, and how each one surely ends. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** Root cannot run PostgreSQL, so as root a program may be given an unprivileged user. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** The account `postgres`, else `nobody`, when we are root; undefined when we are already unprivileged. */
export function unprivilegedAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const name of ['postgres', 'nobody']) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(':');
    if (fields) return { uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  throw new Error('root needs an account `postgres` or `nobody` in /etc/passwd to run PostgreSQL');
}

/**
 * Starts a program that receives `deathSignal` from the kernel when this process ends, however it ends: a test
 * run stopped by SIGKILL leaves nothing behind.
 */
export function startProgram(options: {
  readonly command: string;
  readonly args: readonly string[];
  readonly deathSignal: 'KILL' | 'QUIT' | 'TERM';
  readonly account?: Account | undefined;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}): ChildProcess {
  const asAccount = options.account
    ? [`--reuid=${options.account.uid}`, `--regid=${options.account.gid}`, '--clear-groups']
    : [];
  const args = ['--pdeathsig', options.deathSignal, ...asAccount, '--', options.command, ...options.args];
  return spawn('setpriv', args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: options.env ?? process.env,
  });
}

/** Runs a program to its end as the account; throws with its output when it fails. */
export function runProgram(command: string, args: readonly string[], account: Account | undefined): string {
  return execFileSync(command, [...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: '/',
    ...(account ?? {}),
  });
}

/** Resolves when the child has ended. */
export function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

/** Sends `signals` in turn, each with `patienceMs` to take effect; the last one must be SIGKILL. */
export async function endProcess(
  child: ChildProcess,
  signals: readonly NodeJS.Signals[],
  patienceMs: number,
): Promise<void> {
  for (const signal of signals) {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await Promise.race([ended(child), pause(patienceMs)]);
  }
  await ended(child);
}

/** Process ids of all living descendants of `pid`, children before grandchildren. */
export function descendants(pid: number): number[] {
  const childrenOf = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const parent = parentOf(Number(name));
    if (parent !== undefined) childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), Number(name)]);
  }
  const found: number[] = [];
  const queue = [pid];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const children = childrenOf.get(next) ?? [];
    found.push(...children);
    queue.push(...children);
  }
  return found;
}

/** Sends a signal; false when the process is already gone. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** The `/proc` start time of a living process (distinguishes it from a later owner of the same id), else undefined. */
export function startTimeOf(pid: number): string | undefined {
  return statFields(pid)?.[19];
}

/** Waits without blocking. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function parentOf(pid: number): number | undefined {
  const parent = statFields(pid)?.[1];
  return parent === undefined ? undefined : Number(parent);
}

// Fields after the command name, which may itself hold spaces and parentheses: [0] is the state, [1] the parent.
function statFields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields;
  } catch {
    return undefined;
  }
}
