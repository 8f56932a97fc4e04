/** Owns running pgbench: as many transactions as it can or at a rate, and the moment at which each one committed. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { binaryDirectory } from '../tests/harness/postgres.js';

export interface PgbenchOptions {
  readonly url: string;
  /** One transaction. */
  readonly script: string;
  readonly clients: number;
  readonly seconds: number;
  /** Transactions per second, spread at random; as many as it can when undefined. */
  readonly rate?: number;
}

/** Runs pgbench to its end. Resolves with the wall-clock moment of each commit, milliseconds, ascending. */
export async function pgbench(options: PgbenchOptions): Promise<number[]> {
  const directory = mkdtempSync(join(tmpdir(), 'flowgauge-pgbench-'));
  try {
    writeFileSync(join(directory, 'script.sql'), options.script);
    const { clients, seconds, rate, url } = options;
    const load = ['-c', `${clients}`, '-j', '1', '-T', `${seconds}`, ...(rate ? ['-R', `${rate}`] : [])];
    const args = ['-n', '-l', '-M', 'prepared', ...load, '-f', 'script.sql', url];
    await finished(directory, args);
    return readdirSync(directory)
      .filter((name) => name.startsWith('pgbench_log.'))
      .flatMap((name) => commitsIn(readFileSync(join(directory, name), 'utf8')))
      .sort((a, b) => a - b);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function finished(cwd: string, args: readonly string[]): Promise<void> {
  const child = spawn(join(binaryDirectory('debian'), 'pgbench'), args, { cwd });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`pgbench failed:\n${output}`))));
  });
}

/** Each line: client, number, latency, script, seconds and microseconds of the end. */
function commitsIn(log: string): number[] {
  return log
    .trimEnd()
    .split('\n')
    .map((line) => {
      const fields = line.split(' ');
      return Number(fields[4]) * 1000 + Number(fields[5]) / 1000;
    });
}
