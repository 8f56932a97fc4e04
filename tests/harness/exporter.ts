/** Owns the exporter as a real process in tests: started from dist, killed, asked over HTTP. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ended, pause } from './processes.js';

/** The folder of package.json; not counted in steps, because the benchmarks compile this file to another depth. */
export const projectRoot = folderOfPackage(dirname(fileURLToPath(import.meta.url)));
const cli = join(projectRoot, 'dist', 'cli.js');

function folderOfPackage(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : folderOfPackage(dirname(folder));
}

/** One run of the command line. */
export interface Run {
  readonly child: ChildProcess;
  /** Standard output and error so far. */
  output(): string;
  /** Resolves with the exit code, or the signal's name. */
  readonly exit: Promise<number | NodeJS.Signals>;
}

/** Starts `flowgauge` with these arguments and no environment but PATH and what is given. */
export function runCli(args: readonly string[], env: Readonly<Record<string, string>> = {}): Run {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', process.execPath, cli, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: '/',
    env: { PATH: process.env.PATH, ...env },
  });
  let text = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      text += chunk;
    });
  }
  const exit = ended(child).then(() => child.exitCode ?? child.signalCode ?? -1);
  return { child, exit, output: () => text };
}

/** An exporter that listens. */
export interface ExporterProcess extends Run {
  readonly url: string;
  /** The classic text of /metrics. */
  metrics(): Promise<string>;
  /** SIGTERM, and its exit code. */
  stop(): Promise<number | NodeJS.Signals>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

/** Starts `flowgauge serve` and waits until it listens. Rejects with its output when it ends before that. */
export async function startExporterProcess(
  configFile: string,
  env: Readonly<Record<string, string>> = {},
): Promise<ExporterProcess> {
  return listening(runCli(['serve', `--config.file=${configFile}`], env));
}

/** Starts `flowgauge demo` on a free port, without Prometheus, and waits until it listens. */
export function startDemoProcess(directory: string, args: readonly string[]): Promise<ExporterProcess> {
  const fixed = ['--data', directory, '--no-prometheus', '--web.listen-address', '127.0.0.1:0'];
  return listening(runCli(['demo', ...fixed, ...args]));
}

async function listening(run: Run): Promise<ExporterProcess> {
  for (;;) {
    const url = /"url":"(http:[^"]+)"/.exec(run.output())?.[1];
    if (url !== undefined) return exporterOf(run, url);
    if (run.child.exitCode !== null || run.child.signalCode !== null) {
      throw new Error(`the exporter ended before it listened (${await run.exit}): ${run.output()}`);
    }
    await pause(20);
  }
}

function exporterOf(run: Run, url: string): ExporterProcess {
  return {
    ...run,
    url,
    async metrics() {
      const answer = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(15_000) });
      if (answer.status !== 200) throw new Error(`/metrics answered ${answer.status}`);
      return answer.text();
    },
    async stop() {
      run.child.kill('SIGTERM');
      return run.exit;
    },
    async kill() {
      run.child.kill('SIGKILL');
      await run.exit;
    },
  };
}

/** The samples of one metric: label set as `name="value",…` → value. */
export function samplesOf(text: string, metric: string): Map<string, number> {
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (match?.[1] === metric) samples.set(match[2] ?? '', Number(match[3]));
  }
  return samples;
}

/** One label of a sample's key. */
export function labelOf(labels: string, name: string): string | undefined {
  return new RegExp(`(?:^|,)${name}="((?:[^"\\\\]|\\\\.)*)"`).exec(labels)?.[1];
}

/** Writes a configuration file and answers its path. */
export function writeConfig(directory: string, text: string): string {
  const file = join(directory, 'flowgauge.yml');
  writeFileSync(file, text);
  return file;
}

/** Asks until the condition holds; rejects with the last answer when it does not within the time. */
export async function eventually<T>(
  ask: () => Promise<T>,
  holds: (value: T) => boolean,
  timeoutMs = 30_000,
): Promise<T> {
  const endMs = performance.now() + timeoutMs;
  let last: unknown;
  while (performance.now() < endMs) {
    try {
      const value = await ask();
      if (holds(value)) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    await pause(100);
  }
  throw new Error(
    `not within ${timeoutMs} ms; last: ${last instanceof Error ? last.stack : JSON.stringify(last)?.slice(0, 2000)}`,
  );
}
