/** Owns the proof that a replayed log becomes exactly its own numbers on /metrics and in Prometheus, across kills. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LogColumns } from '../../src/demo/event-log.js';
import { createRandom } from '../../src/demo/random.js';
import { embeddedSourceUrl, stopEmbedded } from '../chaos/embedded-arena.js';
import {
  type ExporterProcess,
  eventually,
  labelOf,
  runCli,
  samplesOf,
  startDemoProcess,
} from '../harness/exporter.js';
import { type FreshDatabase, freshDatabase } from '../harness/fresh-database.js';
import { pause } from '../harness/processes.js';
import { type Sample, startPrometheus } from '../harness/prometheus.js';
import { moveCount, trueMoves } from './replay-check.js';
import { loadTruth, type TrueMoves } from './replay-truth.js';
import { SAMPLE_COLUMNS, sampleLog } from './sample-log.js';

const KILLS = 2;
const MOVES = 'flow_transitions_total';
const STAYS = 'flow_status_duration_seconds_count';
const STAYED = 'flow_status_duration_seconds_sum';

/** Numbers by `from>to`; pairs at zero are left out. */
type ByPair = Record<string, number>;

interface Numbers {
  readonly moves: ByPair;
  readonly stays: ByPair;
  readonly seconds: ByPair;
}

const realLog = process.env.FLOWGAUGE_REPLAY_LOG;
const logs: readonly (readonly [string, LogColumns, string | undefined])[] = [
  ['a generated log', SAMPLE_COLUMNS, undefined],
  ...(realLog === undefined
    ? []
    : [[realLog, { item: 'CaseID', status: 'ActivityID', time: 'CompleteTimestamp' }, realLog] as const]),
];

describe.each(logs)('%s', (_name, columns, given) => {
  let directory: string;
  let data: string;
  let file: string;
  let database: FreshDatabase;
  let truth: TrueMoves[];
  let demo: ExporterProcess | undefined;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'flowgauge-replay-exporter-'));
    // The embedded server runs as another user when we are root, and must get through.
    chmodSync(directory, 0o755);
    data = join(directory, 'data');
    file = given ?? join(directory, 'sample.csv');
    if (given === undefined) writeFileSync(file, sampleLog(11, 4_000));
    database = await freshDatabase();
    await loadTruth(database.sql, file, columns);
    truth = await trueMoves(database.sql, 'count', 'spread');
  });
  afterAll(async () => {
    await demo?.stop();
    await stopEmbedded(join(data, 'postgres'));
    await database?.drop();
    rmSync(directory, { recursive: true, force: true });
  });

  const start = async (...flags: string[]): Promise<ExporterProcess> => {
    const { item, status, time } = columns;
    const named = `item=${item},status=${status},time=${time}`;
    const replay = ['--replay', file, '--columns', named, '--speed', 'unlimited', ...flags];
    demo = await startDemoProcess(data, replay);
    return demo;
  };

  test('every count and every dwell time is the one that the file says, though the exporter was killed', async () => {
    const random = createRandom('replay kills');
    const events = moveCount(truth);
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const exporter = await start();
      await storedBeyond(data, (events * (kill - random.uniform(0, 0.9))) / (KILLS + 1), exporter);
      await pause(random.uniform(0, 60));
      await exporter.kill();
      expect(exporter.output()).not.toContain('replay finished');
    }
    const last = await start();
    const expected = numbersOf(truth);
    await eventually(
      async () => sumOf(numbersIn(await last.metrics()).moves),
      (moves) => moves >= events,
    );
    expect(last.output()).toContain('replay finished');
    expect(numbersIn(await last.metrics())).toEqual(expected);
    // The file's own times, without the microsecond between two events of one moment.
    const written = numbersOf(await trueMoves(database.sql, 'count', 'as-written'));
    expect(wholeSeconds(expected.seconds)).toEqual(wholeSeconds(written.seconds));
    expect(sumOf(expected.moves)).toBe(events);
  });

  test('Prometheus answers the same, from an exporter that was started again behind the finished replay', async () => {
    expect(await demo!.stop()).toBe(0);
    const again = await start();
    await eventually(
      async () => again.output(),
      (output) => output.includes('replay finished: 0 of '),
    );
    const prometheus = await startPrometheus({ target: new URL(again.url).host });
    try {
      const expected = numbersOf(truth);
      const all = `sum(${MOVES}{flow="replay"})`;
      await prometheus.waitFor(all, ([total]) => total?.value === moveCount(truth));
      const ask = async (metric: string, from: string) =>
        pairsOf(await prometheus.query(`${metric}{flow="replay"}`), from);
      expect({
        moves: await ask(MOVES, 'from'),
        stays: await ask(STAYS, 'status'),
        seconds: await ask(STAYED, 'status'),
      }).toEqual(expected);
    } finally {
      await prometheus.stop();
    }
  });

  test('a restart takes every item out of the table once and counts the log a second time', async () => {
    await demo!.stop();
    const again = await start('--replay-restart');
    const items = (await database.sql`SELECT count(DISTINCT item)::int AS n FROM replay_truth`)[0]!
      .n as number;
    const moves = await eventually(
      async () => numbersIn(await again.metrics()).moves,
      (counted) => sumOf(counted) >= 2 * moveCount(truth) + items,
    );
    const left = Object.keys(moves).filter((pair) => pair.endsWith('>none'));
    expect(sumOf(Object.fromEntries(left.map((pair) => [pair, moves[pair]!])))).toBe(items);
    const rest = Object.fromEntries(Object.entries(moves).filter(([pair]) => !left.includes(pair)));
    expect(rest).toEqual(numbersOf(truth.map((pair) => ({ ...pair, moves: 2 * pair.moves }))).moves);
  });
});

