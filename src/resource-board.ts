/** Owns the latest picture of the machine and of its health: measured by jobs, shown as series, answered with its age. */
import type { ValidConfig } from './config/valid-config.js';
import { type Health, type HealthWeights, judgeHealth, loadOfWork, type WaitingWork } from './health.js';
import type { FlowOverview } from './http/deps.js';
import type { Metrics } from './metrics/registry.js';
import { ResourceSeries } from './metrics/resource-series.js';
import type { Job } from './resilience/job.js';
import { type HistoryRow, ResourceHistory } from './resources/history.js';
import { historyValues } from './resources/history-values.js';
import {
  measured,
  type Outcome,
  type Reader,
  type ResourceReadings,
  type ResourceSample,
  type ResourceSource,
} from './resources/sample.js';
import { ResourceSampler, systemReaders } from './resources/sampler.js';
import type { Logger } from './telemetry/logger.js';

/** The first use of the processors needs two readings: the second one does not wait for a long pause. */
const FIRST_PAUSE_MS = 1_000;
const DEADLINE_MS = 10_000;
/** A reading that was not renewed for this many intervals is of a source that hangs. */
const STALE_INTERVALS = 2;

/** What the board shows to whoever asks. */
export interface ResourceReport {
  /** The latest outcome of each source that was read. */
  readonly sample: ResourceSample;
  /** Seconds since each of them was read. */
  readonly ageSeconds: ReadonlyMap<ResourceSource, number>;
  /** The latest judgement; undefined before the first measurement. */
  readonly health: Health | undefined;
}

/** The samples of the last minutes. */
export interface ResourceHistoryReport {
  /** The oldest first. */
  readonly rows: readonly HistoryRow[];
  /** Pause between two of them, milliseconds. */
  readonly intervalMs: number;
}

/** What the board needs. */
export interface ResourceBoardOptions {
  readonly readers: readonly Reader[];
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly weights: HealthWeights;
  /** Pauses between measurements, in milliseconds. */
  readonly intervalMs: number;
  readonly slowIntervalMs: number;
  /** What waits in the flows now. */
  readonly work: () => readonly WaitingWork[];
  /** Wall clock in milliseconds; only told. */
  readonly wallMs: () => number;
  /** Monotonic clock in milliseconds. */
  readonly nowMs: () => number;
}

/** One board per process; its jobs are started by whoever runs the others. */
export class ResourceBoard {
  readonly #sampler: ResourceSampler;
  readonly #series: ResourceSeries;
  /** By source what of it fails: mount points, or `''` for the source as a whole. */
  readonly #failing = new Map<ResourceSource, ReadonlySet<string>>();
  #health: Health | undefined;
  #weights: HealthWeights;
  readonly #history = new ResourceHistory();
  /** The sample of the row before. */
  #recorded: ResourceSample | undefined;
  #judgedAtMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: ResourceBoardOptions) {
    this.#weights = options.weights;
    this.#series = new ResourceSeries(options.metrics);
    this.#sampler = new ResourceSampler(options.readers, options.nowMs, (source, outcome) =>
      this.#take(source, outcome),
    );
  }

  /** The jobs that measure: often what is cheap, seldom the rest. */
  jobs(): readonly Job[] {
    const { intervalMs, slowIntervalMs } = this.options;
    let runs = 0;
    return [
      {
        name: 'resources',
        intervalMs: () => (runs === 1 ? Math.min(FIRST_PAUSE_MS, intervalMs) : intervalMs),
        deadlineMs: DEADLINE_MS,
        run: async () => {
          runs += 1;
          await this.#sampler.read('often');
          this.#judge();
        },
      },
      {
        name: 'resources_slow',
        intervalMs: slowIntervalMs,
        deadlineMs: DEADLINE_MS,
        run: async () => {
          await this.#sampler.read('seldom');
          this.#record();
        },
      },
    ];
  }

  /** The latest sample, how old each part of it is, and the health judged from it. */
  latest(): ResourceReport {
    const sample = this.#sampler.sample;
    const nowMs = this.options.nowMs();
    const ages = Object.entries(sample).map(
      ([source, { atMs }]) => [source as ResourceSource, Math.max(0, nowMs - atMs) / 1000] as const,
    );
    return { sample, ageSeconds: new Map(ages), health: this.#health };
  }

  /** What was sampled in the last `minutes` of this process. */
  history(minutes: number): ResourceHistoryReport {
    const { nowMs, slowIntervalMs } = this.options;
    return { rows: this.#history.since(nowMs() - minutes * 60_000), intervalMs: slowIntervalMs };
  }

  #record(): void {
    const { nowMs, wallMs, work, intervalMs, slowIntervalMs } = this.options;
    const { sample } = this.#sampler;
    const atMs = nowMs();
    const staleMs = STALE_INTERVALS * Math.max(intervalMs, slowIntervalMs) + DEADLINE_MS;
    const healthScore = this.#judgedAtMs >= atMs - staleMs ? this.#health?.score : undefined;
    const moment = { atMs, sample, healthScore, work: work() };
    this.#history.record(atMs, wallMs(), historyValues(moment, this.#recorded, staleMs));
    this.#recorded = sample;
  }

  /** Judges by other weights from the next measurement on. */
  weigh(weights: HealthWeights): void {
    this.#weights = weights;
  }

  /** Bytes of memory of this machine or container; undefined while they are not known. */
  memoryTotalBytes(): number | undefined {
    return measured(this.#sampler.sample, 'memory')?.totalBytes;
  }

  #judge(): void {
    const { sample } = this.#sampler;
    const memory = measured(sample, 'memory');
    this.#health = judgeHealth(
      {
        memory: memory === undefined ? undefined : memory.usedBytes / memory.totalBytes,
        cpu: measured(sample, 'cpu')?.utilizationRatio,
        load: loadOfWork(this.options.work()),
      },
      this.#weights,
    );
    this.#judgedAtMs = this.options.nowMs();
    this.#series.showHealth(this.#health);
  }

  #take<S extends ResourceSource>(source: S, outcome: Outcome<ResourceReadings[S]>): void {
    this.#series.take(source, outcome);
    this.#tell(source, outcome.kind === 'failed', errorsOf(outcome));
  }

  /** Told when it begins and when it ends: what stays away is in its series, not in every line of the log. */
  #tell(source: ResourceSource, isWhole: boolean, errors: ReadonlyMap<string, unknown>): void {
    const before = this.#failing.get(source) ?? new Set();
    const about = (part: string) => ({ resource: source, ...(part === '' ? {} : { mountpoint: part }) });
    for (const [part, err] of errors)
      if (!before.has(part)) this.options.log.warn('resource not measured', { ...about(part), err });
    // While nothing of a source is known, nothing of it is well again.
    const still = new Set([...errors.keys(), ...(isWhole ? before : [])]);
    for (const part of before)
      if (!still.has(part)) this.options.log.info('resource measured again', about(part));
    this.#failing.set(source, still);
  }
}

