/** Owns exemplars: the trace that stands behind one recorded value, printed in OpenMetrics only. */
import { cleanText, formatValue, labelSet } from './label-text.js';

/** What a caller hands in beside a value. `timestampSeconds` is the moment, in seconds since the epoch. */
export interface ExemplarInput {
  readonly labels: Readonly<Record<string, string>>;
  readonly timestampSeconds: number;
}

/** OpenMetrics allows 128 characters for the names and values of an exemplar's labels together. */
const LONGEST_LABEL_SET = 128;
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** The text behind a sample: ` # {trace_id="…"} value timestamp`; undefined when it would not be legal. */
export function exemplarText(value: number, exemplar: ExemplarInput): string | undefined {
  const { labels, timestampSeconds } = exemplar;
  if (labels === null || typeof labels !== 'object' || !Number.isFinite(timestampSeconds)) return undefined;
  if (typeof value !== 'number') return undefined;
  let characters = 0;
  const pairs: [string, string][] = [];
  for (const [label, raw] of Object.entries(labels)) {
    if (!LABEL_NAME.test(label) || typeof raw !== 'string') return undefined;
    const text = cleanText(raw);
    characters += label.length + [...text].length;
    pairs.push([label, text]);
  }
  if (characters > LONGEST_LABEL_SET) return undefined;
  return ` # {${labelSet(pairs)}} ${formatValue(value)} ${timestampSeconds}`;
}
