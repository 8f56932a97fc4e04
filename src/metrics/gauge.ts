/** Owns gauges: numbers that are set, go up and down, and can disappear. */
import type { MetricSpec } from './define.js';
import { Instrument, type InstrumentOptions, type SampleValue, type Series } from './instrument.js';
import { linePrefix } from './label-text.js';
import type { Labels } from './label-trie.js';

/** A gauge bound to one label set. */
export class GaugeSeries implements Series {
  constructor(
    private readonly owner: Pick<Gauge<string>, 'values' | 'setSeries' | 'addToSeries'>,
    public slot: number,
    readonly labelValues: readonly string[],
  ) {}

  /** Sets a finite number; anything else is refused and counted. */
  set(value: number): void {
    if (this.slot >= 0 && Number.isFinite(value)) this.owner.values[this.slot] = value;
    else this.owner.setSeries(this, value);
  }

  inc(n = 1): void {
    if (this.slot >= 0 && Number.isFinite(n)) this.owner.values[this.slot]! += n;
    else this.owner.addToSeries(this, n);
  }

  dec(n = 1): void {
    this.inc(-n);
  }
}

/**
 * Numbers by label set. Recording never throws. Over the series cap a new label set is dropped and counted:
 * ages, moments and states have no honest sum, so there is no overflow series.
 */
export class Gauge<L extends string> extends Instrument<L, GaugeSeries> {
  protected readonly foldsIntoOverflow = false;

  constructor(spec: MetricSpec<L>, options: InstrumentOptions = {}) {
    super(spec, 1, 1, options);
    this.createUnlabelled();
  }

  /** Sets a finite number; anything else is refused and counted. */
  set(labels: Labels<L>, value: number): void {
    if (!Number.isFinite(value)) {
      this.rejected += 1;
      return;
    }
    const series = this.find(labels);
    if (series !== undefined) this.values[series.slot] = value;
  }

  /** Adds a finite number. */
  inc(labels: Labels<L>, n = 1): void {
    if (!Number.isFinite(n)) {
      this.rejected += 1;
      return;
    }
    const series = this.find(labels);
    if (series !== undefined) this.values[series.slot]! += n;
  }

  /** Subtracts a finite number. */
  dec(labels: Labels<L>, n = 1): void {
    this.inc(labels, -n);
  }

  /** A child that sets without looking the labels up again. Its series exists, at zero, from now on. */
  bind(labels: Labels<L>): GaugeSeries {
    return this.find(labels) ?? this.detached(labels);
  }

  /** The number of a label set now; undefined when it has no series. */
  value(labels: Labels<L>): number | undefined {
    const series = this.known(labels);
    return series === undefined ? undefined : this.values[series.slot];
  }

  /** The way of a bound child whose series is gone or whose value is wrong. */
  setSeries(bound: GaugeSeries, value: number): void {
    const series = this.usable(bound, value);
    if (series !== undefined) this.values[series.slot] = value;
  }

  /** As `setSeries`, for a difference. */
  addToSeries(bound: GaugeSeries, n: number): void {
    const series = this.usable(bound, n);
    if (series !== undefined) this.values[series.slot]! += n;
  }

  readonly readLines = (slots: Int32Array, seriesCount: number, values: Float64Array): void => {
    const numbers = this.values;
    for (let i = 0; i < seriesCount; i += 1) values[i] = numbers[slots[i]!]!;
  };

  protected createSeries(slot: number, labelValues: readonly string[]): GaugeSeries {
    return new GaugeSeries(this, slot, labelValues);
  }

  protected linePrefixes(series: GaugeSeries): string[] {
    return [linePrefix(this.name, this.labelPairs(series))];
  }

  protected pushSamples(series: GaugeSeries, into: SampleValue[]): void {
    into.push({ value: this.values[series.slot]!, labels: Object.fromEntries(this.labelPairs(series)) });
  }

  private usable(bound: GaugeSeries, value: number): GaugeSeries | undefined {
    if (Number.isFinite(value)) return bound.slot >= 0 ? bound : this.findAgain(bound);
    this.rejected += 1;
    return undefined;
  }
}
