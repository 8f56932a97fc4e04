/** Owns a real hot standby of a test cluster: it follows by streaming, takes no writes, and can be made to lag. */
import { join } from 'node:path';
import { freePort } from '../harness/ports.js';
import { binaryDirectory, type PostgresServer } from '../harness/postgres.js';
import { endProcess, pause, runProgram, startProgram, unprivilegedAccount } from '../harness/processes.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';

export interface Standby {
  readonly port: number;
  /** Replay stands still from now on, as behind a slow link. */
  stop(): Promise<void>;
}

/** Copies the cluster and starts following it; resolves once the standby accepts connections. */
export async function startStandby(primary: PostgresServer): Promise<Standby> {
  const account = unprivilegedAccount();
  const binaries = binaryDirectory('debian');
  const directory = scratchDirectory('standby', account);
  const data = join(directory, 'data');
  const from = ['-h', '127.0.0.1', '-p', String(primary.port), '-U', 'postgres'];
  runProgram(
    join(binaries, 'pg_basebackup'),
    ['-D', data, '-R', '-c', 'fast', '-X', 'stream', ...from],
    account,
  );
  const port = await freePort();
  const settings = [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'max_connections=60',
    'shared_buffers=32MB',
    'fsync=off',
    'hot_standby=on',
  ];
  const child = startProgram({
    command: join(binaries, 'postgres'),
    args: ['-D', data, '-p', String(port), ...settings.flatMap((s) => ['-c', s])],
    deathSignal: 'QUIT',
    account,
    cwd: '/',
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      log = (log + chunk.toString('utf8')).slice(-20_000);
    });
  }
  const standby = {
    port,
    async stop() {
      await endProcess(child, ['SIGINT', 'SIGQUIT', 'SIGKILL'], 5_000);
      removeScratch(directory);
    },
  };
  for (let waitedMs = 0; waitedMs < 60_000; waitedMs += 50) {
    if (child.exitCode !== null) throw new Error(`the standby does not start:\n${log}`);
    if (/ready to accept read[- ]only connections/.test(log)) return standby;
    await pause(50);
  }
  await standby.stop();
  throw new Error(`the standby is not ready:\n${log}`);
}
