/** Owns measuring what one look at the machine costs: our reading with its series beside a scrape of node_exporter for the same. */

import { createMetrics } from '../src/metrics/registry.js';
import { ResourceBoard } from '../src/resource-board.js';
import { systemReaders } from '../src/resources/sampler.js';
import { createLogger } from '../src/telemetry/logger.js';
import { freePort } from '../tests/harness/ports.js';
import { endProcess, pause, startProgram } from '../tests/harness/processes.js';
import { cpuMsOf } from './process-use.js';
import { type BenchResult, interleaved } from './result.js';

const LOOKS = 200;
const ROUNDS = { rounds: 9, warmUp: 2 };
/** The usual pause between two looks, for the share of a core. */
const INTERVAL_MS = 15_000;
const COLLECTORS = ['cpu', 'meminfo', 'loadavg', 'filesystem', 'netdev', 'diskstats'];

export async function run(): Promise<BenchResult[]> {
  const jobs = new ResourceBoard({
    readers: systemReaders(
      { mountpoints: undefined, devices: undefined, dataDirectory: undefined },
      process.platform,
    ),
    metrics: createMetrics({ processMetrics: 'omit' }),
    log: createLogger({ stream: { write() {} } }).named('resources'),
    weights: { memory: 0.4, cpu: 0.3, load: 0.3 },
    intervalMs: INTERVAL_MS,
    slowIntervalMs: INTERVAL_MS,
    work: () => [],
    wallMs: Date.now,
    nowMs: () => performance.now(),
  }).jobs();
  const port = await freePort();
  const peer = startProgram({
    command: 'prometheus-node-exporter',
    args: [
      '--collector.disable-defaults',
      ...COLLECTORS.map((name) => `--collector.${name}`),
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    deathSignal: 'KILL',
  });
  const url = `http://127.0.0.1:${port}/metrics`;
  try {
    while (
      !(await fetch(url).then(
        (answer) => answer.ok,
        () => false,
      ))
    )
      await pause(50);
    const signal = new AbortController().signal;
    const figures = await interleaved(
      async () => {
        const before = process.cpuUsage();
        for (let i = 0; i < LOOKS; i += 1) for (const job of jobs) await job.run(signal, () => {});
        const { user, system } = process.cpuUsage(before);
        return (user + system) / 1000 / LOOKS;
      },
      async () => {
        const beforeMs = cpuMsOf(peer.pid!);
        for (let i = 0; i < LOOKS; i += 1) await (await fetch(url)).text();
        return (cpuMsOf(peer.pid!) - beforeMs) / LOOKS;
      },
      ROUNDS,
    );
    return [
      {
        name: 'one look at the machine, processor time',
        ...figures,
        unit: 'ms',
        method: `${LOOKS} looks a round, ${ROUNDS.rounds} interleaved rounds, all sources each time; ours every ${INTERVAL_MS / 1000} s is ${((figures.ours / INTERVAL_MS) * 100).toFixed(4)} % of a core; peer: a scrape of prometheus-node-exporter with ${COLLECTORS.join(', ')}, its side alone`,
        atMost: { ours: INTERVAL_MS / 100 },
      },
    ];
  } finally {
    await endProcess(peer, ['SIGTERM', 'SIGKILL'], 5_000);
  }
}
