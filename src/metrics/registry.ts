/** Owns the registry: one instrument per catalogue entry, beside the standard process metrics and a host's own. */
import * as promClient from 'prom-client';
import { comesLater } from '../resilience/late-answer.js';
import { SetupReader } from '../resilience/setup-options.js';
import { DEFAULT_MAX_SERIES, DEFAULT_MAX_SERIES_PER_METRIC, SeriesBudget } from './budget.js';
import { type Catalog, catalog } from './catalog.js';
import { Counter } from './counter.js';
import type { LabelNames, MetricSpec } from './define.js';
import { observeEventLoopDelay } from './event-loop-delay.js';
import type { CollectorReport } from './exposition.js';
import { Gauge } from './gauge.js';
import { Histogram } from './histogram.js';
import type { Instrument, InstrumentOptions, Series } from './instrument.js';

/** The instrument of a catalogue entry, typed by its labels. */
export type InstrumentOf<S extends MetricSpec> = S['type'] extends 'counter'
  ? Counter<LabelNames<S>>
  : S['type'] extends 'histogram'
    ? Histogram<LabelNames<S>>
    : Gauge<LabelNames<S>>;

/** One instrument per catalogue entry, under the entry's key. */
export type Instruments = { readonly [K in keyof Catalog]: InstrumentOf<Catalog[K]> };

/** Options of the metrics. A wrong or unknown one throws InstrumentOptionError. */
export interface MetricsOptions {
  /** Label sets that one metric may have. Default 2,000; 1 to 1,000,000. */
  readonly maxSeriesPerMetric?: number;
  /** Series that all own metrics may have together, buckets included. Default 20,000; 1 to 10,000,000. */
  readonly maxSeries?: number;
  /** Whether the standard `process_*` and `nodejs_*` metrics are registered too. Default `include`. */
  readonly processMetrics?: 'include' | 'omit';
}

/** What the metrics offer beside their instruments. */
export interface MetricsControl {
  /** Hosts register metrics of their own here. Default labels set on it are not printed. */
  readonly registry: promClient.Registry;
  readonly budget: SeriesBudget;
  /** Starts the event loop's histogram; returns the function that stops it. */
  startEventLoopDelay(): () => void;
  /** Runs the refreshers, then brings the series about the metrics themselves up to date. */
  refreshSelf(): void;
  /**
   * Has `refresh` called before each scrape, also one by way of `registry`, for series that are read from elsewhere;
   * the answer takes it out. It must be quick and must not wait: one that throws, or answers a promise, is counted, and
   * only its own series stay behind.
   */
  onScrape(refresh: () => void): () => void;
  /** Notes what became of the metrics that are not ours; those that are gone lose their series. */
  noteCollectors(reports: readonly CollectorReport[]): void;
}

/** One instrument per entry of the catalogue, and what keeps them together. */
export type Metrics = Instruments & MetricsControl;

const PLAIN_KINDS = [promClient.Counter, promClient.Gauge, promClient.Histogram, promClient.Summary];

/** Values of the `collector` label for metrics without a collector of their own. */
const PROCESS = 'process';
const REGISTERED = 'registered';

/**
 * Standard metrics that are left out: the lag gauges restart at every scrape, so two scrapers steal each
 * other's window; the others are gauges named `_total`, which `promtool check metrics` refuses.
 */
const LEFT_OUT = /^nodejs_(eventloop_lag_.*|eventloop_lag|active_(handles|requests|resources)_total)$/;
/** The lag monitor starts with the standard metrics and cannot be stopped: let it wake up once a day. */
const LAG_MONITOR_REST_MS = 86_400_000;

const KNOWN = [
  'maxSeriesPerMetric',
  'maxSeries',
  'processMetrics',
] as const satisfies readonly (keyof MetricsOptions)[];

