/** Owns the words of the preview's pictures: numbers with their units, names of series, colours of states. */
/** Colours of lines, in their order. */
export const PALETTE = [
  '#3b82c4',
  '#e0752d',
  '#4c9f50',
  '#a352cc',
  '#c9a227',
  '#13a8a8',
  '#cf4a7d',
  '#7a6f5d',
  '#5b6ee1',
  '#8fae3b',
];
/** Colours by the names that the dashboards use. */
export const NAMED = {
  green: '#4c9f50',
  yellow: '#d9a514',
  orange: '#e0752d',
  red: '#d03a3a',
  'dark-red': '#8f1d1d',
  blue: '#3b82c4',
  purple: '#8f4bbf',
  text: '#555555',
};
export function worded(value, panel) {
  const { mappings = [], thresholds, unit, decimals } = panel.fieldConfig.defaults;
  const word = mappings[0]?.options[String(value)];
  if (word !== undefined) return { text: word.text, colour: NAMED[word.color] };
  const step = thresholds.steps.filter(({ value: from }) => from === null || value >= from).at(-1);
  return { text: shown(value, unit, decimals), colour: NAMED[step?.color ?? 'green'] };
}

export function nameOf(labels, legend) {
  if (legend !== undefined) return legend.replace(/\{\{(\w+)\}\}/g, (_, label) => labels[label] ?? '').trim();
  return Object.values(labels).join(' ');
}

export function clock(atS) {
  return new Date(atS * 1000).toISOString().slice(11, 16);
}

export function shown(value, unit, decimals) {
  if (unit === 'percentunit') return `${short(value * 100, decimals)} %`;
  if (unit === 'bytes' || unit === 'Bps')
    return scaled(value, ['B', 'KiB', 'MiB', 'GiB', 'TiB'], 1024) + (unit === 'Bps' ? '/s' : '');
  if (unit === 's') return duration(value);
  if (unit === 'dateTimeFromNow') return `${duration(window.preview.nowS - value / 1000)} ago`;
  const per = { reqps: ' req/s', cps: '/s', cpm: '/min', ops: ' op/s' }[unit] ?? '';
  return scaled(value, ['', 'K', 'M', 'G'], 1000, decimals) + per;
}

function duration(seconds) {
  const size = Math.abs(seconds);
  if (size === 0) return '0 s';
  if (size < 1) return `${short(seconds * 1000)} ms`;
  if (size < 120) return `${short(seconds)} s`;
  if (size < 7200) return `${short(seconds / 60)} min`;
  return size < 172_800 ? `${short(seconds / 3600)} h` : `${short(seconds / 86_400)} d`;
}

function scaled(value, names, base, decimals) {
  let at = 0;
  let rest = value;
  while (Math.abs(rest) >= base && at < names.length - 1) {
    rest /= base;
    at += 1;
  }
  return `${short(rest, decimals)}${names[at] === '' ? '' : ` ${names[at]}`}`;
}

function short(value, decimals) {
  return String(Number(value.toFixed(decimals ?? (Math.abs(value) < 1 ? 3 : 1))));
}

export function element(name, properties = {}) {
  return Object.assign(document.createElement(name), properties);
}
