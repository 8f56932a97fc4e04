/** Owns measuring what a stranger can do to everybody else: slow connections and wrong passwords beside somebody's health checks. */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { hashSync } from 'bcryptjs';
import { startExporterProcess, writeConfig } from '../tests/harness/exporter.js';
import { type BenchResult, quantile } from './result.js';

const SLOW_SOCKETS = 1_000;
const WRONG_PASSWORDS = 500;
const CHECKS = 2_000;
const COST = 10;

type Attack = 'slow' | 'passwords';

export async function run(): Promise<BenchResult[]> {
  const folder = mkdtempSync(join(tmpdir(), 'flowgauge-doors-'));
  // Nobody listens there: the pages have to answer without any database.
  const users = `basic_auth_users: { prometheus: '${hashSync('right', COST)}' }\n`;
  writeFileSync(join(folder, 'web.yml'), users);
  const config = writeConfig(
    folder,
    `web: { listen_address: '127.0.0.1:0', config_file: web.yml }\nsource: { url: 'postgres://a@127.0.0.1:1/none' }\n`,
  );
  const exporter = await startExporterProcess(config);
  try {
    await checks(exporter.url);
    const calm = await checks(exporter.url);
    const results = [figure('/-/healthy, p99, nobody else', calm, 0.99)];
    for (const [attack, name, share, atMost] of [
      ['slow', `/-/healthy, p99, beside ${SLOW_SOCKETS} connections that send a byte a second`, 0.99, 100],
      ['passwords', `/-/healthy, slowest, while ${WRONG_PASSWORDS} wrong passwords come`, 1, 50],
    ] as const) {
      const end = await begin(attack, exporter.url);
      const figures = await checks(exporter.url);
      const did = await end();
      results.push({ ...figure(name, figures, share, did), atMost: { ours: atMost } });
    }
    return results;
  } finally {
    await exporter.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

function figure(name: string, figures: readonly number[], share: number, did = ''): BenchResult {
  const weighted = figures.map((value) => ({ value, weight: 1 }));
  return {
    name,
    ours: quantile(weighted, share),
    unit: 'ms',
    method: `${CHECKS} requests one after the other over one kept connection; the others in a process of their own${did}`,
  };
}

/** Milliseconds of each health check. */
async function checks(url: string): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const figures: number[] = [];
  for (let i = 0; i < CHECKS; i += 1) {
    const startedMs = performance.now();
    await new Promise<void>((resolve, reject) => {
      get(`${url}/-/healthy`, { agent }, (answer) => answer.resume().on('end', resolve)).on('error', reject);
    });
    figures.push(performance.now() - startedMs);
    // As often as a busy machine asks, so that the attack lasts for all of them.
    await pause(2);
  }
  agent.destroy();
  return figures;
}

/** Starts an attack in another process, and waits until it runs; the answer ends it and tells what it did. */
async function begin(attack: Attack, url: string): Promise<() => Promise<string>> {
  const child = fork(fileURLToPath(import.meta.url), [attack, url]);
  const heard = () =>
    new Promise<string>((resolve) => child.once('message', (said) => resolve(String(said))));
  await heard();
  return async () => {
    const told = heard();
    child.send('enough');
    const did = await told;
    child.disconnect();
    return `: ${did}`;
  };
}

async function slow(url: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const sockets: Socket[] = [];
  let cut = 0;
  const open = () => {
    const socket = connect({ host: hostname, port: Number(port) });
    socket.on('error', () => {});
    socket.on('close', () => {
      cut += 1;
      if (!isEnough) open();
    });
    socket.write('GET / HTTP/1.1\r\nhost: localhost\r\nx-a: ');
    sockets.push(socket);
  };
  for (let i = 0; i < SLOW_SOCKETS; i += 1) open();
  const drip = setInterval(() => {
    for (const socket of sockets) if (!socket.destroyed) socket.write('b');
  }, 1_000);
  await pause(1_000);
  process.send?.('begun');
  await enough;
  clearInterval(drip);
  for (const socket of sockets) socket.destroy();
  return `${SLOW_SOCKETS} connections at a time, ${cut} of them ended by the server meanwhile`;
}

async function passwords(url: string): Promise<string> {
  const agent = new Agent({ keepAlive: true, maxSockets: 20 });
  const statuses: Record<string, number> = {};
  let asked = 0;
  process.send?.('begun');
  const lane = async () => {
    while (asked < WRONG_PASSWORDS) {
      asked += 1;
      const auth = `user${asked % 50}:wrong${asked}`;
      const status = await new Promise<number>((resolve, reject) => {
        get(`${url}/metrics`, { agent, auth }, (answer) => {
          answer.resume().on('end', () => resolve(answer.statusCode ?? 0));
        }).on('error', reject);
      });
      statuses[status] = (statuses[status] ?? 0) + 1;
      await pause(100);
    }
  };
  await Promise.all(Array.from({ length: 20 }, lane));
  await enough;
  return `answers by status ${JSON.stringify(statuses)}, bcrypt at cost ${COST}`;
}

let isEnough = false;
let tellEnough: () => void = () => {};
const enough = new Promise<void>((resolve) => {
  tellEnough = resolve;
});
const [, , which, target] = process.argv;
if ((which === 'slow' || which === 'passwords') && target !== undefined) {
  process.once('message', () => {
    isEnough = true;
    tellEnough();
  });
  process.send?.(await (which === 'slow' ? slow(target) : passwords(target)));
  process.on('disconnect', () => process.exit());
}