/** A registry of its own with all instruments in it; nothing global is touched. Throws InstrumentOptionError for a wrong option. */
export function createMetrics(options: MetricsOptions = {}): Metrics {
  const read = new SetupReader('createMetrics', options, KNOWN);
  const processKind = read.oneOf('processMetrics', 'include', ['include', 'omit']);
  const registry = new promClient.Registry();
  const budget = new SeriesBudget(read.whole('maxSeries', DEFAULT_MAX_SERIES, 1, 10_000_000));
  const limits: InstrumentOptions = {
    budget,
    maxSeries: read.whole('maxSeriesPerMetric', DEFAULT_MAX_SERIES_PER_METRIC, 1, 1_000_000),
    beforeRead: () => refreshOnce(),
  };
  const instruments = createInstruments(limits);
  const own = Object.values(instruments) as unknown as Instrument<string, Series>[];
  for (const instrument of own) registry.registerMetric(instrument as unknown as promClient.Metric);
  const processMetrics = processKind === 'omit' ? new Set<unknown>() : addProcessMetrics(registry);
  let noted: ReadonlySet<string> = new Set();
  const refreshers = new Set<() => void>();
  let isFresh = false;

  /** A registry that is printed without our scraper reads all instruments in one turn: once for all of them. */
  function refreshOnce(): void {
    if (isFresh) return;
    isFresh = true;
    queueMicrotask(() => {
      isFresh = false;
    });
    control.refreshSelf();
  }

  const control: MetricsControl = {
    registry,
    budget,
    startEventLoopDelay: () => observeEventLoopDelay(instruments.eventLoopDelay.bind({})),
    refreshSelf() {
      for (const refresh of refreshers) {
        if (!hasRefreshed(refresh)) instruments.refreshFailures.inc({});
      }
      countSelf(instruments, own);
    },
    onScrape(refresh) {
      // Wrapped, so that one function given twice is two refreshers, each taken out by its own answer.
      const one = () => refresh();
      refreshers.add(one);
      return () => void refreshers.delete(one);
    },
    noteCollectors(reports) {
      const groups = groupReports(reports, processMetrics);
      for (const collector of noted) {
        if (groups.has(collector)) continue;
        instruments.collectorSuccess.remove({ collector });
        instruments.collectorDuration.remove({ collector });
      }
      noted = new Set(groups.keys());
      for (const [collector, { success, durationMs }] of groups) {
        instruments.collectorSuccess.set({ collector }, success ? 1 : 0);
        instruments.collectorDuration.set({ collector }, durationMs / 1000);
      }
      countSelf(instruments, own);
    },
  };
  return { ...instruments, ...control };
}

/** False when it threw, and when it answers later than the scrape. */
function hasRefreshed(refresh: () => unknown): boolean {
  try {
    return !comesLater(refresh());
  } catch {
    return false;
  }
}

function countSelf(instruments: Instruments, own: readonly Instrument<string, Series>[]): void {
  for (const { name, folded, rejected } of own) {
    instruments.exposedSeries.inc({ metric: name }, 0);
    instruments.seriesOverflow.advanceTo({ metric: name }, folded);
    instruments.rejectedValues.advanceTo({ metric: name }, rejected);
  }
  // Only now do the series exist that have just been created to say so.
  for (const { name, seriesCount } of own) instruments.exposedSeries.set({ metric: name }, seriesCount);
}

/** One result per collector: a group has failed when one of its metrics has, and took as long as the slowest. */
function groupReports(
  reports: readonly CollectorReport[],
  processMetrics: ReadonlySet<unknown>,
): Map<string, { success: boolean; durationMs: number }> {
  const groups = new Map<string, { success: boolean; durationMs: number }>();
  for (const { metric, success, durationMs } of reports) {
    const collector = processMetrics.has(metric) ? PROCESS : hasCollector(metric) ? metric.name : REGISTERED;
    const group = groups.get(collector) ?? { success: true, durationMs: 0 };
    groups.set(collector, {
      success: group.success && success,
      durationMs: Math.max(group.durationMs, durationMs),
    });
  }
  return groups;
}

/** False for prom-client's own kinds without `collect`: they only print what they were told. */
function hasCollector(metric: unknown): boolean {
  const plain = PLAIN_KINDS.some((kind) => metric instanceof kind);
  return !plain || typeof (metric as { collect?: unknown }).collect === 'function';
}

function createInstruments(limits: InstrumentOptions): Instruments {
  const entries = Object.entries(catalog).map(([key, spec]) => [key, createInstrument(spec, limits)]);
  return Object.fromEntries(entries) as Instruments;
}

function createInstrument(spec: MetricSpec, limits: InstrumentOptions): Instrument<string, Series> {
  if (spec.type === 'counter') return new Counter(spec, limits) as unknown as Instrument<string, Series>;
  if (spec.type === 'histogram') return new Histogram(spec, limits) as unknown as Instrument<string, Series>;
  return new Gauge(spec, limits) as unknown as Instrument<string, Series>;
}

/** Collected in a registry of their own first: only there can some of them be left out. */
function addProcessMetrics(registry: promClient.Registry): Set<unknown> {
  const all = new promClient.Registry();
  promClient.collectDefaultMetrics({ register: all, eventLoopMonitoringPrecision: LAG_MONITOR_REST_MS });
  const kept = all.getMetricsAsArray().filter(({ name }) => !LEFT_OUT.test(name));
  for (const metric of kept) registry.registerMetric(metric as unknown as promClient.Metric);
  return new Set<unknown>(kept);
}
