/** Owns what all instruments share: series in typed slots, caps with an overflow series, and the cached text. */
import { DEFAULT_MAX_SERIES_PER_METRIC, SeriesBudget } from './budget.js';
import { familyName, type MetricSpec } from './define.js';
import { type ExemplarInput, exemplarText } from './exemplar.js';
import { OVERFLOW } from './label-text.js';
import { type Labels, LabelTrie } from './label-trie.js';
import { Sheet } from './sheet.js';

/** Text formats of the exposition. */
export type Format = 'classic' | 'openmetrics';

/** A label set that an instrument knows. `slot` is below zero once the series is removed. */
export interface Series {
  slot: number;
  readonly labelValues: readonly string[];
}

export interface InstrumentOptions {
  /** Label sets at most, at least 1; the overflow series is one more. Default 2,000. */
  readonly maxSeries?: number;
  /** Shared with the other metrics of a registry. Default: a budget of its own without a limit. */
  readonly budget?: SeriesBudget;
  /** Called before prom-client's registry reads the samples, so that what is read from elsewhere is as it is now. */
  readonly beforeRead?: () => void;
}

/** One sample as prom-client's registry reads it. */
export interface SampleValue {
  readonly value: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly metricName?: string;
}

/**
 * Base of Counter, Gauge and Histogram. It never throws into the code that records: what cannot be
 * recorded is refused and counted in `rejected`, what is over a series cap is counted in `folded`.
 */
export abstract class Instrument<L extends string, S extends Series> {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly aggregator = 'sum';
  readonly labelNames: readonly L[];
  /** Recordings refused since the start. */
  rejected = 0;
  /** Recordings over a series cap since the start. */
  folded = 0;
  /** `width` numbers per series, beginning at `slot * width`. */
  values: Float64Array;

  private readonly trie: LabelTrie<L, S>;
  private readonly live = new Set<S>();
  private readonly freeSlots: number[] = [];
  private slotCount = 0;
  private readonly budget: SeriesBudget;
  private readonly maxSeries: number;
  private readonly beforeRead: () => void;
  private readonly sheets = new Map<Format, Sheet<S>>();
  private readonly exemplars = new Map<number, string>();
  /** What totals from storage have put into the overflow series, by label set. */
  private readonly contributions = new Map<string, Float64Array>();

  protected constructor(
    readonly spec: MetricSpec<L>,
    readonly width: number,
    readonly linesPerSeries: number,
    options: InstrumentOptions,
  ) {
    this.name = spec.name;
    this.help = spec.help;
    this.type = spec.type === 'info' ? 'gauge' : spec.type;
    this.labelNames = Object.keys(spec.labels) as L[];
    this.trie = new LabelTrie(this.labelNames);
    this.budget = options.budget ?? new SeriesBudget(Number.POSITIVE_INFINITY);
    this.maxSeries = options.maxSeries ?? DEFAULT_MAX_SERIES_PER_METRIC;
    this.values = new Float64Array(8 * width);
    this.beforeRead = options.beforeRead ?? (() => {});
  }

  /** Series that are printed now, the buckets of histograms included. */
  get seriesCount(): number {
    return this.live.size * this.linesPerSeries;
  }

  get hasExemplars(): boolean {
    return this.exemplars.size > 0;
  }

  /** The name in the HELP and TYPE lines of a format. */
  family(format: Format): string {
    return format === 'openmetrics' ? familyName(this.spec) : this.name;
  }

  /** Takes a series out of the output. Children bound to it start a new one when they are used again. */
  remove(labels: Labels<L>): void {
    const series = this.known(labels);
    if (series === undefined) return;
    this.live.delete(series);
    for (const sheet of this.sheets.values()) sheet.remove(series);
    this.trie.delete(series.labelValues);
    this.retire(series);
  }

  /** Removes every series. A metric without labels begins again at zero. */
  reset(): void {
    for (const series of this.live) this.retire(series);
    this.live.clear();
    this.trie.clear();
    this.contributions.clear();
    for (const sheet of this.sheets.values()) sheet.clear();
    this.createUnlabelled();
  }

  /** The samples as prom-client's registry reads them. */
  async get(): Promise<{
    name: string;
    help: string;
    type: string;
    values: SampleValue[];
    aggregator: string;
  }> {
    this.beforeRead();
    const values: SampleValue[] = [];
    for (const series of this.live) this.pushSamples(series, values);
    return { name: this.name, help: this.help, type: this.type, values, aggregator: this.aggregator };
  }

  /** The cached text in a format. Counters and gauges look the same in both. */
  sheet(format: Format): Sheet<S> {
    const key = this.type === 'histogram' ? format : 'classic';
    let sheet = this.sheets.get(key);
    if (sheet === undefined) {
      sheet = new Sheet(this.linesPerSeries, (series) => this.linePrefixes(series, key), this.live);
      this.sheets.set(key, sheet);
    }
    return sheet;
  }

  /** The exemplar text of a line, blank first; undefined without one. */
  exemplar(slot: number, line: number): string | undefined {
    return this.exemplars.get(slot * this.linesPerSeries + line);
  }

