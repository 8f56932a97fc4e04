/** Owns the proof of the board: how old each part is, what is told of a source that fails, and what health is judged from. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_HEALTH_WEIGHTS } from '../../src/health.js';
import { createMetrics } from '../../src/metrics/registry.js';
import { ResourceBoard } from '../../src/resource-board.js';
import type { Reader } from '../../src/resources/sample.js';
import { createLogger } from '../../src/telemetry/logger.js';

function bench() {
  const clock = { ms: 0 };
  const lines: string[] = [];
  const memory = { fails: false };
  const filesystems = { failed: [] as string[], isBroken: false };
  const readers: readonly Reader[] = [
    {
      source: 'memory',
      read: () => {
        if (memory.fails) throw new Error('EIO');
        return { usedBytes: 20, totalBytes: 100 };
      },
    },
    { source: 'cpu', read: () => ({ cores: 2, utilizationRatio: 0.5 }) },
    {
      source: 'filesystem',
      read: () => {
        if (filesystems.isBroken) throw new Error('EIO');
        const failed = filesystems.failed.map((point) => [point, new Error(`silent ${point}`)] as const);
        return { mounts: new Map(), failed: new Map(failed) };
      },
    },
    { source: 'process', read: () => ({ residentBytes: 1, children: 0, openFds: 1, maxFds: 2 }) },
  ];
  const board = new ResourceBoard({
    readers,
    metrics: createMetrics({ processMetrics: 'omit' }),
    log: createLogger({ stream: { write: (line: string) => void lines.push(line) }, repeatMs: 0 }),
    weights: DEFAULT_HEALTH_WEIGHTS,
    intervalMs: 5_000,
    slowIntervalMs: 30_000,
    work: () => [{ items: 10, overLimit: 1 }],
    wallMs: () => Date.UTC(2026, 0, 2) + clock.ms,
    nowMs: () => clock.ms,
  });
  const [often, seldom] = board.jobs();
  const signal = new AbortController().signal;
  return {
    board,
    clock,
    memory,
    filesystems,
    lines,
    often: () => often!.run(signal, () => {}),
    seldom: () => seldom!.run(signal, () => {}),
    pauseMs: () => (often!.intervalMs as () => number)(),
  };
}

describe('the board', () => {
  it('says how old each part is', async () => {
    const { board, clock, often, seldom } = bench();
    expect(board.latest()).toEqual({ sample: {}, ageSeconds: new Map(), health: undefined });
    await seldom();
    clock.ms = 20_000;
    await often();
    clock.ms = 22_500;
    const { sample, ageSeconds, health } = board.latest();
    expect(sample.memory).toMatchObject({ kind: 'measured', value: { usedBytes: 20, totalBytes: 100 } });
    expect(ageSeconds).toEqual(
      new Map([
        ['filesystem', 22.5],
        ['process', 22.5],
        ['memory', 2.5],
        ['cpu', 2.5],
      ]),
    );
    // 0.4·70 + 0.3·40 + 0.3·90
    expect(health?.score).toBeCloseTo(67, 6);
  });

  it('tells of a source when it fails and when it is back, and judges without it meanwhile', async () => {
    const { board, memory, lines, often } = bench();
    await often();
    memory.fails = true;
    for (let run = 0; run < 3; run += 1) await often();
    expect(board.latest().sample.memory).toMatchObject({ kind: 'failed' });
    expect([...(board.latest().health?.components.keys() ?? [])]).toEqual(['cpu', 'load']);
    memory.fails = false;
    await often();
    const told = lines.map((line) => JSON.parse(line) as { msg: string; resource: string; level: string });
    expect(told.map(({ level, msg, resource }) => [level, msg, resource])).toEqual([
      ['warn', 'resource not measured', 'memory'],
      ['info', 'resource measured again', 'memory'],
    ]);
  });

  it('tells of each file system by itself', async () => {
    const { filesystems, lines, seldom } = bench();
    const told = () =>
      lines.splice(0).map((line) => {
        const { msg, mountpoint, err } = JSON.parse(line);
        return [msg, mountpoint, err?.message];
      });
    filesystems.failed = ['/a'];
    await seldom();
    expect(told()).toEqual([['resource not measured', '/a', 'silent /a']]);
    filesystems.failed = ['/a', '/b'];
    await seldom();
    expect(told()).toEqual([['resource not measured', '/b', 'silent /b']]);
    filesystems.failed = ['/b'];
    await seldom();
    expect(told()).toEqual([['resource measured again', '/a', undefined]]);
    filesystems.isBroken = true;
    await seldom();
    await seldom();
    expect(told()).toEqual([['resource not measured', undefined, 'EIO']]);
    filesystems.isBroken = false;
    await seldom();
    expect(told()).toEqual([['resource measured again', undefined, undefined]]);
    filesystems.failed = [];
    await seldom();
    expect(told()).toEqual([['resource measured again', '/b', undefined]]);
  });

  it('takes the second measurement soon, because the first has no use of the processors yet', async () => {
    const { often, pauseMs } = bench();
    await often();
    expect(pauseMs()).toBe(1_000);
    await often();
    expect(pauseMs()).toBe(5_000);
  });
});

describe('the history', () => {
  it('gets a row with each slow measurement, after it, and shows those of the minutes asked for', async () => {
    const { board, clock, often, seldom } = bench();
    expect(board.history(600)).toEqual({ rows: [], intervalMs: 30_000 });
    await often();
    for (let row = 0; row < 5; row += 1) {
      clock.ms += 30_000;
      await often();
      await seldom();
    }
    expect(board.history(600).rows).toHaveLength(5);
    const [oldest, ...later] = board.history(1).rows;
    expect(later).toHaveLength(2);
    expect(new Date(oldest!.wallMs).toISOString()).toBe('2026-01-02T00:01:30.000Z');
    expect(oldest!.values).toMatchObject({
      memory_used_bytes: 20,
      cpu_utilization_ratio: 0.5,
      resident_memory_bytes: 1,
      health_score: 67,
      waiting_items: 10,
      over_limit_items: 1,
      network_receive_bytes_per_second: undefined,
    });
  });

  it('forgets a score that nobody judged for long', async () => {
    const { board, clock, often, seldom } = bench();
    await often();
    clock.ms = 70_000;
    await seldom();
    clock.ms = 70_001;
    await seldom();
    expect(board.history(600).rows.map(({ values }) => values.health_score)).toEqual([67, undefined]);
  });
});
