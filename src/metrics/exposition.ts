/** Owns printing a registry in either text format without ever holding the event loop for long. */

import { type Answer, askAll, type ForeignMetric } from './foreign.js';
import { foreignText, headText } from './foreign-text.js';
import { type Format, Instrument, type Series } from './instrument.js';
import { Pace } from './pace.js';
import type { Page } from './page.js';

/** What is printed: a prom-client registry or anything that lists its metrics likewise. */
export interface MetricSource {
  getMetricsAsArray(): readonly unknown[];
}

/** What became of a metric that is not ours, told before its samples are printed. */
export interface CollectorReport {
  readonly metric: ForeignMetric;
  readonly success: boolean;
  readonly durationMs: number;
}

export interface RenderOptions {
  readonly format: Format;
  /** Milliseconds that foreign metrics have for their answer. */
  readonly deadlineMs: number;
  /** Aborted: foreign metrics that have not answered yet are left out now. The text is still complete. */
  readonly signal?: AbortSignal;
  /** Called once, with all foreign metrics; what it records is in the same text. */
  readonly onCollected?: (reports: readonly CollectorReport[]) => void;
}

const CHUNK_BYTES = 128 * 1024;
/** New series that get their text between two looks at the clock. */
const LAYOUT_STEP = 64;

type AnyInstrument = Instrument<string, Series>;

/**
 * The text in chunks. Own instruments are printed from their cached lines, foreign metrics through `get()`;
 * one that throws, gives nonsense or never answers is left out alone. Never rejects because of a metric.
 */
export async function* render(source: MetricSource, options: RenderOptions): AsyncGenerator<Buffer> {
  const metrics = source.getMetricsAsArray();
  const foreign = await foreignBlocks(metrics.filter(isForeign), options);
  const writer = new ChunkWriter();
  const pace = new Pace();
  let first = true;
  for (const metric of metrics) {
    const blocks = isForeign(metric) ? foreign.get(metric) : undefined;
    if (blocks === undefined && !isOwn(metric)) continue;
    if (!first && options.format === 'classic') writer.text('\n');
    first = false;
    if (isOwn(metric)) {
      await printOwn(metric, options.format, writer, pace);
    } else {
      for (const piece of blocks ?? []) {
        writer.text(piece);
        if (pace.due) await pace.rest();
      }
    }
    yield* writer.ready();
  }
  if (options.format === 'openmetrics') writer.text('# EOF\n');
  else if (first) writer.text('\n');
  yield* writer.rest();
}

function isOwn(metric: unknown): metric is AnyInstrument {
  return metric instanceof Instrument;
}

function isForeign(metric: unknown): metric is ForeignMetric {
  return !isOwn(metric) && typeof (metric as Partial<ForeignMetric> | null)?.get === 'function';
}

async function foreignBlocks(
  metrics: readonly ForeignMetric[],
  options: RenderOptions,
): Promise<ReadonlyMap<ForeignMetric, readonly string[]>> {
  const blocks = new Map<ForeignMetric, readonly string[]>();
  const reports: CollectorReport[] = [];
  const answers = await askAll(metrics, options);
  for (const metric of metrics) {
    const answer = answers.get(metric);
    const block = answer && (await blockOf(answer, options.format));
    if (block !== undefined) blocks.set(metric, block);
    reports.push({ metric, success: block !== undefined, durationMs: answer?.durationMs ?? 0 });
  }
  options.onCollected?.(reports);
  return blocks;
}

async function blockOf(answer: Answer, format: Format): Promise<readonly string[] | undefined> {
  if (answer.outcome !== 'answered') return undefined;
  try {
    return await foreignText(answer.data, format);
  } catch {
    // A sample that cannot be written would make Prometheus refuse the whole scrape: the metric stays out.
    return undefined;
  }
}

/** Prints one own metric from its pages. */
async function printOwn(
  metric: AnyInstrument,
  format: Format,
  writer: ChunkWriter,
  pace: Pace,
): Promise<void> {
  const sheet = metric.sheet(format);
  while (sheet.layOut(LAYOUT_STEP)) if (pace.due) await pace.rest();
  const type = metric.spec.type === 'info' && format === 'openmetrics' ? 'info' : metric.type;
  const { help, spec } = metric;
  writer.text(headText({ name: metric.family(format), help, type, unit: spec.unit }, format));
  const withExemplars = format === 'openmetrics' && metric.hasExemplars;
  const pages = sheet.beginRead();
  try {
    for (const page of pages) {
      page.refresh(metric.readLines);
      if (withExemplars) writeWithExemplars(page, metric, writer);
      else writer.bytes(page.text, page.used);
      if (pace.due) await pace.rest();
    }
  } finally {
    sheet.endRead();
  }
}

function writeWithExemplars(page: Page, metric: AnyInstrument, writer: ChunkWriter): void {
  const perSeries = page.linesPerSeries;
  for (let line = 0; line < page.seriesCount * perSeries; line += 1) {
    const exemplar = metric.exemplar(page.slots[Math.floor(line / perSeries)]!, line % perSeries);
    const withoutNewline = page.text.toString('utf8', page.lineStart(line), page.lineStart(line + 1) - 1);
    writer.text(`${withoutNewline}${exemplar ?? ''}\n`);
  }
}

/** Collects bytes into chunks of even size. */
class ChunkWriter {
  private chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  private used = 0;
  private full: Buffer[] = [];

  text(text: string): void {
    const longest = 3 * text.length;
    if (longest > CHUNK_BYTES) {
      const bytes = Buffer.from(text);
      this.bytes(bytes, bytes.length);
      return;
    }
    if (this.used + longest > CHUNK_BYTES) this.close();
    this.used += this.chunk.write(text, this.used);
  }

  /** Copies the first `length` bytes: their owner goes on changing them. */
  bytes(source: Buffer, length: number): void {
    let from = 0;
    while (from < length) {
      if (this.used === CHUNK_BYTES) this.close();
      const until = Math.min(length, from + CHUNK_BYTES - this.used);
      this.used += source.copy(this.chunk, this.used, from, until);
      from = until;
    }
  }

  /** The chunks that are finished, once. */
  ready(): readonly Buffer[] {
    if (this.full.length === 0) return this.full;
    const out = this.full;
    this.full = [];
    return out;
  }

  /** Everything that is left. */
  rest(): readonly Buffer[] {
    if (this.used > 0) this.full.push(this.chunk.subarray(0, this.used));
    this.used = 0;
    return this.ready();
  }

  private close(): void {
    this.full.push(this.chunk.subarray(0, this.used));
    this.chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    this.used = 0;
  }
}
