/** Owns the numbers of log lines by level, written and held back as repeats, and their way to the metrics. */

/** What of the metrics the log adds its lines to; `createMetrics()` has it. */
export interface LogMetrics {
  readonly logMessages: LineTotal;
  readonly logMessagesSuppressed: LineTotal;
  /** Has `refresh` called before each scrape; the answer ends that. */
  onScrape(refresh: () => void): () => void;
}

/** One counter by level. */
interface LineTotal {
  inc(labels: { readonly level: string }, lines: number): void;
}

/** Counts lines. A line costs one addition: the metrics are told at a scrape, not line by line. */
export class LineCounts<L extends string> {
  readonly #written = new Map<L, number>();
  readonly #suppressed = new Map<L, number>();

  constructor(levels: readonly L[]) {
    for (const level of levels) {
      this.#written.set(level, 0);
      this.#suppressed.set(level, 0);
    }
  }

  /** A line of this level was handed to the stream. */
  written(level: L): void {
    this.#written.set(level, this.#written.get(level)! + 1);
  }

  /** A line of this level was held back as a repeat. */
  suppressed(level: L): void {
    this.#suppressed.set(level, this.#suppressed.get(level)! + 1);
  }

  /** Adds all lines since the start to the metrics, and the later ones at each scrape; the answer ends that. */
  tellTo(metrics: LogMetrics): () => void {
    const parts = [
      { counts: this.#written, total: metrics.logMessages, told: new Map<L, number>() },
      { counts: this.#suppressed, total: metrics.logMessagesSuppressed, told: new Map<L, number>() },
    ];
    const refresh = () => {
      for (const { counts, total, told } of parts) {
        for (const [level, lines] of counts) {
          // Growth, not the total: two logs may share the metrics.
          total.inc({ level }, lines - (told.get(level) ?? 0));
          told.set(level, lines);
        }
      }
    };
    refresh();
    const forget = metrics.onScrape(refresh);
    return () => {
      refresh();
      forget();
    };
  }
}