test.concurrent.each([
  [['--speed', 'fast'], '--speed of the market is "fast"'],
  [['--speed', 'unlimited'], '--speed of the market is "unlimited"'],
  [['--replay', 'log.csv', '--speed', '-3x'], '--speed'],
  [['--replay', 'log.csv', '--speed', 'fast'], 'write for example 100000x, or unlimited'],
  [['--replay', 'log.csv', '--columns', 'item=a,status=b'], 'write item=COLUMN,status=COLUMN,time=COLUMN'],
  [['--replay-restart'], 'name the log with --replay FILE.csv'],
  [
    ['--scenario', 'stall', '--scenario-lasts', '90'],
    '--scenario-lasts is "90", which has no unit. Write 90s for seconds',
  ],
  [['--scenario-start', '5s'], 'name it with --scenario'],
])('flowgauge demo %j is refused', async (flags, message) => {
  const run = runCli(['demo', '--data', join(tmpdir(), 'flowgauge-never-made'), ...flags]);
  expect(await run.exit).toBe(2);
  expect(run.output()).toContain(message);
});

/** Waits until the replay has stored this many events, by asking the database that it writes to. */
async function storedBeyond(data: string, events: number, exporter: ExporterProcess): Promise<void> {
  const sql = postgres(embeddedSourceUrl(join(data, 'postgres')), { max: 1, onnotice: () => {} });
  try {
    for (;;) {
      const [row] = await sql`SELECT coalesce(sum(events), 0)::int AS events FROM replay_position`.catch(
        () => [],
      );
      if (Number(row?.events ?? 0) >= events) return;
      if (exporter.child.exitCode !== null) throw new Error(`the demo ended: ${exporter.output()}`);
    }
  } finally {
    await sql.end({ timeout: 1 });
  }
}

function numbersOf(truth: readonly TrueMoves[]): Numbers {
  // An arrival ends no stay.
  const stays = truth.filter((pair) => pair.from_status !== 'none');
  const by = (pairs: readonly TrueMoves[], value: (pair: TrueMoves) => number): ByPair =>
    Object.fromEntries(pairs.map((pair) => [`${pair.from_status}>${pair.to_status}`, value(pair)]));
  return {
    moves: by(truth, (pair) => pair.moves),
    stays: by(stays, (pair) => pair.moves),
    // A pair whose stays all lasted no time has the sum zero, as a pair without stays has.
    seconds: withoutZeros(by(stays, (pair) => Number(pair.seconds))),
  };
}

function numbersIn(text: string): Numbers {
  const read = (metric: string, from: string): ByPair => {
    const samples = [...samplesOf(text, metric)].map(([labels, value]) => {
      const name = `${plain(labelOf(labels, from))}>${plain(labelOf(labels, 'to'))}`;
      return [name, value] as const;
    });
    return withoutZeros(Object.fromEntries(samples));
  };
  return { moves: read(MOVES, 'from'), stays: read(STAYS, 'status'), seconds: read(STAYED, 'status') };
}

function pairsOf(samples: readonly Sample[], from: string): ByPair {
  return withoutZeros(
    Object.fromEntries(samples.map(({ labels, value }) => [`${labels[from]}>${labels.to}`, value])),
  );
}

function plain(label: string | undefined): string {
  return (label ?? '').replace(/\\(.)/g, (_, next: string) => (next === 'n' ? '\n' : next));
}

function withoutZeros(numbers: ByPair): ByPair {
  return Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== 0));
}

function wholeSeconds(numbers: ByPair): ByPair {
  return withoutZeros(
    Object.fromEntries(Object.entries(numbers).map(([pair, value]) => [pair, Math.round(value)])),
  );
}

function sumOf(numbers: ByPair): number {
  return Object.values(numbers).reduce((sum, value) => sum + value, 0);
}
