/** Owns measuring /metrics over HTTP: requests per second and processor time of ours beside Express with prom-client. */
import { type ChildProcess, fork } from 'node:child_process';
import { Agent, get } from 'node:http';
import { fileURLToPath } from 'node:url';
import { ended } from '../tests/harness/processes.js';
import { cpuMsOf } from './process-use.js';
import { type BenchResult, interleaved } from './result.js';

const REQUESTS = 400;
const ROUNDS = { rounds: 9, warmUp: 2 };

interface Server {
  readonly child: ChildProcess;
  readonly url: string;
}

export async function run(): Promise<BenchResult[]> {
  const [ours, peer] = await Promise.all([start('ours'), start('peer')]);
  try {
    const sizes = await Promise.all([ours, peer].map(seriesOf));
    const results: BenchResult[] = [];
    for (const connections of [1, 8]) {
      const method = `GET /metrics without compression, ${sizes[0]} samples (peer ${sizes[1]}), ${REQUESTS} requests a round over ${connections} kept connection(s), ${ROUNDS.rounds} interleaved rounds, client in another process; peer: Express with prom-client`;
      const spentBefore = [ours, peer].map(cpuOf) as [number, number];
      const rate = await interleaved(
        () => requestsPerSecond(ours, connections),
        () => requestsPerSecond(peer, connections),
        ROUNDS,
      );
      const name = `/metrics over HTTP, ${connections} connection(s)`;
      results.push({ name: `${name}: rate`, ...rate, unit: 'requests/s', method });
      const asked = REQUESTS * (ROUNDS.rounds + ROUNDS.warmUp);
      const perRequest = (server: Server, beforeMs: number) => ((cpuOf(server) - beforeMs) * 1000) / asked;
      const cpu = { ours: perRequest(ours, spentBefore[0]), peer: perRequest(peer, spentBefore[1]) };
      results.push({
        name: `${name}: processor of the server`,
        ...cpu,
        ratio: cpu.ours / cpu.peer,
        unit: 'µs/request',
        method: `${method}; over all rounds together`,
      });
    }
    return results;
  } finally {
    for (const { child } of [ours, peer]) child.disconnect();
    await Promise.all([ended(ours.child), ended(peer.child)]);
  }
}

async function start(which: 'ours' | 'peer'): Promise<Server> {
  const child = fork(fileURLToPath(new URL('./http-server.js', import.meta.url)), [which]);
  const url = await new Promise<string>((resolve, reject) => {
    child.once('message', (message) => resolve(String(message)));
    child.once('exit', (code) => reject(new Error(`the server "${which}" ended with ${code}`)));
  });
  return { child, url };
}

async function requestsPerSecond(server: Server, connections: number): Promise<number> {
  const startedMs = performance.now();
  await ask(server, connections);
  return (1000 * REQUESTS) / (performance.now() - startedMs);
}

const cpuOf = ({ child }: Server): number => cpuMsOf(child.pid!);

async function ask({ url }: Server, connections: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  let left = REQUESTS;
  const lane = async () => {
    while (left-- > 0) await once(`${url}/metrics`, agent);
  };
  await Promise.all(Array.from({ length: connections }, lane));
  agent.destroy();
}

function once(url: string, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('error', reject);
      answer.on('end', () => {
        if (answer.statusCode === 200) resolve(Buffer.concat(parts).toString('utf8'));
        else reject(new Error(`${url} answered ${answer.statusCode}`));
      });
    }).on('error', reject);
  });
}

async function seriesOf({ url }: Server): Promise<number> {
  const agent = new Agent();
  const text = await once(`${url}/metrics`, agent);
  agent.destroy();
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
}
