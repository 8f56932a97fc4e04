/** Owns answering one scrape: shared renderings, compression beside the event loop, and a bound on those who wait. */
import { Readable } from 'node:stream';
import { constants, createGzip } from 'node:zlib';
import { SetupReader } from '../resilience/setup-options.js';
import { type CollectorReport, type MetricSource, render } from './exposition.js';
import type { Format } from './instrument.js';
import { acceptsGzip, CONTENT_TYPES, negotiate, scrapeBudgetMs } from './negotiation.js';

/** What a scrape needs of the metrics. */
export interface ScrapedMetrics {
  readonly registry: MetricSource;
  /** Brings the series about the metrics themselves up to date; called before each rendering. */
  refreshSelf(): void;
  /** Notes what became of the metrics that are not ours. */
  noteCollectors(reports: readonly CollectorReport[]): void;
  readonly scrapesRejected: { inc(labels: Readonly<Record<never, string>>): void };
}

/** Options of a scrape. A wrong or unknown one throws InstrumentOptionError. */
export interface ScraperOptions {
  /** Scrapes that may be under way at once; one more is answered with 503. Default 32; 1 to 10,000. */
  readonly maxWaiting?: number;
  /** Budget without a timeout header, in milliseconds. Default 9,500; 10 to 3,600,000. */
  readonly defaultBudgetMs?: number;
  /** Longest budget that a header can ask for, in milliseconds. Default 60,000; 10 to 3,600,000. */
  readonly maxBudgetMs?: number;
}

/** The headers that matter. */
export interface ScrapeRequest {
  readonly accept?: string | undefined;
  readonly acceptEncoding?: string | undefined;
  /** `X-Prometheus-Scrape-Timeout-Seconds`; of several only the first counts. */
  readonly timeoutSeconds?: string | readonly string[] | undefined;
}

/** Ready for an HTTP response. A Readable body has its length in the headers and may be left unread. */
export interface ScrapeAnswer {
  readonly status: 200 | 503;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | Readable;
}

export interface Scraper {
  /** Never rejects because of a metric, a client or a load. */
  scrape(request: ScrapeRequest): Promise<ScrapeAnswer>;
}

/** A rendering that several callers wait for. `hurry` ends its wait for foreign metrics. */
interface Flight {
  readonly chunks: Promise<readonly Buffer[]>;
  readonly hurry: AbortController;
}

/** Smaller than this, one piece travels faster than a stream. */
const ONE_PIECE_BYTES = 256 * 1024;
/** Compressing less than this costs more than the bytes that it saves. */
const GZIP_FROM_BYTES = 1024;

const KNOWN = [
  'maxWaiting',
  'defaultBudgetMs',
  'maxBudgetMs',
] as const satisfies readonly (keyof ScraperOptions)[];

/** A scraper over one registry. Concurrent scrapes of a format share one rendering and one compression. */
export function createScraper(metrics: ScrapedMetrics, options: ScraperOptions = {}): Scraper {
  const read = new SetupReader('metricsHandler', options, KNOWN);
  const maxWaiting = read.whole('maxWaiting', 32, 1, 10_000);
  const defaultBudgetMs = read.ms('defaultBudgetMs', 9_500, 10, 3_600_000);
  const maxBudgetMs = read.ms('maxBudgetMs', 60_000, 10, 3_600_000);
  const flights = new Map<Format, Flight>();
  /** By rendering: a compression of older numbers must not answer a later scrape. */
  const compressions = new WeakMap<readonly Buffer[], Promise<readonly Buffer[]>>();
  let waiting = 0;

  function flightOf(format: Format): Flight {
    const running = flights.get(format);
    if (running !== undefined) return running;
    const hurry = new AbortController();
    metrics.refreshSelf();
    const chunks = collect(
      render(metrics.registry, {
        format,
        deadlineMs: maxBudgetMs,
        signal: hurry.signal,
        onCollected: (reports) => metrics.noteCollectors(reports),
      }),
    ).finally(() => flights.delete(format));
    const flight = { chunks, hurry };
    flights.set(format, flight);
    return flight;
  }

  /** Waits no longer than the caller's own budget, although somebody more patient may have begun. */
  async function rendered(format: Format, budgetMs: number): Promise<readonly Buffer[]> {
    const { chunks, hurry } = flightOf(format);
    const timer = setTimeout(() => hurry.abort(), budgetMs);
    try {
      return await chunks;
    } finally {
      clearTimeout(timer);
    }
  }

  function compressed(chunks: readonly Buffer[]): Promise<readonly Buffer[]> {
    const running = compressions.get(chunks);
    if (running !== undefined) return running;
    const result = gzip(chunks);
    compressions.set(chunks, result);
    return result;
  }

  return {
    async scrape(request) {
      if (waiting >= maxWaiting) {
        metrics.scrapesRejected.inc({});
        return tooMany(maxWaiting);
      }
      waiting += 1;
      try {
        const format = negotiate(request.accept);
        const header =
          typeof request.timeoutSeconds === 'string' ? request.timeoutSeconds : request.timeoutSeconds?.[0];
        const budgetMs = scrapeBudgetMs(header, { defaultMs: defaultBudgetMs, maxMs: maxBudgetMs });
        const chunks = await rendered(format, budgetMs);
        if (!acceptsGzip(request.acceptEncoding) || byteLength(chunks) < GZIP_FROM_BYTES) {
          return answer(chunks, { 'content-type': CONTENT_TYPES[format] });
        }
        return answer(await compressed(chunks), {
          'content-type': CONTENT_TYPES[format],
          'content-encoding': 'gzip',
        });
      } finally {
        waiting -= 1;
      }
    },
  };
}

async function collect(source: AsyncIterable<Buffer>): Promise<readonly Buffer[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return chunks;
}

/** Level 1: higher ones cost several times the work for a fifth of the bytes. */
async function gzip(chunks: readonly Buffer[]): Promise<readonly Buffer[]> {
  const stream = createGzip({ level: constants.Z_BEST_SPEED, chunkSize: 64 * 1024 });
  Readable.from(chunks).pipe(stream);
  return collect(stream);
}

function answer(chunks: readonly Buffer[], headers: Readonly<Record<string, string>>): ScrapeAnswer {
  const length = byteLength(chunks);
  const all = { ...headers, vary: 'accept, accept-encoding', 'content-length': `${length}` };
  const body = length <= ONE_PIECE_BYTES ? Buffer.concat(chunks) : Readable.from(chunks);
  return { status: 200, headers: all, body };
}

function byteLength(chunks: readonly Buffer[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0);
}

function tooMany(maxWaiting: number): ScrapeAnswer {
  const body = Buffer.from(`${maxWaiting} scrapes are under way already; try again later\n`);
  const headers = {
    'content-type': 'text/plain; charset=utf-8',
    'retry-after': '1',
    'content-length': `${body.length}`,
  };
  return { status: 503, headers, body };
}
