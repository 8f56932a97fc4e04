/** Owns one configured flow from its first look at the catalog to its reader: which mode holds, and when to do what. */
import type { CaptureMode, Flow } from '../flows/flow.js';
import type { Database } from '../storage/database.js';
import { loadState, stopReading } from '../storage/flow-store.js';
import type { Backlog, ChangeSource } from './change-source.js';
import { inspectTable, type WatchedTable } from './inspect.js';
import { type InstallationStatus, installationStatus } from './install.js';
import { openJournal } from './journal.js';
import { openPoll } from './poll.js';
import { countTable, type StatusCount } from './snapshot.js';
import type { Turns } from './turns.js';
import type { AuditResult, StepResult, WatcherEvent } from './watch-report.js';
import { type Failpoint, FlowWatcher } from './watcher.js';

const INSPECT_DEADLINE_MS = 10_000;
const LOOK_BEHIND_EVERY_MS = 1_000;
/** A pause lasts at least this many times the read before it. */
const READ_REST_FACTOR = 3;
/** But no longer: a read through a frozen minute says nothing about the next one. */
const LONGEST_REST_MS = 5_000;
/** An audit out of turn (an event asks for it, or the last one failed) comes no sooner than this after the last. */
const AUDIT_REST_MS = 2_000;
/** Nor sooner than this many times what the last one took: it reads the whole table. */
const AUDIT_REST_FACTOR = 10;
/** The catalog is read again this often: a column may be renamed, the triggers installed or disabled. */
const RECHECK_EVERY_MS = 60_000;
/** A count of the table may be silent this long: a little more than its deadline. */
const COUNT_MS = 75_000;

/** A configured flow as the runner needs it. */
export interface RunnerConfig extends WatchedTable {
  readonly capture: 'auto' | CaptureMode;
  readonly pollIntervalMs: number;
  readonly auditIntervalMs: number;
}

export interface RunnerOptions {
  readonly config: RunnerConfig;
  readonly source: Database;
  readonly store: Database;
  readonly boundsSeconds: readonly number[];
  readonly pageSize: number;
  /** Shortest and longest pause between two reads of a journal, milliseconds. */
  readonly readIntervalMs: { readonly min: number; readonly max: number };
  /** Shared by the flows of the process: who may read its whole table now. */
  readonly scans: Turns;
  readonly failpoint: (name: Failpoint) => void;
  readonly isLeader: () => boolean;
  readonly report: (event: RunnerEvent) => void;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
}

/** What the runner tells its owner, who logs it and turns it into series. */
export type RunnerEvent =
  | WatcherEvent
  | { readonly kind: 'opened'; readonly flow: Flow; readonly mode: CaptureMode; readonly why: string }
  | { readonly kind: 'backlog'; readonly flow: Flow; readonly backlog: Backlog }
  | { readonly kind: 'audited'; readonly flow: Flow; readonly audit: AuditResult }
  | { readonly kind: 'counted'; readonly flow: Flow; readonly counts: ReadonlyMap<string, StatusCount> };

/** The table cannot be watched as configured; every problem with its remedy is in the message. */
export class FlowRefusedError extends Error {
  readonly code = 'FLOW_REFUSED';
  constructor(
    flow: string,
    readonly problems: readonly {
      readonly path: string;
      readonly message: string;
      readonly remedy: string;
    }[],
  ) {
    super(
      `Flow ${flow} cannot be watched. ${problems.map((p) => `${p.path}: ${p.message}. ${p.remedy}.`).join(' ')}`,
    );
    this.name = 'FlowRefusedError';
  }
}

/** Said before each call to a database; throws when the tick was aborted. */
type GoOn = (withinMs?: number) => void;

interface Opened {
  readonly flow: Flow;
  readonly mode: CaptureMode;
  readonly source: ChangeSource | undefined;
  readonly watcher: FlowWatcher | undefined;
}

/** Runs one flow. `tick` must not overlap with itself; it resolves with the pause until the next call. */
export class FlowRunner {
  private opened: Opened | undefined;
  private checkedAtMs = Number.NEGATIVE_INFINITY;
  private lookedAtMs = Number.NEGATIVE_INFINITY;
  private auditedAtMs = Number.NEGATIVE_INFINITY;
  private auditTookMs = 0;
  private auditFailed = false;
  private pauseMs: number;
  /** What the last read of the source took for each hundred changes that it brought, or in all when it brought fewer. */
  private readMs = 0;
  private counted = false;
  private foldedPages = 0;
  private underWay: GoOn | undefined;

