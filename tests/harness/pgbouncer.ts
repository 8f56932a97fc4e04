/** Owns the real PgBouncers of the tests: throw-away, before a test cluster, on a free port of the loopback interface. */
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort } from './ports.js';
import { endProcess, pause, startProgram, unprivilegedAccount } from './processes.js';
import { removeScratch, scratchDirectory } from './scratch.js';

/** A running PgBouncer. */
export interface PgBouncer {
  readonly port: number;
  /** The same database of the same role by way of the pooler. */
  through(url: string): string;
  /** Everything it has logged so far. */
  log(): string;
  stop(): Promise<void>;
}

/**
 * Starts Debian's `pgbouncer` before the server of a URL, with three server connections per database that are dealt
 * out in turn: in transaction mode a client meets another one with nearly every transaction. `settings` are added; with
 * `chosenPort` it follows one that had this port.
 */
export async function startPgBouncer(
  serverUrl: string,
  mode: 'session' | 'transaction' | 'statement',
  settings: Readonly<Record<string, string>> = {},
  chosenPort?: number,
): Promise<PgBouncer> {
  const account = unprivilegedAccount();
  const directory = scratchDirectory('pgbouncer', account);
  const file = join(directory, 'pgbouncer.ini');
  const server = new URL(serverUrl);
  for (let attempt = 1; ; attempt += 1) {
    const port = chosenPort ?? (await freePort());
    const all = {
      listen_addr: '127.0.0.1',
      listen_port: String(port),
      unix_socket_dir: '',
      auth_type: 'any',
      pool_mode: mode,
      default_pool_size: '3',
      server_round_robin: '1',
      ...settings,
    };
    const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`);
    const databases = `* = host=${server.hostname} port=${server.port} user=postgres`;
    writeFileSync(file, `[databases]\n${databases}\n[pgbouncer]\n${lines.join('\n')}\n`, { mode: 0o644 });
    const child = startProgram({
      command: 'pgbouncer',
      args: [file],
      deathSignal: 'KILL',
      account,
      cwd: directory,
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
    });
    let log = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        log = (log + text).slice(-100_000);
      });
    }
    if (!(await answers(port, () => child.exitCode === null))) {
      await endProcess(child, ['SIGKILL'], 1_000);
      if (attempt < 5) continue;
      removeScratch(directory);
      throw new Error(`the test PgBouncer does not start:\n${log}`);
    }
    return {
      port,
      through(url) {
        const changed = new URL(url);
        changed.port = String(port);
        return changed.href;
      },
      log: () => log,
      async stop() {
        await endProcess(child, ['SIGTERM', 'SIGKILL'], 2_000);
        removeScratch(directory);
      },
    };
  }
}

async function answers(port: number, lives: () => boolean): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < 20_000 && lives(); waitedMs += 20) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.on('error', () => resolve(false));
    });
    if (isOpen) return true;
    await pause(20);
  }
  return false;
}
