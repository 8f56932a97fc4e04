/** Owns the body of `/resources/history`: the last samples as rows, and the least, mean and most of each column. */
import { byColumn, HISTORY_ROWS, type HistoryColumn, type HistoryRow } from '../resources/history.js';
import type { HealthFacts } from './health-facts.js';

/** Minutes that can be asked for, both included, and how many are meant without a number. */
export const HISTORY_MINUTES = { least: 1, most: 600, usual: 60 } as const;

type Body = Readonly<Record<string, unknown>>;

/** The body; undefined when measuring is off. What was not known is null, and counts for nothing in the summary. */
export function resourceHistoryBody(
  facts: Pick<HealthFacts, 'resourceHistory' | 'now'>,
  minutes: number,
): Body | undefined {
  const history = facts.resourceHistory(minutes);
  if (history === undefined) return undefined;
  const { rows, intervalMs } = history;
  return {
    timestamp: facts.now().toISOString(),
    minutes,
    interval_seconds: intervalMs / 1000,
    capacity: HISTORY_ROWS,
    row_count: rows.length,
    rows: rows.map(({ wallMs, values }) => ({
      time: new Date(wallMs).toISOString(),
      ...byColumn((column) => shown(values[column])),
    })),
    summary: byColumn((column) => summaryOf(rows, column)),
  };
}

function summaryOf(rows: readonly HistoryRow[], column: HistoryColumn): Body {
  const known = rows.flatMap(({ values }) => values[column] ?? []);
  if (known.length === 0) return { known: 0, min: null, mean: null, max: null };
  return {
    known: known.length,
    min: shown(Math.min(...known)),
    mean: shown(known.reduce((sum, value) => sum + value, 0) / known.length),
    max: shown(Math.max(...known)),
  };
}

/** Five decimals: a ratio is exact to a thousandth of a percent. */
function shown(value: number | undefined): number | null {
  if (value === undefined || Number.isInteger(value)) return value ?? null;
  return Math.round(value * 1e5) / 1e5;
}