  constructor(private readonly options: RunnerOptions) {
    this.pauseMs = options.readIntervalMs.min;
  }

  /** The flow with what the catalog added, once it was opened. */
  get flow(): Flow | undefined {
    return this.opened?.flow;
  }

  /** True once the baseline is stored, by us or by another leader: every later change is counted. */
  get counting(): boolean {
    return this.counted;
  }

  /** Pages of changes that this process has stored. */
  get folds(): number {
    return this.foldedPages;
  }

  get mode(): CaptureMode | undefined {
    return this.opened?.mode;
  }

  /**
   * One round: open if needed, read, look at what waits, audit when it is time. Returns the pause in milliseconds. Calls
   * `beat` before each call to a database, with the milliseconds that it may take where that is longer than usual.
   */
  async tick(signal: AbortSignal, beat: (withinMs?: number) => void = () => {}): Promise<number> {
    const goOn: GoOn = (withinMs) => {
      signal.throwIfAborted();
      beat(withinMs);
    };
    // A tick that was left behind may wake up one day: its watcher must find its own abort, not our leave to go on.
    if (this.underWay !== undefined && this.opened !== undefined)
      this.opened = this.build(this.opened.flow, this.opened.mode);
    this.underWay = goOn;
    try {
      const pauseMs = await this.round(signal, goOn);
      this.counted ||= await this.isCounted(goOn);
      return pauseMs;
    } catch (error) {
      // Whatever failed, the table or its triggers may be other ones by now.
      this.checkedAtMs = Number.NEGATIVE_INFINITY;
      throw error;
    } finally {
      if (this.underWay === goOn) this.underWay = undefined;
    }
  }

  private async isCounted(goOn: GoOn): Promise<boolean> {
    if (this.opened?.mode === 'snapshot') return true;
    goOn();
    return (await loadState(this.options.store, this.options.config.name)) !== undefined;
  }

  private async round(signal: AbortSignal, goOn: GoOn): Promise<number> {
    const opened = await this.open(goOn);
    if (opened.watcher === undefined || opened.source === undefined) return this.count(opened.flow, goOn);
    opened.watcher.goOn = goOn;
    const leads = this.options.isLeader();
    if (!leads) opened.watcher.forget();
    const step = leads ? await opened.watcher.step(signal) : 'idle';
    if (step !== 'idle') this.foldedPages += 1;
    await this.lookBehind(opened, signal);
    if (this.options.isLeader()) await this.audit(opened, signal);
    return step === 'more' ? 0 : this.nextPause(opened.mode, step);
  }

  private async open(goOn: GoOn): Promise<Opened> {
    const { config, source, nowMs } = this.options;
    if (this.opened !== undefined && nowMs() - this.checkedAtMs < RECHECK_EVERY_MS) return this.opened;
    goOn();
    const found = await source.run('inspect', INSPECT_DEADLINE_MS, async (sql) => {
      const inspection = await inspectTable(sql, config);
      if (!inspection.ok) throw new FlowRefusedError(config.name, inspection.problems);
      const { mode, why } = await chooseMode(sql, config, inspection.flow);
      return { flow: inspection.flow, mode, why };
    });
    this.checkedAtMs = nowMs();
    if (this.opened?.mode === found.mode && sameLabels(this.opened.flow, found.flow)) return this.opened;
    this.opened = this.build(found.flow, found.mode);
    this.options.report({ kind: 'opened', ...found });
    return this.opened;
  }

  private build(flow: Flow, mode: CaptureMode): Opened {
    if (mode === 'snapshot') return { flow, mode, source: undefined, watcher: undefined };
    const { source: db, ...rest } = this.options;
    const source = this.timed(
      mode === 'journal' ? openJournal(db, flow) : openPoll(db, { ...flow, updatedAt: flow.updatedAt! }),
    );
    const watcher = new FlowWatcher({ ...rest, flow, mode, source });
    return { flow, mode, source, watcher };
  }

  private timed(source: ChangeSource): ChangeSource {
    const read: ChangeSource['read'] = async (...args) => {
      const startedMs = this.options.nowMs();
      const page = await source.read(...args);
      // A busy table must not be rested from: the queue would grow, the next read take longer, and the rest after it.
      this.readMs = (this.options.nowMs() - startedMs) / Math.max(1, page.changes.length / 100);
      return page;
    };
    return { ...source, read };
  }