  /** Lays out the numbers of some series, one per line; see `ReadValues`. */
  abstract readonly readLines: (slots: Int32Array, seriesCount: number, values: Float64Array) => void;
  /** Whether what is over a cap has an honest sum, and so an overflow series. */
  protected abstract readonly foldsIntoOverflow: boolean;
  protected abstract createSeries(slot: number, labelValues: readonly string[]): S;
  protected abstract linePrefixes(series: S, format: Format): string[];
  protected abstract pushSamples(series: S, into: SampleValue[]): void;

  /** The series of a label set, created when new; undefined (and counted) when it cannot be recorded. */
  protected find(labels: Labels<L>): S | undefined {
    return this.trie.find(labels) ?? this.admit(labels);
  }

  /** As `find`, for a child whose series is gone or never was. */
  protected findAgain(series: S): S | undefined {
    const key = series.labelValues;
    if (key.length === this.labelNames.length) return this.trie.seek(key) ?? this.grow(key);
    this.rejected += 1;
    return undefined;
  }

  /** The series of a label set if there is one already. */
  protected known(labels: Labels<L>): S | undefined {
    const key = this.trie.keyOf(labels);
    return key === undefined ? undefined : this.trie.seek(key);
  }

  /** A child without a series: every use looks for room again, or is refused when the labels are wrong. */
  protected detached(labels: Labels<L>): S {
    return this.createSeries(-1, this.trie.keyOf(labels) ?? ['', ...this.labelNames]);
  }

  /** Replaces the numbers of a series by those of storage; `direction` says whether they may be lower. */
  protected replace(
    labels: Labels<L>,
    next: Float64Array,
    direction: 'rise' | 'restart',
    total: (numbers: Float64Array) => number,
  ): void {
    const key = this.trie.keyOf(labels);
    if (key === undefined) {
      this.rejected += 1;
      return;
    }
    const id = JSON.stringify(key);
    const before = this.contributions.get(id);
    // What was folded once stays folded: its part of the overflow series cannot become another series.
    const own = before === undefined ? (this.trie.seek(key) ?? this.grow(key)) : undefined;
    if (before === undefined && own === undefined) return;
    const folds = before !== undefined || !sameKey(own!.labelValues, key);
    const target = folds ? this.overflowSeries() : own!;
    const numbers = this.values.subarray(target.slot * this.width, (target.slot + 1) * this.width);
    const current = folds ? (before ?? new Float64Array(this.width)) : numbers;
    if (direction === 'rise' && total(next) < total(current)) {
      this.rejected += 1;
      return;
    }
    if (!folds) {
      numbers.set(next);
      return;
    }
    for (let i = 0; i < this.width; i += 1) numbers[i]! += next[i]! - current[i]!;
    if (before !== undefined) this.folded += 1;
    this.contributions.set(id, next);
  }

  protected keepExemplar(slot: number, line: number, value: number, exemplar: ExemplarInput): void {
    const text = exemplarText(value, exemplar);
    if (text === undefined) this.rejected += 1;
    else this.exemplars.set(slot * this.linesPerSeries + line, text);
  }

  /** Gives a metric without labels its only series, at zero, before anything is recorded; not where zero would lie. */
  protected createUnlabelled(): void {
    if (this.labelNames.length === 0 && this.spec.starts !== 'absent') this.insert([]);
  }

  protected labelPairs(series: S): [L, string][] {
    return this.labelNames.map((label, i) => [label, series.labelValues[i] ?? '']);
  }

  private admit(labels: Labels<L>): S | undefined {
    const key = this.trie.keyOf(labels);
    if (key !== undefined) return this.trie.seek(key) ?? this.grow(key);
    this.rejected += 1;
    return undefined;
  }

  private grow(key: readonly string[]): S | undefined {
    const room = this.live.size < this.maxSeries && this.budget.used + this.linesPerSeries <= this.budget.max;
    if (room) return this.insert(key);
    this.folded += 1;
    return this.foldsIntoOverflow ? this.overflowSeries() : undefined;
  }

  /** Stands for many others, so it may go over the caps. */
  private overflowSeries(): S {
    const key = this.labelNames.map(() => OVERFLOW);
    return this.trie.seek(key) ?? this.insert(key);
  }

  private insert(key: readonly string[]): S {
    this.budget.take(this.linesPerSeries);
    const slot = this.freeSlots.pop() ?? this.slotCount++;
    this.reserve(slot);
    this.values.fill(0, slot * this.width, (slot + 1) * this.width);
    const series = this.createSeries(slot, key);
    this.trie.set(key, series);
    this.live.add(series);
    for (const sheet of this.sheets.values()) sheet.add(series);
    return series;
  }

  private retire(series: S): void {
    for (let line = 0; line < this.linesPerSeries && this.exemplars.size > 0; line += 1) {
      this.exemplars.delete(series.slot * this.linesPerSeries + line);
    }
    this.freeSlots.push(series.slot);
    this.budget.release(this.linesPerSeries);
    series.slot = -1;
  }

  private reserve(slot: number): void {
    if ((slot + 1) * this.width <= this.values.length) return;
    const grown = new Float64Array(Math.max(2 * this.values.length, (slot + 1) * this.width));
    grown.set(this.values);
    this.values = grown;
  }
}

function sameKey(a: readonly string[], b: readonly string[]): boolean {
  return a.every((value, i) => value === b[i]);
}
