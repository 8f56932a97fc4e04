/** Owns the stand-in for systemd's notify socket: a datagram socket, which Node.js does not have, held by perl. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ended, startProgram } from './processes.js';
import { removeScratch, scratchDirectory } from './scratch.js';

/** Like systemd it drops the descriptor that comes with BARRIER=1: that is how systemd-notify learns that it was read. */
const LISTENER = `
use strict; use warnings; use Socket; $| = 1;
alarm 300;
socket(my $socket, AF_UNIX, SOCK_DGRAM, 0) or die "socket: $!";
bind($socket, pack_sockaddr_un($ARGV[0])) or die "bind: $!";
print "listening\\n";
while (defined recv($socket, my $message, 65536, 0)) { $message =~ s/\\n/ /g; print "$message\\n"; }
`;

/** A service manager that listens. */
export interface NotifySocket {
  /** What NOTIFY_SOCKET must say. */
  readonly path: string;
  /** The messages so far, each with its variables separated by a blank. */
  messages(): readonly string[];
  stop(): Promise<void>;
}

/** Whether the program that carries the messages is on this machine. */
export const hasSystemdNotify = spawnSync('systemd-notify', ['--version']).error === undefined;

/** Listens on a socket in a directory of its own, for five minutes at most. */
export async function startNotifySocket(): Promise<NotifySocket> {
  const directory = scratchDirectory('notify');
  const path = join(directory, 'socket');
  const child = startProgram({ command: 'perl', args: ['-e', LISTENER, path], deathSignal: 'KILL' });
  let text = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (more: string) => {
      text += more;
    });
  }
  await new Promise<void>((resolve, reject) => {
    child.stdout!.once('data', () => resolve());
    child.once('exit', () => reject(new Error(`the notify socket ended: ${text}`)));
  });
  return {
    path,
    messages: () =>
      text
        .split('\n')
        .slice(1, -1)
        .filter((line) => !line.startsWith('BARRIER=1')),
    async stop() {
      child.kill('SIGKILL');
      await ended(child);
      removeScratch(directory);
    },
  };
}