/** The board of an exporter; undefined when measuring is switched off. */
export function openResourceBoard(
  config: Pick<ValidConfig, 'resources' | 'health' | 'store' | 'flows'>,
  parts: {
    readonly metrics: Metrics;
    readonly log: Logger;
    readonly flows: () => readonly FlowOverview[];
    /** Wall clock and monotonic clock, in milliseconds. */
    readonly wallMs: () => number;
    readonly nowMs: () => number;
  },
): ResourceBoard | undefined {
  const { enabled, mountpoints, devices, intervalMs, slowIntervalMs } = config.resources;
  if (!enabled) return undefined;
  const dataDirectory = config.store.kind === 'embedded' ? config.store.directory : undefined;
  const auditMs = new Map(config.flows.map(({ name, auditIntervalMs }) => [name, auditIntervalMs]));
  return new ResourceBoard({
    readers: systemReaders({ mountpoints, devices, dataDirectory }, process.platform),
    metrics: parts.metrics,
    log: parts.log.named('resources'),
    weights: config.health.weights,
    intervalMs,
    slowIntervalMs,
    wallMs: parts.wallMs,
    work: () => waitingWork(parts.flows(), parts.wallMs(), auditMs),
    nowMs: parts.nowMs,
  });
}

/** Totals that are read every second are not what is now when they have not come for this long. */
const FRESH_MS = 60_000;
/** A snapshot is as old as its own interval allows; after this many of them its source is gone. */
const FRESH_AUDITS = 3;

/**
 * Work in statuses that have a limit, of each flow that has one and whose items are counted. `auditMs` holds the
 * interval between two counts of the whole table by flow.
 */
export function waitingWork(
  flows: readonly FlowOverview[],
  wallMs: number,
  auditMs: ReadonlyMap<string, number>,
): readonly WaitingWork[] {
  return flows.flatMap(({ flow, statuses, limits, mode, asOf }) => {
    const freshMs = mode === 'snapshot' ? FRESH_AUDITS * (auditMs.get(flow) ?? FRESH_MS) : FRESH_MS;
    if (asOf === undefined || wallMs - asOf.getTime() >= freshMs) return [];
    const limited = statuses.filter(({ status }) => limits.has(status));
    const counted = limited.filter((s) => s.items !== undefined && s.stuckItems !== undefined);
    if (counted.length === 0) return [];
    return [
      {
        items: counted.reduce((sum, { items }) => sum + (items ?? 0), 0),
        overLimit: counted.reduce((sum, { stuckItems }) => sum + (stuckItems ?? 0), 0),
      },
    ];
  });
}

/** What failed, by mount point, or by `''` for the source as a whole. */
function errorsOf(outcome: Outcome<unknown>): ReadonlyMap<string, unknown> {
  if (outcome.kind === 'failed') return new Map([['', outcome.error]]);
  return (outcome.value as { failed?: ReadonlyMap<string, Error> }).failed ?? new Map();
}
