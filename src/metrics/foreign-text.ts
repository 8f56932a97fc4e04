/** Owns turning the samples of metrics that are not ours into text, refusing what would spoil the scrape. */
import type { Format } from './instrument.js';
import { canonicalFloat, cleanText, escapeHelp, escapeLabelValue, formatValue } from './label-text.js';
import { Pace } from './pace.js';

const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const TYPES = new Set(['counter', 'gauge', 'histogram', 'summary', 'untyped']);
const LINES_PER_PIECE = 500;

/** A metric gave something that no scraper could read; the message says what. */
export class ForeignMetricError extends Error {
  readonly code = 'FOREIGN_METRIC_INVALID';
  override readonly name = 'ForeignMetricError';
}

/** The head of a metric's block: HELP and TYPE, and UNIT where the name says it. */
export function headText(
  head: {
    readonly name: string;
    readonly help: string;
    readonly type: string;
    readonly unit?: string | undefined;
  },
  format: Format,
): string {
  const help = escapeHelp(cleanText(head.help));
  if (format === 'classic') return `# HELP ${head.name} ${help}\n# TYPE ${head.name} ${head.type}\n`;
  const unit =
    head.unit !== undefined && head.name.endsWith(`_${head.unit}`)
      ? `# UNIT ${head.name} ${head.unit}\n`
      : '';
  return `# TYPE ${head.name} ${head.type}\n${unit}# HELP ${head.name} ${help.replaceAll('"', '\\"')}\n`;
}

/**
 * The block of one foreign metric in pieces, each ending in a newline. Yields to the event loop on the way.
 * Throws ForeignMetricError before anything is printed when a name, label or value is not legal.
 */
export async function foreignText(data: unknown, format: Format): Promise<string[]> {
  const metric = checkedHead(data);
  const counter = metric.type === 'counter';
  const family = format === 'openmetrics' && counter ? metric.name.replace(/_total$/, '') : metric.name;
  const sampleName = format === 'openmetrics' && counter ? `${family}_total` : metric.name;
  const type = format === 'openmetrics' && metric.type === 'untyped' ? 'unknown' : metric.type;
  const pieces = [headText({ ...metric, name: family, type }, format)];
  const pace = new Pace();
  let piece = '';
  for (const [i, value] of metric.values.entries()) {
    piece += sampleText(value, sampleName, format);
    if (i % LINES_PER_PIECE !== LINES_PER_PIECE - 1) continue;
    pieces.push(piece);
    piece = '';
    if (pace.due) await pace.rest();
  }
  if (piece !== '') pieces.push(piece);
  return pieces;
}

interface Head {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly unknown[];
}

function checkedHead(data: unknown): Head {
  if (!isRecord(data)) throw new ForeignMetricError('get() did not give an object');
  const { name, help, type, values } = data;
  if (typeof name !== 'string' || !METRIC_NAME.test(name))
    throw new ForeignMetricError('illegal metric name');
  if (typeof type !== 'string' || !TYPES.has(type)) throw new ForeignMetricError(`${name}: unknown type`);
  if (values !== undefined && !Array.isArray(values))
    throw new ForeignMetricError(`${name}: values is no list`);
  return { name, help: typeof help === 'string' ? help : '', type, values: values ?? [] };
}

function sampleText(sample: unknown, defaultName: string, format: Format): string {
  if (!isRecord(sample)) throw new ForeignMetricError(`${defaultName}: a sample is no object`);
  const { metricName, labels, value, exemplar } = sample;
  const name = metricName ?? defaultName;
  if (typeof name !== 'string' || (name !== defaultName && !METRIC_NAME.test(name))) {
    throw new ForeignMetricError(`${defaultName}: illegal sample name`);
  }
  if (typeof value !== 'number') throw new ForeignMetricError(`${defaultName}: a value is no number`);
  const set = foreignLabels(labels, format);
  const line = `${name}${set === '' ? '' : `{${set}}`} ${formatValue(value)}`;
  return `${line}${format === 'openmetrics' ? foreignExemplar(exemplar) : ''}\n`;
}

function foreignLabels(labels: unknown, format: Format): string {
  if (labels === undefined || labels === null) return '';
  let text = '';
  for (const [label, value] of Object.entries(labels)) {
    if (!LABEL_NAME.test(label)) throw new ForeignMetricError('illegal label name');
    const written =
      format === 'openmetrics' && typeof value === 'number' && (label === 'le' || label === 'quantile')
        ? canonicalFloat(value)
        : escapeLabelValue(cleanText(String(value)));
    text += `${text === '' ? '' : ','}${label}="${written}"`;
  }
  return text;
}

function foreignExemplar(exemplar: unknown): string {
  if (!isRecord(exemplar)) return '';
  const { labelSet, value, timestamp } = exemplar;
  if (typeof value !== 'number' || typeof timestamp !== 'number') return '';
  return ` # {${foreignLabels(labelSet, 'openmetrics')}} ${formatValue(value)} ${timestamp}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object';
}
