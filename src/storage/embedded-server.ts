/** Owns the embedded PostgreSQL's process: its settings, finding one that runs, starting one, ending it. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { EMBEDDED_NAME, type Layout, type Runtime } from './embedded-data.js';
import { EmbeddedStartError } from './embedded-errors.js';
import {
  argumentsOf,
  identify,
  lives,
  type ProcessIdentity,
  processesIn,
  signal,
  waitForEnd,
} from './processes.js';

const READY_DEADLINE_MS = 120_000;
const FAST_STOP_MS = 10_000;
const IMMEDIATE_STOP_MS = 5_000;
const LOG_KEPT_BYTES = 10_000_000;

const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  // A socket's path may not be longer than 107 bytes; the loopback with a password has no such limit.
  unix_socket_directories: '',
  cluster_name: EMBEDDED_NAME,
  max_connections: '30',
  shared_buffers: '32MB',
  max_wal_size: '256MB',
  max_worker_processes: '2',
  max_parallel_workers_per_gather: '0',
  autovacuum_max_workers: '2',
  io_method: 'sync',
  jit: 'off',
  fsync: 'on',
  synchronous_commit: 'on',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
  log_autovacuum_min_duration: '-1',
};

/** A server process that accepts connections on 127.0.0.1. */
export interface Running {
  readonly identity: ProcessIdentity;
  readonly port: number;
}

/** The server that works in our data already, once it has finished starting. */
export async function runningServer(layout: Layout): Promise<Running | undefined> {
  const endsAtMs = performance.now() + READY_DEADLINE_MS;
  for (;;) {
    const file = readPostmasterFile(layout.data);
    const identity = file && identify(file.pid);
    const inhabitants = processesIn(layout.data);
    const owner =
      identity && (inhabitants.includes(identity.pid) ? 'server' : ownerOfPid(identity.pid, layout));
    if (identity && owner === 'server' && file.ready) return { identity, port: file.port };
    if (owner !== 'server' && inhabitants.length === 0) {
      // The id in the file belongs to another program by now, and PostgreSQL would take that one for a server.
      if (owner === 'stranger') rmSync(join(layout.data, 'postmaster.pid'), { force: true });
      return undefined;
    }
    // A server that is still recovering, or the last children of one that was killed.
    if (performance.now() > endsAtMs) {
      throw new EmbeddedStartError(
        'EMBEDDED_NOT_ANSWERING',
        `Processes ${inhabitants.join(', ')} work in ${layout.data} and do not become a server that can be adopted. See ${layout.serverLog}; end them, then start again.`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** `unknown` where the machine does not tell: then PostgreSQL's own check decides. */
function ownerOfPid(pid: number, layout: Layout): 'server' | 'stranger' | 'unknown' {
  const words = argumentsOf(pid);
  if (words === undefined) return 'unknown';
  return words[words.indexOf('-D') + 1] === layout.data ? 'server' : 'stranger';
}

/** Starts a server on the data; on a free port unless one is fixed. Throws {@link EmbeddedStartError}. */
export async function startServer(
  layout: Layout,
  runtime: Runtime,
  fixedPort: number | undefined,
): Promise<Running> {
  for (let attempt = 1; ; attempt += 1) {
    const port = fixedPort ?? (await freePort());
    const before = logSize(layout);
    const identity = await spawnServer(layout, runtime, port);
    if (identity) return { identity, port };
    const said = readTail(layout.serverLog, before);
    // Between our look and the server's bind another program can take the port.
    if (fixedPort === undefined && attempt < 5 && /could not (bind|create any TCP)/i.test(said)) continue;
    if (attempt < 20 && /pre-existing shared memory block/.test(said)) {
      // The children of a killed server need a moment to notice.
      await new Promise((resolve) => setTimeout(resolve, 500));
      continue;
    }
    throw new EmbeddedStartError(
      'EMBEDDED_START_FAILED',
      `The embedded database does not start on 127.0.0.1:${port} with ${layout.data}. It says: ${said.trim().slice(-1500)} (all of it in ${layout.serverLog})`,
    );
  }
}

/** Starts the server in a session of its own, so that neither our crash nor a Ctrl-C meant for us ends it. */
async function spawnServer(
  layout: Layout,
  runtime: Runtime,
  port: number,
): Promise<ProcessIdentity | undefined> {
  const { binaries, account, environment } = runtime;
  if (logSize(layout) > LOG_KEPT_BYTES) renameSync(layout.serverLog, `${layout.serverLog}.1`);
  const settings = Object.entries({ ...SETTINGS, port: String(port) }).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ]);
  const log = openSync(layout.serverLog, 'a', 0o600);
  let failure: Error | undefined;
  const child = spawn(binaries.postgres, ['-D', layout.data, ...settings], {
    cwd: layout.data,
    env: environment,
    detached: true,
    stdio: ['ignore', log, log],
    ...(account && { uid: account.uid, gid: account.gid }),
  });
  child.once('error', (error) => {
    failure = error;
  });
  closeSync(log);
  child.unref();
  const endsAtMs = performance.now() + READY_DEADLINE_MS;
  while (performance.now() < endsAtMs) {
    if (failure)
      throw new EmbeddedStartError(
        'EMBEDDED_START_FAILED',
        `${binaries.postgres}: ${failure.message}`,
        failure,
      );
    if (child.exitCode !== null || child.signalCode !== null) return undefined;
    const file = readPostmasterFile(layout.data);
    if (file?.ready && file.pid === child.pid) return identify(file.pid);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  child.kill('SIGQUIT');
  return undefined;
}

/** Ends the server: in order within 10 s, else at once. */
export async function stopServer(identity: ProcessIdentity): Promise<void> {
  if (!lives(identity)) return;
  signal(identity, 'SIGINT');
  if (await waitForEnd(identity, FAST_STOP_MS)) return;
  signal(identity, 'SIGQUIT');
  if (await waitForEnd(identity, IMMEDIATE_STOP_MS)) return;
  signal(identity, 'SIGKILL');
  await waitForEnd(identity, IMMEDIATE_STOP_MS);
}

function readPostmasterFile(data: string): { pid: number; port: number; ready: boolean } | undefined {
  try {
    const lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
    return { pid: Number(lines[0]), port: Number(lines[3]), ready: lines[7]?.trim() === 'ready' };
  } catch {
    return undefined;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

function logSize(layout: Layout): number {
  return statSync(layout.serverLog, { throwIfNoEntry: false })?.size ?? 0;
}

function readTail(file: string, from: number): string {
  try {
    return readFileSync(file).subarray(from).toString('utf8');
  } catch {
    return '';
  }
}
