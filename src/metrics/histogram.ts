/** Owns histograms: how often completed events fell under each bound, and the sum of what was measured. */
import type { MetricSpec } from './define.js';
import type { ExemplarInput } from './exemplar.js';
import {
  type Format,
  Instrument,
  type InstrumentOptions,
  type SampleValue,
  type Series,
} from './instrument.js';
import { canonicalFloat, linePrefix } from './label-text.js';
import type { Labels } from './label-trie.js';

/** Totals of one label set as durable storage keeps them. */
export interface HistogramTotals {
  /** Events in each bucket alone, not cumulative; one entry more than there are bounds, the last for +Inf. */
  readonly bucketCounts: ArrayLike<number>;
  /** Sum of all observed values, in the metric's unit. */
  readonly sum: number;
}

/** A histogram bound to one label set. */
export class HistogramSeries implements Series {
  constructor(
    private readonly owner: Pick<Histogram<string>, 'record' | 'observeSeries'>,
    public slot: number,
    readonly labelValues: readonly string[],
  ) {}

  /** Counts one event; a value that is not finite, or below zero, is refused and counted. */
  observe(value: number, exemplar?: ExemplarInput): void {
    if (this.slot >= 0 && exemplar === undefined && isMeasure(value)) this.owner.record(this.slot, value);
    else this.owner.observeSeries(this, value, exemplar);
  }
}

/** Distributions by label set. Recording never throws. */
export class Histogram<L extends string> extends Instrument<L, HistogramSeries> {
  protected readonly foldsIntoOverflow = true;
  /** Upper bounds in the metric's unit, ascending, without +Inf. */
  readonly bounds: Float64Array;

  constructor(spec: MetricSpec<L>, options: InstrumentOptions = {}) {
    const bounds = Float64Array.from(spec.buckets ?? []);
    super(spec, bounds.length + 2, bounds.length + 3, options);
    this.bounds = bounds;
    this.createUnlabelled();
  }

  /** Counts one event; a value that is not finite, or below zero (the sum must rise), is refused and counted. */
  observe(labels: Labels<L>, value: number, exemplar?: ExemplarInput): void {
    if (isMeasure(value)) {
      const series = this.find(labels);
      if (series === undefined) return;
      const bucket = this.record(series.slot, value);
      if (exemplar !== undefined) this.keepExemplar(series.slot, bucket, value, exemplar);
    } else {
      this.rejected += 1;
    }
  }

  /** A child that observes without looking the labels up again. Its series exists, at zero, from now on. */
  bind(labels: Labels<L>): HistogramSeries {
    return this.find(labels) ?? this.detached(labels);
  }

  /** Sets totals that come from durable storage. Fewer events than now are refused and counted. */
  load(labels: Labels<L>, totals: HistogramTotals): void {
    this.setTotals(labels, totals, 'rise');
  }

  /** Sets totals even when they are lower: storage was replaced, and Prometheus shall see a counter reset. */
  restartAt(labels: Labels<L>, totals: HistogramTotals): void {
    this.setTotals(labels, totals, 'restart');
  }

  /** Adds a legal value to a live slot; returns the number of its bucket. */
  record(slot: number, value: number): number {
    const { bounds, values } = this;
    const last = bounds.length;
    let bucket = 0;
    while (bucket < last && value > bounds[bucket]!) bucket += 1;
    const base = slot * (last + 2);
    values[base + bucket]! += 1;
    values[base + last + 1]! += value;
    return bucket;
  }

  /** The way of a bound child whose series is gone, or that brings an exemplar or a wrong value. */
  observeSeries(bound: HistogramSeries, value: number, exemplar: ExemplarInput | undefined): void {
    if (!isMeasure(value)) {
      this.rejected += 1;
      return;
    }
    const series = bound.slot >= 0 ? bound : this.findAgain(bound);
    if (series === undefined) return;
    const bucket = this.record(series.slot, value);
    if (exemplar !== undefined) this.keepExemplar(series.slot, bucket, value, exemplar);
  }

  /** Lines are the cumulative buckets, +Inf included, the sum, and the count. */
  readonly readLines = (slots: Int32Array, seriesCount: number, values: Float64Array): void => {
    const buckets = this.bounds.length + 1;
    const numbers = this.values;
    let line = 0;
    for (let i = 0; i < seriesCount; i += 1) {
      const base = slots[i]! * (buckets + 1);
      let count = 0;
      for (let b = 0; b < buckets; b += 1) {
        count += numbers[base + b]!;
        values[line++] = count;
      }
      values[line++] = numbers[base + buckets]!;
      values[line++] = count;
    }
  };

  protected createSeries(slot: number, labelValues: readonly string[]): HistogramSeries {
    return new HistogramSeries(this, slot, labelValues);
  }

  protected linePrefixes(series: HistogramSeries, format: Format): string[] {
    const labels = this.labelPairs(series);
    const bound = format === 'openmetrics' ? canonicalFloat : String;
    const buckets = [...[...this.bounds].map(bound), '+Inf'];
    return [
      ...buckets.map((le) => linePrefix(`${this.name}_bucket`, [['le', le], ...labels])),
      linePrefix(`${this.name}_sum`, labels),
      linePrefix(`${this.name}_count`, labels),
    ];
  }

  protected pushSamples(series: HistogramSeries, into: SampleValue[]): void {
    const labels: Record<string, string> = Object.fromEntries(this.labelPairs(series));
    const values = new Float64Array(this.linesPerSeries);
    this.readLines(Int32Array.of(series.slot), 1, values);
    const bounds = [...[...this.bounds].map(String), '+Inf'];
    for (const [i, le] of bounds.entries()) {
      into.push({ value: values[i]!, labels: { le, ...labels }, metricName: `${this.name}_bucket` });
    }
    into.push({ value: values[bounds.length]!, labels, metricName: `${this.name}_sum` });
    into.push({ value: values[bounds.length + 1]!, labels, metricName: `${this.name}_count` });
  }

  private setTotals(labels: Labels<L>, totals: HistogramTotals, direction: 'rise' | 'restart'): void {
    const next = Float64Array.from(totals.bucketCounts);
    const legal = next.length === this.bounds.length + 1 && next.every(isMeasure) && isMeasure(totals.sum);
    if (!legal) {
      this.rejected += 1;
      return;
    }
    const numbers = new Float64Array(this.width);
    numbers.set(next);
    numbers[next.length] = totals.sum;
    this.replace(labels, numbers, direction, eventCount);
  }
}

function isMeasure(value: number): boolean {
  return typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY;
}

function eventCount(numbers: Float64Array): number {
  let count = 0;
  for (let i = 0; i < numbers.length - 1; i += 1) count += numbers[i]!;
  return count;
}
