/** Owns the real Redis servers of the tests: throw-away, on a free port of the loopback interface. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort } from './ports.js';
import { endProcess, pause, signalProcess, startProgram } from './processes.js';
import { removeScratch, scratchDirectory } from './scratch.js';

/** A running Redis. */
export interface RedisServer {
  readonly port: number;
  readonly directory: string;
  /** Runs `redis-cli` with these words and answers what it prints. */
  cli(...words: readonly string[]): string;
  /** SIGSTOP: connections stay open and nothing answers. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

/** Starts `redis-server` with further settings (`{requirepass: 'x'}`) and waits until its port answers. */
export async function startRedis(settings: Readonly<Record<string, string>> = {}): Promise<RedisServer> {
  const directory = scratchDirectory('redis');
  mkdirSync(join(directory, 'data'));
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const all = {
      ...(settings['tls-port'] === undefined ? { port: String(port) } : { port: '0' }),
      bind: '127.0.0.1',
      dir: join(directory, 'data'),
      save: '',
      appendonly: 'no',
      ...settings,
      ...(settings['tls-port'] === undefined ? {} : { 'tls-port': String(port) }),
    };
    const child = startProgram({
      command: 'redis-server',
      args: Object.entries(all).flatMap(([name, value]) => [
        `--${name}`,
        ...(value === '' ? [''] : value.split(' ')),
      ]),
      deathSignal: 'KILL',
      cwd: directory,
    });
    let log = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-50_000);
    });
    if (!(await answers(port, () => child.exitCode === null))) {
      await endProcess(child, ['SIGKILL'], 1_000);
      if (attempt === 5) throw new Error(`the test Redis does not start:\n${log}`);
      continue;
    }
    const pid = child.pid!;
    return {
      port,
      directory,
      cli: (...words) => {
        const run = spawnSync('redis-cli', ['-h', '127.0.0.1', '-p', String(port), ...words], {
          encoding: 'utf8',
          timeout: 20_000,
        });
        return run.stdout.trim();
      },
      freeze: () => void signalProcess(pid, 'SIGSTOP'),
      thaw: () => void signalProcess(pid, 'SIGCONT'),
      async stop() {
        signalProcess(pid, 'SIGCONT');
        await endProcess(child, ['SIGKILL'], 5_000);
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
