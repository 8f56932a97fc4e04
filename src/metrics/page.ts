/** Owns one page of a metric's finished lines, in which only the numbers that changed are rewritten. */
import { LONGEST_VALUE, writeValue } from './number-text.js';

/** Lines that one page holds at most; a histogram's series is never split over two pages. */
const LINES_PER_PAGE = 256;
/** A page with very long labels is closed earlier, so that no page takes long to rewrite. */
const BYTES_PER_PAGE = 64 * 1024;
const SHORT_RUN_BYTES = 150;
const NEWLINE = 10;
const ZERO = 48;

/** Lays out the numbers of the series in `slots[0 .. seriesCount)` into `values`, one per line. */
export type ReadValues = (slots: Int32Array, seriesCount: number, values: Float64Array) => void;

let scratchText = Buffer.allocUnsafeSlow(2 * BYTES_PER_PAGE);
const scratchValues = new Float64Array(LINES_PER_PAGE);

/** A run of lines as bytes. Line `i` is its prefix, the value in `[starts[i], ends[i])`, and a newline. */
export class Page {
  readonly slots: Int32Array;
  seriesCount = 0;
  /** Bytes in use of `text`. */
  used = 0;
  text: Buffer = Buffer.allocUnsafeSlow(2048);
  private readonly starts: Uint32Array;
  private readonly ends: Uint32Array;
  private readonly shown: Float64Array;
  private readonly capacity: number;

  constructor(readonly linesPerSeries: number) {
    this.capacity = Math.max(1, Math.floor(LINES_PER_PAGE / linesPerSeries));
    const lines = this.capacity * linesPerSeries;
    this.slots = new Int32Array(this.capacity);
    this.starts = new Uint32Array(lines);
    this.ends = new Uint32Array(lines);
    this.shown = new Float64Array(lines);
  }

  get full(): boolean {
    return this.seriesCount === this.capacity || this.used > BYTES_PER_PAGE;
  }

  /** Adds a series whose values are all shown as 0 until the next `refresh`. */
  append(slot: number, prefixes: readonly string[]): void {
    const first = this.seriesCount * this.linesPerSeries;
    this.slots[this.seriesCount] = slot;
    this.seriesCount += 1;
    for (const [i, prefix] of prefixes.entries()) {
      this.reserve(this.used + 3 * prefix.length + LONGEST_VALUE);
      const start = this.used + this.text.write(prefix, this.used);
      this.text[start] = ZERO;
      this.text[start + 1] = NEWLINE;
      this.starts[first + i] = start;
      this.ends[first + i] = start + 1;
      this.shown[first + i] = 0;
      this.used = start + 2;
    }
  }

  /** Takes a series out. Returns false when it is not on this page. */
  remove(slot: number): boolean {
    const index = this.slots.subarray(0, this.seriesCount).indexOf(slot);
    if (index < 0) return false;
    const first = index * this.linesPerSeries;
    const next = first + this.linesPerSeries;
    const lines = this.seriesCount * this.linesPerSeries;
    const from = this.lineStart(first);
    const until = this.lineStart(next);
    this.text.copyWithin(from, until, this.used);
    this.used -= until - from;
    this.slots.copyWithin(index, index + 1, this.seriesCount);
    for (let i = next; i < lines; i += 1) {
      this.starts[i - this.linesPerSeries] = this.starts[i]! - (until - from);
      this.ends[i - this.linesPerSeries] = this.ends[i]! - (until - from);
      this.shown[i - this.linesPerSeries] = this.shown[i]!;
    }
    this.seriesCount -= 1;
    return true;
  }

  /** Makes the text show the series' numbers of now. */
  refresh(read: ReadValues): void {
    read(this.slots, this.seriesCount, scratchValues);
    const { shown, starts, ends, text } = this;
    const lines = this.seriesCount * this.linesPerSeries;
    for (let i = 0; i < lines; i += 1) {
      const value = scratchValues[i]!;
      if (value === shown[i]) continue;
      const room = ends[i]! - starts[i]!;
      if (writeValue(text, starts[i]!, value, room) !== room) {
        this.relayout(i);
        return;
      }
      shown[i] = value;
    }
  }

  clear(): void {
    this.seriesCount = 0;
    this.used = 0;
  }

  /** Byte offset at which a line begins; of the line after the last one: the end. */
  lineStart(line: number): number {
    return line === 0 ? 0 : this.ends[line - 1]! + 1;
  }

  /** From line `from` on, some numbers have other lengths: moves the text in between and writes these numbers. */
  private relayout(from: number): void {
    const { shown, starts, ends, text } = this;
    const lines = this.seriesCount * this.linesPerSeries;
    const begin = this.lineStart(from);
    const longest = this.used - begin + (lines - from) * LONGEST_VALUE;
    if (scratchText.length < longest) scratchText = Buffer.allocUnsafeSlow(longest);
    const target = scratchText;
    /** Text up to here is in `target`; a run of lines that keep their lengths is copied at once. */
    let copied = begin;
    let shift = 0;
    for (let i = from; i < lines; i += 1) {
      const start = starts[i]!;
      const end = ends[i]!;
      const value = scratchValues[i]!;
      starts[i] = start + shift;
      if (value !== shown[i] && writeValue(text, start, value, end - start) !== end - start) {
        copyRun(text, copied, start, target, copied - begin + shift);
        shift += writeValue(target, start - begin + shift, value, 0) - (end - start);
        copied = end;
      }
      shown[i] = value;
      ends[i] = end + shift;
    }
    const until = this.used;
    copyRun(text, copied, until, target, copied - begin + shift);
    this.used = until + shift;
    this.reserve(this.used);
    target.copy(this.text, begin, 0, this.used - begin);
  }

  private reserve(bytes: number): void {
    if (bytes <= this.text.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.ceil(bytes * 1.4));
    this.text.copy(grown, 0, 0, this.used);
    this.text = grown;
  }
}

/** A call into the runtime costs more than copying a line byte by byte, and far less than copying ten. */
function copyRun(source: Buffer, from: number, until: number, target: Buffer, at: number): void {
  if (until - from > SHORT_RUN_BYTES) {
    source.copy(target, at, from, until);
    return;
  }
  for (let i = from, to = at; i < until; i += 1, to += 1) target[to] = source[i]!;
}
