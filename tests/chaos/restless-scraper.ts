/** Owns a scraper that never rests: what /metrics and /-/healthy answered, how fast, and what stood there. */
import { labelOf, samplesOf } from '../harness/exporter.js';
import { pause } from '../harness/processes.js';

const EVERY_MS = 250;
const SCRAPE_TIMEOUT_SECONDS = 3;

/** One scrape. `status` is 0 when there was no answer within the timeout that the scrape announced. */
export interface Scrape {
  readonly atMs: number;
  readonly tookMs: number;
  readonly status: number;
  readonly healthy: number;
  readonly ready: number;
  readonly storeUp: number | undefined;
  readonly sourceUp: number | undefined;
  readonly moves: Readonly<Record<string, number>>;
  readonly living: Readonly<Record<string, number>>;
  readonly total: number;
}

export interface RestlessScraper {
  readonly scrapes: readonly Scrape[];
  /** The next scrape for which the condition holds; rejects with the last one when none does in time. */
  waitFor(holds: (scrape: Scrape) => boolean, timeoutMs: number): Promise<Scrape>;
  stop(): Promise<void>;
}

/** Scrapes the exporter at `url` four times a second, as a Prometheus with a timeout of three seconds would. */
export function startScraper(url: string): RestlessScraper {
  const scrapes: Scrape[] = [];
  let running = true;
  const loop = (async () => {
    while (running) {
      scrapes.push(await scrape(url));
      await pause(EVERY_MS);
    }
  })();
  return {
    scrapes,
    async waitFor(holds, timeoutMs) {
      const fromMs = performance.now();
      for (;;) {
        const found = scrapes.find((s) => s.atMs >= fromMs && holds(s));
        if (found !== undefined) return found;
        if (performance.now() - fromMs > timeoutMs) {
          throw new Error(`not within ${timeoutMs} ms; last scrape: ${JSON.stringify(scrapes.at(-1))}`);
        }
        await pause(50);
      }
    },
    async stop() {
      running = false;
      await loop;
    },
  };
}

async function scrape(url: string): Promise<Scrape> {
  const atMs = performance.now();
  const timeout = () => AbortSignal.timeout(SCRAPE_TIMEOUT_SECONDS * 1000);
  const headers = { 'x-prometheus-scrape-timeout-seconds': String(SCRAPE_TIMEOUT_SECONDS) };
  const [metrics, healthy, ready] = await Promise.all([
    fetch(`${url}/metrics`, { headers, signal: timeout() })
      .then(async (answer) => ({ status: answer.status, text: await answer.text() }))
      .catch(() => ({ status: 0, text: '' })),
    statusOf(`${url}/-/healthy`, timeout()),
    statusOf(`${url}/-/ready`, timeout()),
  ]);
  const moves = pairs(samplesOf(metrics.text, 'flow_transitions_total'), (labels) =>
    [labelOf(labels, 'from'), labelOf(labels, 'to')].join('>'),
  );
  return {
    atMs,
    tookMs: performance.now() - atMs,
    status: metrics.status,
    healthy,
    ready,
    storeUp: samplesOf(metrics.text, 'flowgauge_store_up').get(''),
    sourceUp: samplesOf(metrics.text, 'flowgauge_source_up').get(''),
    moves,
    living: pairs(samplesOf(metrics.text, 'flow_items'), (labels) => labelOf(labels, 'status')!),
    total: Object.values(moves).reduce((a, b) => a + b, 0),
  };
}

async function statusOf(url: string, signal: AbortSignal): Promise<number> {
  try {
    const answer = await fetch(url, { signal });
    await answer.text();
    return answer.status;
  } catch {
    return 0;
  }
}

function pairs(
  samples: ReadonlyMap<string, number>,
  nameOf: (labels: string) => string,
): Record<string, number> {
  const named = [...samples].filter(([, n]) => n > 0).map(([labels, n]) => [nameOf(labels), n] as const);
  return Object.fromEntries(named.sort());
}
