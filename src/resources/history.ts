/** Owns the last samples of the machine in this process: a ring of fixed memory, for whoever has no Prometheus at hand. */

/** Rows that are kept; with a row every 30 s those of 8.3 hours. */
export const HISTORY_ROWS = 1_000;

/** What a row tells beside its moment; the unit stands in the name. */
export const HISTORY_COLUMNS = [
  'cpu_utilization_ratio',
  'load_average_1m',
  'memory_used_bytes',
  'memory_total_bytes',
  'swap_used_bytes',
  /** Of the fullest of the watched mount points. */
  'filesystem_used_ratio',
  'network_receive_bytes_per_second',
  'network_transmit_bytes_per_second',
  'disk_read_bytes_per_second',
  'disk_write_bytes_per_second',
  'resident_memory_bytes',
  'heap_used_bytes',
  'open_fds',
  'children',
  'health_score',
  /** Items in statuses that have a limit, and those of them that are beyond it. */
  'waiting_items',
  'over_limit_items',
] as const;
/** The name of a column. */
export type HistoryColumn = (typeof HISTORY_COLUMNS)[number];

/** What one moment tells; undefined is not known. */
export type HistoryValues = Readonly<Record<HistoryColumn, number | undefined>>;

/** One row. */
export interface HistoryRow {
  /** Wall clock in milliseconds, as it was when the row was taken. */
  readonly wallMs: number;
  readonly values: HistoryValues;
}

/** In front of the columns: monotonic and wall clock in milliseconds. */
const CLOCKS = 2;
const WIDTH = CLOCKS + HISTORY_COLUMNS.length;

/** Memory that a full ring takes, and an empty one too, in bytes: 152,000. */
export const HISTORY_BYTES = HISTORY_ROWS * WIDTH * Float64Array.BYTES_PER_ELEMENT;

/** The ring. A new row takes the place of the oldest one. */
export class ResourceHistory {
  readonly #cells = new Float64Array(HISTORY_ROWS * WIDTH);
  #recorded = 0;

  /** Takes a row. `atMs` is the monotonic clock and never goes back. */
  record(atMs: number, wallMs: number, values: HistoryValues): void {
    const start = (this.#recorded % HISTORY_ROWS) * WIDTH;
    const cells = HISTORY_COLUMNS.map((column) => values[column] ?? Number.NaN);
    this.#cells.set([atMs, wallMs, ...cells], start);
    this.#recorded += 1;
  }

  /** The rows that were taken at this moment of the monotonic clock or later, the oldest first. */
  since(atMs: number): readonly HistoryRow[] {
    const rows: HistoryRow[] = [];
    const oldest = Math.max(0, this.#recorded - HISTORY_ROWS);
    for (let index = this.#recorded - 1; index >= oldest; index -= 1) {
      const start = (index % HISTORY_ROWS) * WIDTH;
      if (this.#cells[start]! < atMs) break;
      rows.push(rowOf(this.#cells.subarray(start, start + WIDTH)));
    }
    return rows.reverse();
  }
}

function rowOf(cells: Float64Array): HistoryRow {
  const values = byColumn((_, place) => {
    const value = cells[CLOCKS + place]!;
    return Number.isFinite(value) ? value : undefined;
  });
  return { wallMs: cells[1]!, values };
}

/** Something for each column, in their order. A loop: a thousand rows from lists of pairs hold up the process. */
export function byColumn<T>(
  of: (column: HistoryColumn, place: number) => T,
): Readonly<Record<HistoryColumn, T>> {
  const made = {} as Record<HistoryColumn, T>;
  for (let place = 0; place < HISTORY_COLUMNS.length; place += 1) {
    const column = HISTORY_COLUMNS[place]!;
    made[column] = of(column, place);
  }
  return made;
}
