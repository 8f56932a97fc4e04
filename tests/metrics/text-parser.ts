/** Owns a strict reader of both exposition formats, written from their grammar, for tests only. */

export interface ParsedSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: string;
  readonly exemplar?: {
    readonly labels: Readonly<Record<string, string>>;
    readonly value: string;
    readonly timestamp: string;
  };
}

export interface ParsedFamily {
  readonly name: string;
  type?: string;
  help?: string;
  unit?: string;
  readonly samples: ParsedSample[];
}

const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: ['_total'],
  gauge: [''],
  unknown: [''],
  info: ['_info'],
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['', '_sum', '_count'],
};
const NUMBER = /^[+-]?(\d+(\.\d+)?(e[+-]?\d+)?|Inf)$|^NaN$/;

/** Classic text 0.0.4. Throws on everything that the grammar does not allow. */
export function parseClassic(text: string): ParsedFamily[] {
  const families = parse(text, 'classic');
  for (const family of families) {
    const allowed = family.type === 'counter' ? [''] : (SUFFIXES[family.type ?? ''] ?? ['']);
    checkNames(family, family.type === 'gauge' ? [''] : allowed);
  }
  return families;
}

/** OpenMetrics 1.0.0. Throws on everything that the grammar does not allow. */
export function parseOpenMetrics(text: string): ParsedFamily[] {
  if (!text.endsWith('# EOF\n')) throw new Error('no EOF at the end');
  const body = text.slice(0, -'# EOF\n'.length);
  if (`\n${body}`.includes('\n\n')) throw new Error('an empty line');
  const families = parse(body, 'openmetrics');
  for (const family of families) {
    checkNames(family, SUFFIXES[family.type ?? 'unknown'] ?? []);
    if (family.unit !== undefined && !family.name.endsWith(`_${family.unit}`)) {
      throw new Error(`unit of ${family.name}`);
    }
  }
  return families;
}

function checkNames(family: ParsedFamily, suffixes: readonly string[]): void {
  const seen = new Set<string>();
  for (const sample of family.samples) {
    if (!suffixes.some((suffix) => sample.name === family.name + suffix)) {
      throw new Error(`${sample.name} is not of ${family.name}`);
    }
    const id = JSON.stringify([sample.name, Object.entries(sample.labels).sort()]);
    if (seen.has(id)) throw new Error(`twice: ${id}`);
    seen.add(id);
  }
}

function parse(text: string, format: 'classic' | 'openmetrics'): ParsedFamily[] {
  const families = new Map<string, ParsedFamily>();
  let current: ParsedFamily | undefined;
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line does not end');
  for (const line of text.split('\n').slice(0, -1)) {
    if (line === '') continue;
    const meta = /^# (HELP|TYPE|UNIT) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/s.exec(line);
    if (meta !== null) {
      const [, kind, name = '', rest = ''] = meta;
      if (current?.name !== name) {
        if (families.has(name)) throw new Error(`${name} is torn apart`);
        current = { name, samples: [] };
        families.set(name, current);
      }
      const key = kind === 'HELP' ? 'help' : kind === 'TYPE' ? 'type' : 'unit';
      if (current[key] !== undefined || current.samples.length > 0) throw new Error(`late or second ${kind}`);
      current[key] = kind === 'HELP' ? unescapeText(rest, format === 'openmetrics') : rest;
      continue;
    }
    if (line.startsWith('#')) throw new Error(`a comment: ${line}`);
    if (current === undefined) throw new Error('a sample before its family');
    current.samples.push(parseSample(line, format));
  }
  return [...families.values()];
}

function parseSample(line: string, format: 'classic' | 'openmetrics'): ParsedSample {
  const name = /^[a-zA-Z_:][a-zA-Z0-9_:]*/.exec(line)?.[0];
  if (name === undefined) throw new Error(`no name: ${line}`);
  let [labels, at]: [Record<string, string>, number] = [{}, name.length];
  if (line[at] === '{') [labels, at] = parseLabels(line, at);
  const rest = /^ (\S+)(?: # (\{.*))?$/s.exec(line.slice(at));
  if (rest === null || !NUMBER.test(rest[1]!)) throw new Error(`no value: ${line}`);
  const sample = { name, labels, value: rest[1]! };
  if (rest[2] === undefined) return sample;
  if (format === 'classic') throw new Error('an exemplar in classic text');
  const [exemplarLabels, end] = parseLabels(rest[2], 0);
  const tail = /^ (\S+) (\d+(?:\.\d+)?)$/.exec(rest[2].slice(end));
  if (tail === null || !NUMBER.test(tail[1]!)) throw new Error(`exemplar: ${line}`);
  return { ...sample, exemplar: { labels: exemplarLabels, value: tail[1]!, timestamp: tail[2]! } };
}

function parseLabels(line: string, open: number): [Record<string, string>, number] {
  const labels: Record<string, string> = Object.create(null);
  let at = open + 1;
  while (line[at] !== '}') {
    const match = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:\\[\\n"]|[^\\"])*)"(,(?!})|(?=}))/s.exec(line.slice(at));
    if (match === null) throw new Error(`labels: ${line}`);
    if (match[1]! in labels) throw new Error(`label twice: ${line}`);
    labels[match[1]!] = unescapeText(match[2]!, true);
    at += match[0].length;
  }
  return [labels, at + 1];
}

function unescapeText(text: string, quotes: boolean): string {
  return text.replace(/\\(.?)/gs, (_, c: string) => {
    if (c === 'n') return '\n';
    if (c === '\\' || (c === '"' && quotes)) return c;
    throw new Error(`escape \\${c}`);
  });
}
