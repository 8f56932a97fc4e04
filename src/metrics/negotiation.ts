/** Owns what a scraper's headers ask for: format, compression, and how long the answer may take. */
import type { Format } from './instrument.js';

export const CONTENT_TYPES = {
  classic: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
} as const satisfies Record<Format, string>;

/** Prometheus closes the connection at its timeout; this much is left for the way back, in milliseconds. */
const WAY_BACK_MS = 500;

export interface ScrapeBudgetLimits {
  /** Used when the header is missing or unusable, in milliseconds. */
  readonly defaultMs: number;
  /** No header can ask for more, in milliseconds. */
  readonly maxMs: number;
}

interface Range {
  readonly type: string;
  readonly version: string | undefined;
  readonly quality: number;
}

/** Formats that we have, by the ranges that name them. A range without a version means ours. */
const OFFERS = [
  { format: 'classic', type: 'text/plain', version: '0.0.4' },
  { format: 'openmetrics', type: 'application/openmetrics-text', version: '1.0.0' },
] as const;

/**
 * The format for an `Accept` header. The highest quality wins, then the more exact range; classic text is
 * the answer to everything unknown, because a scrape in the wrong format is worth more than none.
 */
export function negotiate(accept: string | undefined): Format {
  const ranges = (accept ?? '').split(',').map(parseRange);
  let best: { format: Format; quality: number; exactness: number } | undefined;
  for (const offer of OFFERS) {
    const match = bestMatch(offer, ranges);
    if (match === undefined || match.quality === 0) continue;
    const better =
      best === undefined ||
      match.quality > best.quality ||
      (match.quality === best.quality && match.exactness > best.exactness);
    if (better) best = { format: offer.format, ...match };
  }
  return best?.format ?? 'classic';
}

/** Whether an `Accept-Encoding` header allows gzip. */
export function acceptsGzip(acceptEncoding: string | undefined): boolean {
  const ranges = (acceptEncoding ?? '').split(',').map(parseRange);
  const named = ranges.find((r) => r.type === 'gzip') ?? ranges.find((r) => r.type === '*');
  return named !== undefined && named.quality > 0;
}

/**
 * Milliseconds that a scrape may take by `X-Prometheus-Scrape-Timeout-Seconds`: half a second less, at
 * least half of the timeout, never above `maxMs`; anything that is not a plain number above 0 counts as missing.
 */
export function scrapeBudgetMs(timeout: string | undefined, limits: ScrapeBudgetLimits): number {
  const seconds = /^\d{1,9}(\.\d{1,9})?$/.test(timeout?.trim() ?? '') ? Number(timeout) : 0;
  if (seconds <= 0) return Math.min(limits.defaultMs, limits.maxMs);
  const budgetMs = Math.max(seconds * 1000 - WAY_BACK_MS, seconds * 500);
  return Math.max(1, Math.min(budgetMs, limits.maxMs));
}

function bestMatch(
  offer: (typeof OFFERS)[number],
  ranges: readonly Range[],
): { quality: number; exactness: number } | undefined {
  let best: { quality: number; exactness: number } | undefined;
  for (const range of ranges) {
    const exactness = exactnessOf(offer, range);
    if (exactness === 0) continue;
    if (best === undefined || exactness > best.exactness) best = { quality: range.quality, exactness };
  }
  return best;
}

/** 0: no match, 1: any type at all, 2: any subtype, 3: the type, 4: the type and its version. */
function exactnessOf(offer: (typeof OFFERS)[number], range: Range): number {
  // A client that takes anything is a person's tool, and people read the classic text.
  if (range.type === '*/*') return offer.format === 'classic' ? 1 : 0;
  if (range.type === `${offer.type.split('/')[0]}/*`) return 2;
  if (range.type !== offer.type) return 0;
  if (range.version === undefined) return 3;
  return range.version === offer.version ? 4 : 0;
}

function parseRange(text: string): Range {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  let version: string | undefined;
  let quality = 1;
  for (const parameter of parameters) {
    const [key, value = ''] = parameter.split('=').map((part) => part.trim().replaceAll('"', ''));
    if (key === 'version') version = value;
    if (key === 'q') quality = /^(0(\.\d*)?|1(\.0*)?)$/.test(value) ? Number(value) : 0;
  }
  return { type, version, quality };
}
