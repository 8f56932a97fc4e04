/** Owns the proof that our numbers of the machine are those of Debian's prometheus-node-exporter on the same machine. */
import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linuxReaders } from '../../src/resources/linux-readers.js';
import { readCpuTicks } from '../../src/resources/proc-text.js';
import { measured, type ResourceSample } from '../../src/resources/sample.js';
import { ResourceSampler } from '../../src/resources/sampler.js';
import { systemFiles } from '../../src/resources/system-files.js';
import { eventually, labelOf, samplesOf } from '../harness/exporter.js';
import { freePort } from '../harness/ports.js';
import { endProcess, pause, startProgram } from '../harness/processes.js';

/** What changes while two programs are asked one after the other on a busy machine. */
const SLACK_BYTES = 512 * 1024 ** 2;

/** node_exporter shows the machine, so the limits of a container that the test may run in are left out. */
const machine = {
  ...systemFiles(),
  read: (path: string) => (path === '/proc/self/cgroup' ? '' : systemFiles().read(path)),
};

let peer: ChildProcess;
let url: string;

beforeAll(async () => {
  const port = await freePort();
  const collectors = ['cpu', 'meminfo', 'loadavg', 'filesystem', 'netdev', 'diskstats'];
  peer = startProgram({
    command: 'prometheus-node-exporter',
    args: [
      '--collector.disable-defaults',
      ...collectors.map((name) => `--collector.${name}`),
      '--collector.filesystem.fs-types-exclude=^$',
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    deathSignal: 'KILL',
  });
  url = `http://127.0.0.1:${port}/metrics`;
  await eventually(theirs, (text) => text.includes('node_load1'));
});

afterAll(() => endProcess(peer, ['SIGTERM', 'SIGKILL'], 5_000));

async function theirs(): Promise<string> {
  return (await fetch(url, { signal: AbortSignal.timeout(10_000) })).text();
}

function sampler(): ResourceSampler {
  const watched = { mountpoints: ['/'], devices: undefined, dataDirectory: undefined };
  return new ResourceSampler(linuxReaders(watched, machine), () => performance.now());
}

async function ours(from: ResourceSampler): Promise<ResourceSample> {
  await from.read('often');
  await from.read('seldom');
  return from.sample;
}

/** Our numbers before and after theirs: what only rises must lie between. */
async function around(): Promise<{ before: ResourceSample; text: string; after: ResourceSample }> {
  const before = await ours(sampler());
  const text = await theirs();
  return { before, text, after: await ours(sampler()) };
}

function sum(samples: ReadonlyMap<string, number>, takes: (labels: string) => boolean): number {
  return [...samples].reduce((total, [labels, value]) => total + (takes(labels) ? value : 0), 0);
}

function expectBetween(value: number, low: number, high: number): void {
  expect(value).toBeGreaterThanOrEqual(low);
  expect(value).toBeLessThanOrEqual(high);
}

describe('beside node_exporter', () => {
  it('memory and swap', async () => {
    const { text, after } = await around();
    const their = (name: string) => samplesOf(text, `node_memory_${name}_bytes`).get('')!;
    const memory = measured(after, 'memory')!;
    expect(memory.totalBytes).toBe(their('MemTotal'));
    const used = their('MemTotal') - their('MemAvailable');
    expect(Math.abs(memory.usedBytes - used)).toBeLessThan(SLACK_BYTES);
    const swap = measured(after, 'swap')!;
    expect(swap.totalBytes).toBe(their('SwapTotal'));
    expect(Math.abs(swap.usedBytes - (their('SwapTotal') - their('SwapFree')))).toBeLessThan(SLACK_BYTES);
  });

  it('load averages, to the last digit', async () => {
    // They change every five seconds, so a pair of readings may fall on both sides of a change.
    const { text, after } = await eventually(around, (pair) => {
      const load = measured(pair.after, 'load')!;
      return samplesOf(pair.text, 'node_load1').get('') === load['1m'];
    });
    const load = measured(after, 'load')!;
    expect(load['5m']).toBe(samplesOf(text, 'node_load5').get(''));
    expect(load['15m']).toBe(samplesOf(text, 'node_load15').get(''));
  });

  it('the root file system', async () => {
    const { text, after } = await around();
    const their = (name: string) =>
      [...samplesOf(text, `node_filesystem_${name}_bytes`)].find(
        ([labels]) => labelOf(labels, 'mountpoint') === '/',
      )![1];
    const root = measured(after, 'filesystem')!.mounts.get('/')!;
    const onlyForRoot = their('free') - their('avail');
    expect(Math.abs(root.totalBytes - (their('size') - onlyForRoot))).toBeLessThan(SLACK_BYTES);
    expect(Math.abs(root.usedBytes - (their('size') - their('free')))).toBeLessThan(SLACK_BYTES);
  });

  it('every network device', async () => {
    const { before, text, after } = await around();
    const devices = measured(before, 'network')!;
    const names = { receiveBytes: 'receive_bytes', transmitBytes: 'transmit_bytes' } as const;
    for (const [device, totals] of devices) {
      for (const [key, name] of Object.entries(names) as [keyof typeof names, string][]) {
        const their = sum(
          samplesOf(text, `node_network_${name}_total`),
          (l) => labelOf(l, 'device') === device,
        );
        expectBetween(their, totals[key], measured(after, 'network')!.get(device)![key]);
      }
    }
    const theirDevices = [...samplesOf(text, 'node_network_receive_bytes_total').keys()].map((labels) =>
      labelOf(labels, 'device'),
    );
    for (const device of devices.keys()) expect(theirDevices).toContain(device);
  });

  it('all disks together', async () => {
    const { before, text, after } = await around();
    const isDisk = (labels: string) => !/^(dm-|md|zram|sr)/.test(labelOf(labels, 'device')!);
    const names = { read: 'read_bytes', write: 'written_bytes' } as const;
    for (const [direction, name] of Object.entries(names) as ['read' | 'write', string][]) {
      const their = sum(samplesOf(text, `node_disk_${name}_total`), isDisk);
      expectBetween(their, measured(before, 'disk')![direction], measured(after, 'disk')![direction]);
    }
  });

  it('processor time, and its share over some seconds', async () => {
    const isBusy = (labels: string) => !['idle', 'iowait'].includes(labelOf(labels, 'mode')!);
    const busySeconds = () => readCpuTicks(machine.read('/proc/stat')).busy / 100;
    const modes = (text: string) => samplesOf(text, 'node_cpu_seconds_total');

    const mine = sampler();
    await mine.read('often');
    const low = busySeconds();
    const first = modes(await theirs());
    // Their sum of many columns, each cut to a tick, may differ from the kernel's own sum by some ticks.
    expectBetween(sum(first, isBusy), low - 0.5, busySeconds() + 0.5);
    await pause(3_000);
    const last = modes(await theirs());
    await mine.read('often');

    const busy = sum(last, isBusy) - sum(first, isBusy);
    const all = sum(last, () => true) - sum(first, () => true);
    const use = measured(mine.sample, 'cpu')!;
    expect(use.cores).toBe([...last.keys()].filter((labels) => labelOf(labels, 'mode') === 'user').length);
    expect(Math.abs(use.utilizationRatio! - busy / all)).toBeLessThan(0.1);
  });
});
