/** Owns a real Prometheus with a past: series that are written into its blocks before it starts, and a live target. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { endProcess, pause, runProgram, startProgram } from '../harness/processes.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';

/** A series of the past; the labels job and instance are those of the target. */
export interface PastSeries {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly type: 'gauge' | 'counter';
  /** Seconds since the epoch and value, in the order of time. */
  readonly samples: readonly (readonly [seconds: number, value: number])[];
}

/** A running Prometheus. */
export interface PastPrometheus {
  /** The value of an expression that has exactly one, at a moment. */
  value(expression: string, atSeconds: number): Promise<number | undefined>;
  /** The points of an expression that has exactly one series. */
  points(
    expression: string,
    fromSeconds: number,
    toSeconds: number,
    stepSeconds: number,
  ): Promise<readonly (readonly [seconds: number, value: number])[]>;
  stop(): Promise<void>;
}

/** Writes the past and starts Prometheus on this port, with a scrape of the target each second. */
export async function startPastPrometheus(
  port: number,
  target: string,
  past: readonly PastSeries[],
  /** Bearer token of the scrape. */
  token?: string,
): Promise<PastPrometheus> {
  const directory = scratchDirectory('past');
  mkdirSync(join(directory, 'data'));
  chmodSync(directory, 0o755);
  writeFileSync(join(directory, 'past.txt'), openMetrics(past, target));
  runProgram(
    'promtool',
    // A week in blocks of two hours would be written for half a minute.
    [
      'tsdb',
      'create-blocks-from',
      'openmetrics',
      '--max-block-duration=744h',
      join(directory, 'past.txt'),
      join(directory, 'data'),
    ],
    undefined,
  );
  writeFileSync(
    join(directory, 'prometheus.yml'),
    `global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
  - job_name: flowgauge
${token === undefined ? '' : `    authorization: { credentials: "${token}" }\n`}    static_configs: [{ targets: ["${target}"] }]
`,
  );
  const child = startProgram({
    command: 'prometheus',
    args: [
      `--config.file=${join(directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      '--storage.tsdb.retention.time=30d',
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    deathSignal: 'KILL',
    cwd: directory,
  });
  child.stdout?.resume();
  let log = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-20_000);
  });
  const base = `http://127.0.0.1:${port}`;
  for (let tries = 0; ; tries += 1) {
    if (child.exitCode !== null || tries === 300) throw new Error(`prometheus is not ready: ${log}`);
    const ready = await fetch(`${base}/-/ready`).catch(() => undefined);
    if (ready?.status === 200) break;
    await pause(100);
  }
  const ask = async (path: string): Promise<readonly Result[]> => {
    const answer = (await (await fetch(`${base}/api/v1/${path}`)).json()) as {
      data?: { result: readonly Result[] };
      error?: string;
    };
    if (answer.data === undefined) throw new Error(`${path}: ${answer.error}`);
    return answer.data.result;
  };
  return {
    async value(expression, atSeconds) {
      const found = await ask(`query?query=${encodeURIComponent(expression)}&time=${atSeconds}`);
      if (found.length > 1) throw new Error(`${expression} has ${found.length} values`);
      return found[0] === undefined ? undefined : Number(found[0].value![1]);
    },
    async points(expression, fromSeconds, toSeconds, stepSeconds) {
      const span = `start=${fromSeconds}&end=${toSeconds}&step=${stepSeconds}`;
      const found = await ask(`query_range?query=${encodeURIComponent(expression)}&${span}`);
      if (found.length > 1) throw new Error(`${expression} has ${found.length} series`);
      return (found[0]?.values ?? []).map(([at, text]) => [at, Number(text)] as const);
    },
    async stop() {
      await endProcess(child, ['SIGTERM', 'SIGKILL'], 5_000);
      removeScratch(directory);
    },
  };
}

interface Result {
  readonly value?: readonly [number, string];
  readonly values?: readonly (readonly [number, string])[];
}

function openMetrics(past: readonly PastSeries[], target: string): string {
  const families = past.map(({ name, labels = {}, type, samples }) => {
    // A counter's family has no suffix in this format, its samples have.
    const family = type === 'counter' ? name.replace(/_total$/, '') : name;
    const all = { job: 'flowgauge', instance: target, ...labels };
    const text = Object.entries(all)
      .map(([label, value]) => `${label}="${value}"`)
      .join(',');
    return [
      `# TYPE ${family} ${type}`,
      ...samples.map(([at, value]) => `${name}{${text}} ${value} ${at}`),
    ].join('\n');
  });
  return `${families.join('\n')}\n# EOF\n`;
}
