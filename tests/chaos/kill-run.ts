/** Owns one crash run: the exporter is killed again and again while the writer goes on, then everything is compared. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import {
  type ExporterProcess,
  eventually,
  labelOf,
  runCli,
  samplesOf,
  startExporterProcess,
  writeConfig,
} from '../harness/exporter.js';
import { pause } from '../harness/processes.js';
import { CHAOS_TABLE, createChaosTable, type Record as Journal, startWriter } from './writer.js';

/** Where the run takes place, and how to find the database behind the exporter. */
export interface Arena {
  readonly name: string;
  /** The `source`/`store` lines of the configuration. */
  readonly databases: string;
  /** URL of the source; for an embedded database known only once it runs. */
  sourceUrl(): string;
}

export interface KillPlan {
  /** Kills at random moments. */
  readonly randomKills: number;
  /** Names of failpoints, each run this often. */
  readonly failpoints: readonly string[];
  readonly perFailpoint: number;
  readonly random: () => number;
}

/** What a run compares: the writer's record and the exporter's last word. */
export interface Verdict {
  readonly kills: number;
  readonly committed: Readonly<Record<string, number>>;
  readonly counted: Readonly<Record<string, number>>;
  readonly stays: number;
  readonly expectedStays: number;
  readonly living: Readonly<Record<string, number>>;
  readonly gauges: Readonly<Record<string, number>>;
  readonly drift: number;
}

const FLOW = 'chaos';
const FAILPOINT_WITHIN_MS = 60_000;

/** Runs the plan; throws when the exporter does not come back, and resolves with both sides of the comparison. */
export async function killRun(arena: Arena, plan: KillPlan): Promise<Verdict> {
  const directory = mkdtempSync(join(tmpdir(), 'flowgauge-chaos-'));
  chmodSync(directory, 0o755);
  const config = writeConfig(
    directory,
    `web: { listen_address: "127.0.0.1:0" }
${arena.databases}
journal: { page: 200, read_interval_min: 20ms, read_interval_max: 50ms }
flows:
  ${FLOW}:
    table: ${CHAOS_TABLE}
    key: id
    status: status
    capture: journal
    audit_interval: 5s
`,
  );
  let kills = 0;
  let writer: ReturnType<typeof startWriter> | undefined;
  try {
    await prepare(arena, config);
    writer = startWriter(arena.sourceUrl(), plan.random, 4);
    for (let round = 0; round < plan.randomKills; round += 1) {
      await killAtRandom(config, plan.random);
      kills += 1;
    }
    for (const failpoint of plan.failpoints) {
      for (let round = 0; round < plan.perFailpoint; round += 1) {
        await killAt(arena, config, failpoint);
        kills += 1;
      }
    }
    await writer.stop();
    return await compare(config, writer.record, kills);
  } finally {
    await writer?.stop().catch(() => undefined);
    rmSync(directory, { recursive: true, force: true });
  }
}

async function prepare(arena: Arena, config: string): Promise<void> {
  if (!arena.databases.includes('embedded')) await createChaosTable(arena.sourceUrl());
  else {
    // The embedded server has no table yet; a first exporter starts it, is killed, and leaves it running.
    const first = await startExporterProcess(config);
    await createChaosTable(arena.sourceUrl());
    await first.kill();
  }
  const install = runCli(['install', '--apply', `--config.file=${config}`]);
  if ((await install.exit) !== 0) throw new Error(`install failed: ${install.output()}`);
  // The baseline of an empty table: from here on every commit of the writer must be counted.
  const exporter = await startExporterProcess(config);
  await eventually(
    () => exporter.metrics(),
    (text) =>
      (samplesOf(text, 'flow_capture_info').get(`flow="${FLOW}",mode="journal"`) ?? 0) === 1 &&
      /flow_capture_lag_seconds\{/.test(text),
  );
  await exporter.kill();
}

async function killAtRandom(config: string, random: () => number): Promise<void> {
  const exporter = runCli(['serve', `--config.file=${config}`]);
  await pause(300 + random() * 1_500);
  exporter.child.kill('SIGKILL');
  const exit = await exporter.exit;
  if (exit !== 'SIGKILL') throw new Error(`the exporter ended by itself (${exit}): ${exporter.output()}`);
}

async function killAt(arena: Arena, config: string, failpoint: string): Promise<void> {
  if (failpoint.includes('baseline')) await requestRepair(arena);
  const exporter = runCli(['serve', `--config.file=${config}`], { FLOWGAUGE_FAILPOINT: failpoint });
  const exit = await Promise.race([
    exporter.exit,
    pause(FAILPOINT_WITHIN_MS).then(() => 'not reached' as const),
  ]);
  if (exit === 'SIGKILL') return;
  exporter.child.kill('SIGKILL');
  throw new Error(`failpoint ${failpoint}: ${exit}; ${exporter.output()}`);
}

/** Marks a failed capture that lost nothing: the exporter must take a new baseline, and still count every change. */
async function requestRepair(arena: Arena): Promise<void> {
  const sql = postgres(arena.sourceUrl(), { max: 1, onnotice: () => {} });
  await sql`select nextval('flowgauge_capture.chaos_faults')`;
  await sql.end();
}

async function compare(config: string, record: Journal, kills: number): Promise<Verdict> {
  const exporter: ExporterProcess = await startExporterProcess(config);
  try {
    const total = [...record.moves.values()].reduce((a, b) => a + b, 0);
    const text = await eventually(
      () => exporter.metrics(),
      (t) => sum(samplesOf(t, 'flow_transitions_total')) >= total && backlog(t) === 0,
      60_000,
    ).catch(() => exporter.metrics());
    // A double count may come late: give it the time of several pages and one audit.
    await pause(6_000);
    const last = await exporter.metrics();
    if (text.length === 0) throw new Error('empty scrape');
    return {
      kills,
      committed: Object.fromEntries([...record.moves].sort()),
      counted: moves(last),
      stays: sum(samplesOf(last, 'flow_status_duration_seconds_count')),
      expectedStays: [...record.moves].filter(([k]) => !k.startsWith('none>')).reduce((a, [, n]) => a + n, 0),
      living: tally([...record.living.values()]),
      gauges: byLabel(samplesOf(last, 'flow_items'), 'status'),
      drift: sum(samplesOf(last, 'flow_snapshot_drift_items')),
    };
  } finally {
    await exporter.stop();
  }
}

function moves(text: string): Record<string, number> {
  const pairs = [...samplesOf(text, 'flow_transitions_total')]
    .filter(([, n]) => n > 0)
    .map(([labels, n]) => [`${labelOf(labels, 'from')}>${labelOf(labels, 'to')}`, n] as const);
  return Object.fromEntries(pairs.sort());
}

function byLabel(samples: ReadonlyMap<string, number>, label: string): Record<string, number> {
  return Object.fromEntries(
    [...samples]
      .filter(([, n]) => n > 0)
      .map(([labels, n]) => [labelOf(labels, label)!, n] as const)
      .sort(),
  );
}

function tally(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of [...values].sort()) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

function backlog(text: string): number {
  return sum(samplesOf(text, 'flow_capture_backlog_entries'));
}

function sum(samples: ReadonlyMap<string, number>): number {
  return [...samples.values()].reduce((a, b) => a + b, 0);
}
