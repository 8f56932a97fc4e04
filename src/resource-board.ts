/** Owns the latest picture of the machine and of its health: measured by jobs, shown as series, answered with its age. */
import type { ValidConfig } from './config/valid-config.js';
import { type Health, type HealthWeights, judgeHealth, loadOfWork, type WaitingWork } from './health.js';
import type { FlowOverview } from './http/deps.js';
import type { Metrics } from './metrics/registry.js';
import { ResourceSeries } from './metrics/resource-series.js';
import type { Job } from './resilience/job.js';
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

/** What the board shows to whoever asks. */
export interface ResourceReport {
  /** The latest outcome of each source that was read. */
  readonly sample: ResourceSample;
  /** Seconds since each of them was read. */
  readonly ageSeconds: ReadonlyMap<ResourceSource, number>;
  /** The latest judgement; undefined before the first measurement. */
  readonly health: Health | undefined;
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
  /** Monotonic clock in milliseconds. */
  readonly nowMs: () => number;
}

/** One board per process; its jobs are started by whoever runs the others. */
export class ResourceBoard {
  readonly #sampler: ResourceSampler;
  readonly #series: ResourceSeries;
  readonly #failing = new Set<ResourceSource>();
  #health: Health | undefined;

  constructor(private readonly options: ResourceBoardOptions) {
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
        run: () => this.#sampler.read('seldom'),
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

  #judge(): void {
    const { sample } = this.#sampler;
    const memory = measured(sample, 'memory');
    this.#health = judgeHealth(
      {
        memory: memory === undefined ? undefined : memory.usedBytes / memory.totalBytes,
        cpu: measured(sample, 'cpu')?.utilizationRatio,
        load: loadOfWork(this.options.work()),
      },
      this.options.weights,
    );
    this.#series.showHealth(this.#health);
  }

  #take<S extends ResourceSource>(source: S, outcome: Outcome<ResourceReadings[S]>): void {
    this.#series.take(source, outcome);
    const errors = errorsOf(outcome);
    // Told when it begins and when it ends: a source that stays away is in its series, not in every line of the log.
    if (errors.length === 0) {
      if (this.#failing.delete(source))
        this.options.log.info('resource measured again', { resource: source });
      return;
    }
    if (this.#failing.has(source)) return;
    this.#failing.add(source);
    for (const err of errors) this.options.log.warn('resource not measured', { resource: source, err });
  }
}

/** The board of an exporter; undefined when measuring is switched off. */
export function openResourceBoard(
  config: Pick<ValidConfig, 'resources' | 'health' | 'store'>,
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
  return new ResourceBoard({
    readers: systemReaders({ mountpoints, devices, dataDirectory }, process.platform),
    metrics: parts.metrics,
    log: parts.log.named('resources'),
    weights: config.health.weights,
    intervalMs,
    slowIntervalMs,
    work: () => waitingWork(parts.flows(), parts.wallMs()),
    nowMs: parts.nowMs,
  });
}

/** Totals that are read every second are not what is now when they have not come for this long. */
const FRESH_MS = 60_000;

/** Work in statuses that have a limit, of each flow that has one and whose items are counted. */
export function waitingWork(flows: readonly FlowOverview[], wallMs: number): readonly WaitingWork[] {
  return flows.flatMap(({ statuses, limits, mode, asOf }) => {
    // A snapshot is as old as its own interval allows.
    if (mode !== 'snapshot' && !(asOf !== undefined && wallMs - asOf.getTime() < FRESH_MS)) return [];
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

function errorsOf(outcome: Outcome<unknown>): readonly unknown[] {
  if (outcome.kind === 'failed') return [outcome.error];
  const { failed } = outcome.value as { failed?: ReadonlyMap<string, Error> };
  return failed === undefined ? [] : [...failed.values()];
}
