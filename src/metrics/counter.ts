/** Owns counters: totals that only rise, counted here or taken over from durable storage. */
import type { MetricSpec } from './define.js';
import type { ExemplarInput } from './exemplar.js';
import { Instrument, type InstrumentOptions, type SampleValue, type Series } from './instrument.js';
import { linePrefix } from './label-text.js';
import type { Labels } from './label-trie.js';

/** A counter bound to one label set. */
export class CounterSeries implements Series {
  constructor(
    private readonly owner: Pick<Counter<string>, 'values' | 'incSeries'>,
    public slot: number,
    readonly labelValues: readonly string[],
  ) {}

  /** Adds `n`, a finite number of at least 0; anything else is refused and counted. */
  inc(n = 1, exemplar?: ExemplarInput): void {
    if (this.slot >= 0 && exemplar === undefined && isIncrement(n)) {
      this.owner.values[this.slot]! += n;
    } else {
      this.owner.incSeries(this, n, exemplar);
    }
  }
}

/** Totals by label set. Recording never throws. */
export class Counter<L extends string> extends Instrument<L, CounterSeries> {
  protected readonly foldsIntoOverflow = true;

  constructor(spec: MetricSpec<L>, options: InstrumentOptions = {}) {
    super(spec, 1, 1, options);
    this.createUnlabelled();
  }

  /** Adds `n`, a finite number of at least 0; anything else is refused and counted. */
  inc(labels: Labels<L>, n = 1, exemplar?: ExemplarInput): void {
    if (isIncrement(n)) {
      const series = this.find(labels);
      if (series === undefined) return;
      this.values[series.slot]! += n;
      if (exemplar !== undefined) this.keepExemplar(series.slot, 0, n, exemplar);
    } else {
      this.rejected += 1;
    }
  }

  /** A child that adds without looking the labels up again. Its series exists, at zero, from now on. */
  bind(labels: Labels<L>): CounterSeries {
    return this.find(labels) ?? this.detached(labels);
  }

  /** Sets a total that comes from durable storage. One that is lower than now is refused and counted. */
  advanceTo(labels: Labels<L>, total: number): void {
    if (isIncrement(total)) this.replace(labels, Float64Array.of(total), 'rise', only);
    else this.rejected += 1;
  }

  /** Sets a total even when it is lower: storage was replaced, and Prometheus shall see a counter reset. */
  restartAt(labels: Labels<L>, total: number): void {
    if (isIncrement(total)) this.replace(labels, Float64Array.of(total), 'restart', only);
    else this.rejected += 1;
  }

  /** The total of a label set now; undefined when it has no series. */
  value(labels: Labels<L>): number | undefined {
    const series = this.known(labels);
    return series === undefined ? undefined : this.values[series.slot];
  }

  /** The way of a bound child whose series is gone, or that brings an exemplar or a wrong value. */
  incSeries(bound: CounterSeries, n: number, exemplar: ExemplarInput | undefined): void {
    if (!isIncrement(n)) {
      this.rejected += 1;
      return;
    }
    const series = bound.slot >= 0 ? bound : this.findAgain(bound);
    if (series === undefined) return;
    this.values[series.slot]! += n;
    if (exemplar !== undefined) this.keepExemplar(series.slot, 0, n, exemplar);
  }

  readonly readLines = (slots: Int32Array, seriesCount: number, values: Float64Array): void => {
    const totals = this.values;
    for (let i = 0; i < seriesCount; i += 1) values[i] = totals[slots[i]!]!;
  };

  protected createSeries(slot: number, labelValues: readonly string[]): CounterSeries {
    return new CounterSeries(this, slot, labelValues);
  }

  protected linePrefixes(series: CounterSeries): string[] {
    return [linePrefix(this.name, this.labelPairs(series))];
  }

  protected pushSamples(series: CounterSeries, into: SampleValue[]): void {
    into.push({ value: this.values[series.slot]!, labels: Object.fromEntries(this.labelPairs(series)) });
  }
}

/** Text that looks like a number would be glued to the total, so the type is checked at run time too. */
function isIncrement(n: number): boolean {
  return typeof n === 'number' && n >= 0 && n < Number.POSITIVE_INFINITY;
}

function only(numbers: Float64Array): number {
  return numbers[0]!;
}