  private async lookBehind({ flow, watcher, source }: Opened, signal: AbortSignal): Promise<void> {
    if (this.options.nowMs() - this.lookedAtMs < LOOK_BEHIND_EVERY_MS) return;
    const backlog = this.options.isLeader() ? await watcher!.lookBehind(signal) : await source!.backlog();
    this.lookedAtMs = this.options.nowMs();
    this.options.report({ kind: 'backlog', flow, backlog });
  }

  private async audit({ flow, watcher }: Opened, signal: AbortSignal): Promise<void> {
    const { config, nowMs, report } = this.options;
    const startedMs = nowMs();
    const sinceMs = startedMs - this.auditedAtMs;
    const rested = sinceMs >= Math.max(AUDIT_REST_MS, this.auditTookMs * AUDIT_REST_FACTOR);
    const outOfTurn = (watcher!.wantsAudit || this.auditFailed) && rested;
    if (sinceMs < config.auditIntervalMs && !outOfTurn) return;
    this.auditFailed = true;
    try {
      report({ kind: 'audited', flow, audit: await watcher!.audit(signal) });
      this.auditFailed = false;
    } finally {
      // Also after a failure: a table that cannot be read must not keep the journal from being read.
      this.auditedAtMs = nowMs();
      this.auditTookMs = this.auditedAtMs - startedMs;
    }
  }

  private async count(flow: Flow, goOn: GoOn): Promise<number> {
    if (this.options.isLeader()) await stopReading(this.options.store, flow.name);
    goOn(COUNT_MS);
    const counts = await countTable(this.options.source, flow);
    this.options.report({ kind: 'counted', flow, counts });
    return this.options.config.auditIntervalMs;
  }

  /** The journal is read at the shortest pause after work and at the longest when nothing happens. */
  private nextPause(mode: CaptureMode, step: StepResult): number {
    const { min, max } = this.options.readIntervalMs;
    if (step === 'worked') this.pauseMs = min;
    else this.pauseMs = Math.min(max, this.pauseMs * 1.5);
    if (mode === 'poll') this.pauseMs = this.options.config.pollIntervalMs;
    // A read that takes long for what it brings (a huge transaction is open) must not become the server's main work.
    return Math.max(this.pauseMs, Math.min(LONGEST_REST_MS, this.readMs * READ_REST_FACTOR));
  }
}

/** The mode that was asked for, or the most exact one that works; `why` is said in the log. */
async function chooseMode(
  sql: Parameters<typeof installationStatus>[0],
  config: RunnerConfig,
  flow: Flow,
): Promise<{ mode: CaptureMode; why: string }> {
  if (config.capture === 'snapshot') return { mode: 'snapshot', why: 'configured' };
  if (config.capture === 'poll') {
    if (flow.updatedAt !== undefined) return { mode: 'poll', why: 'configured' };
    throw refused(config.name, 'capture', 'polling needs a changed-at column', 'Set updated_at');
  }
  const status = await installationStatus(sql, flow);
  if (status.state === 'current') return { mode: 'journal', why: 'its triggers are installed' };
  const remedy = `Run: flowgauge install --apply (state of the triggers: ${status.state})`;
  // A partition without triggers loses what is written to it by name; giving up the rest would lose all.
  if (status.programs === 'current' && status.captures !== 'none') {
    return {
      mode: 'journal',
      why: `its triggers are installed, except: ${exceptions(status)}. ${remedy}`,
    };
  }
  if (config.capture === 'journal')
    throw refused(config.name, 'capture', 'the journal is not installed', remedy);
  if (flow.updatedAt !== undefined) return { mode: 'poll', why: `no journal; for exact counts ${remedy}` };
  return { mode: 'snapshot', why: `no journal and no updated_at column; for exact counts ${remedy}` };
}

function exceptions({ uncaptured, strays }: InstallationStatus): string {
  const bare = uncaptured.map((t) => `${t.schema}.${t.name} is not captured when written to by name`);
  const fed = strays.map((t) => `${t.schema}.${t.name} is captured though no part of the table`);
  return [...bare, ...fed].join('; ');
}

function refused(flow: string, key: string, message: string, remedy: string): FlowRefusedError {
  return new FlowRefusedError(flow, [{ path: `flows.${flow}.${key}`, message, remedy }]);
}

function sameLabels(a: Flow, b: Flow): boolean {
  const reasons = (flow: Flow) => flow.reason?.values.join('\0');
  return a.statuses.join('\0') === b.statuses.join('\0') && reasons(a) === reasons(b);
}
