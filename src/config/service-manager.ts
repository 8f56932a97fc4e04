/** Owns the answer to one question: does a service manager like systemd want to hear from this process, where and how often? */
import type { Environment } from './environment.js';

/** How to reach it. */
export interface ServiceManager {
  /** What the program that carries a message needs of our environment, and nothing else of it. */
  readonly environment: Readonly<Record<string, string>>;
  /** A sign of life is due this often, in milliseconds: a third of the patience. Undefined when none is wanted. */
  readonly keepAliveMs: number | undefined;
}

/** A third, so that two messages in a row may be late. */
const SIGNS_PER_PATIENCE = 3;
/** However short the patience is said to be: each sign of life starts a program. */
const LEAST_KEEP_ALIVE_MS = 100;

/** From `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`; undefined where nobody listens. `pid` is our own. */
export function readServiceManager(env: Environment, pid: number): ServiceManager | undefined {
  const socket = env.NOTIFY_SOCKET ?? '';
  // A path, or a name without a file that begins with @; anything else is of no kind that exists on this machine.
  if (!/^[/@]./.test(socket)) return undefined;
  const environment = { NOTIFY_SOCKET: socket, ...(env.PATH === undefined ? {} : { PATH: env.PATH }) };
  return { environment, keepAliveMs: keepAliveMs(env, pid) };
}

function keepAliveMs(env: Environment, pid: number): number | undefined {
  // The variables reach every process that we start: the patience is with the one that it names.
  if (env.WATCHDOG_PID !== undefined && env.WATCHDOG_PID !== String(pid)) return undefined;
  const patienceMs = Number(env.WATCHDOG_USEC) / 1_000;
  if (!(patienceMs > 0 && patienceMs < Number.POSITIVE_INFINITY)) return undefined;
  return Math.max(LEAST_KEEP_ALIVE_MS, patienceMs / SIGNS_PER_PATIENCE);
}
