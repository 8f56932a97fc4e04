/** Owns the real Prometheus of the tests: scrapes what it is told, and is asked over its HTTP API. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './ports.js';
import { endProcess, pause, signalProcess, startProgram } from './processes.js';

/** One sample of an instant query. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface PrometheusServer {
  readonly url: string;
  /** An instant query; rejects with Prometheus' own message when the expression is wrong. */
  query(expression: string): Promise<Sample[]>;
  /** Asks until the condition holds. */
  waitFor(
    expression: string,
    holds: (samples: readonly Sample[]) => boolean,
    timeoutMs?: number,
  ): Promise<Sample[]>;
  /** SIGSTOP: connections are taken, and nothing is answered. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

/**
 * Starts Prometheus with one job `flowgauge` that scrapes `target` (`host:port`) every `scrapeIntervalMs`. With
 * `rules`, a pattern of files, it evaluates them and scrapes itself as the job `prometheus`.
 */
export async function startPrometheus(options: {
  readonly target: string;
  readonly scrapeIntervalMs?: number;
  readonly rules?: string;
  /** Bearer token of the scrape. */
  readonly token?: string;
}): Promise<PrometheusServer> {
  const directory = mkdtempSync(join(tmpdir(), 'flowgauge-prometheus-'));
  chmodSync(directory, 0o755);
  mkdirSync(join(directory, 'data'));
  const interval = `${options.scrapeIntervalMs ?? 500}ms`;
  const port = await freePort();
  const ownJob =
    options.rules === undefined
      ? ''
      : `  - job_name: prometheus
    static_configs: [{ targets: ["127.0.0.1:${port}"] }]
rule_files: ["${options.rules}"]
`;
  writeFileSync(
    join(directory, 'prometheus.yml'),
    `global: { scrape_interval: ${interval}, scrape_timeout: ${interval}, evaluation_interval: ${interval} }
scrape_configs:
  - job_name: flowgauge
${options.token === undefined ? '' : `    authorization: { credentials: "${options.token}" }\n`}    static_configs: [{ targets: ["${options.target}"] }]
${ownJob}`,
  );
  const child = startProgram({
    command: 'prometheus',
    args: [
      `--config.file=${join(directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    deathSignal: 'KILL',
  });
  let log = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const url = `http://127.0.0.1:${port}`;
  const query = async (expression: string): Promise<Sample[]> => {
    const answer = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expression)}`);
    const body = (await answer.json()) as {
      status: string;
      error?: string;
      data?: { result: { metric: Record<string, string>; value: [number, string] }[] };
    };
    if (body.status !== 'success' || body.data === undefined) throw new Error(`${expression}: ${body.error}`);
    return body.data.result.map((r) => ({ labels: r.metric, value: Number(r.value[1]) }));
  };
  const server: PrometheusServer = {
    url,
    query,
    async waitFor(expression, holds, timeoutMs = 40_000) {
      const endMs = performance.now() + timeoutMs;
      let last: unknown;
      while (performance.now() < endMs) {
        if (child.exitCode !== null) throw new Error(`prometheus ended: ${log}`);
        try {
          const samples = await query(expression);
          if (holds(samples)) return samples;
          last = samples;
        } catch (error) {
          last = error instanceof Error ? error.message : error;
        }
        await pause(200);
      }
      throw new Error(`${expression} not as expected within ${timeoutMs} ms; last: ${JSON.stringify(last)}`);
    },
    freeze() {
      signalProcess(child.pid!, 'SIGSTOP');
    },
    thaw() {
      signalProcess(child.pid!, 'SIGCONT');
    },
    async stop() {
      signalProcess(child.pid!, 'SIGCONT');
      await endProcess(child, ['SIGTERM', 'SIGKILL'], 5_000);
      rmSync(directory, { recursive: true, force: true });
    },
  };
  return server;
}
