/** Owns a real hot standby of a test cluster: it follows by streaming, takes no writes, and can be made to lag. */
import { chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import postgres from 'postgres';
import { freePort } from '../harness/ports.js';
import { binaryDirectory, type PostgresServer } from '../harness/postgres.js';
import {
  type Account,
  endProcess,
  pause,
  runProgram,
  startProgram,
  unprivilegedAccount,
} from '../harness/processes.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';

export interface Standby {
  readonly port: number;
  /** Replay stands still from now on, as behind a slow link. */
  stop(): Promise<void>;
}

/** Copies the cluster and starts following it; resolves once the standby accepts connections. */
export async function startStandby(primary: PostgresServer): Promise<Standby> {
  const account = unprivilegedAccount();
  const binaries = binaryDirectory('tested');
  const directory = scratchDirectory('standby', account);
  const data = join(directory, 'data');
  await copyCluster(primary, data, account);
  const port = await freePort();
  const settings = [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'max_connections=60',
    'shared_buffers=32MB',
    'fsync=off',
    'hot_standby=on',
    `primary_conninfo=host=127.0.0.1 port=${primary.port} user=postgres`,
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

/** By hand: pg_basebackup is not among the binaries of every version, and an older one refuses a newer server. */
async function copyCluster(
  primary: PostgresServer,
  data: string,
  account: Account | undefined,
): Promise<void> {
  const sql = postgres(primary.adminUrl, { max: 1, onnotice: () => {}, fetch_types: false });
  try {
    const old = primary.majorVersion < 15;
    await sql.unsafe(old ? `select pg_start_backup('s', true, false)` : `select pg_backup_start('s', true)`);
    // Files may vanish under the copy, and the log is streamed anew.
    const copy =
      'cp -a "$0" "$1" 2>/dev/null; cd "$1" && rm -rf postmaster.pid pg_wal/* && mkdir pg_wal/archive_status';
    runProgram('sh', ['-c', copy, primary.dataDirectory, data], account);
    const [stopped] = await sql.unsafe<{ labelfile: string }[]>(
      `select labelfile from ${old ? 'pg_stop_backup(false, false)' : 'pg_backup_stop(false)'}`,
    );
    for (const [name, text] of Object.entries({ backup_label: stopped!.labelfile, 'standby.signal': '' })) {
      writeFileSync(join(data, name), text);
      if (account) chownSync(join(data, name), account.uid, account.gid);
    }
  } finally {
    await sql.end({ timeout: 1 });
  }
}
