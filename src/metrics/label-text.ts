/** Owns how names, label values and help texts are written in the exposition formats. */

/** Value of each label of the series that takes what is over the series budget. */
export const OVERFLOW = 'overflow';

const LONE_SURROGATE = /\p{Surrogate}/gu;
const ESCAPED = /[\\\n"]/;

/**
 * The text as UTF-8 can carry it. Every lone surrogate becomes the same bytes on the wire, so two label
 * sets would be printed as one series twice; they are made one series from the start.
 */
export function cleanText(text: string): string {
  return text.replace(LONE_SURROGATE, '\uFFFD');
}

export function escapeLabelValue(value: string): string {
  if (!ESCAPED.test(value)) return value;
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
}

/** Help text in classic text 0.0.4, where quotes stay as they are. */
export function escapeHelp(help: string): string {
  return help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

/** A sample's line up to and including the blank before its value. */
export function linePrefix(name: string, labels: Iterable<readonly [string, string]>): string {
  const set = labelSet(labels);
  return set === '' ? `${name} ` : `${name}{${set}} `;
}

/** `a="x",b="y"`; the empty text without labels. */
export function labelSet(labels: Iterable<readonly [string, string]>): string {
  let text = '';
  for (const [label, value] of labels) {
    text += `${text === '' ? '' : ','}${label}="${escapeLabelValue(value)}"`;
  }
  return text;
}

/** A sample value as both formats write it; a whole number has no fraction. */
export function formatValue(value: number): string {
  if (Number.isFinite(value)) return `${value}`;
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? '+Inf' : '-Inf';
}

/**
 * A bucket bound or quantile as OpenMetrics writes it: always a float (`1.0`), with an exponent of two
 * digits from a million upwards and below a ten-thousandth, so that every client's buckets join.
 */
export function canonicalFloat(value: number): string {
  if (!Number.isFinite(value)) return formatValue(value);
  const [mantissa = '0', exponent = '0'] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power < -4 || power >= 6) {
    return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  }
  return Number.isInteger(value) ? `${value}.0` : `${value}`;
}
