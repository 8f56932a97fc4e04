/** Owns the laws of the tree as pure functions: the text of all files in, one line per breach out. */

/** Text of files by path from the project's root, with `/` between the parts. */
export type Tree = ReadonlyMap<string, string>;

/** A part of `src`. It imports from itself and from lower levels, but for the exceptions. */
export interface Layer {
  readonly level: 0 | 1 | 2 | 3 | 4;
  readonly name: string;
  /** Paths below `src/`; the first layer that matches a file has it. */
  readonly files: RegExp;
  /** Layers of its own level that it may import too. */
  readonly also: readonly string[];
  /** Lower layers that it may not import: what they offer is handed in. */
  readonly not: readonly string[];
}

/** The layers as docs/architecture.md prints them. */
export const LAYERS: readonly Layer[] = [
  { level: 0, name: 'health', files: /^health\.ts$/, also: [], not: [] },
  { level: 0, name: 'windows', files: /^maintenance\/windows\.ts$/, also: [], not: [] },
  { level: 0, name: 'resilience', files: /^resilience\//, also: [], not: [] },
  { level: 0, name: 'resources', files: /^resources\//, also: [], not: [] },
  { level: 0, name: 'flows', files: /^flows\/(?!publish)/, also: [], not: [] },
  { level: 0, name: 'catalogue', files: /^metrics\/(define|catalog[a-z-]*)\.ts$/, also: [], not: [] },
  { level: 1, name: 'config', files: /^config\//, also: ['storage'], not: [] },
  { level: 1, name: 'telemetry', files: /^telemetry\//, also: [], not: [] },
  { level: 1, name: 'storage', files: /^storage\//, also: [], not: [] },
  { level: 1, name: 'metrics', files: /^metrics\//, also: [], not: [] },
  { level: 2, name: 'changes', files: /^changes\//, also: [], not: ['metrics', 'telemetry'] },
  { level: 2, name: 'publish', files: /^flows\/publish/, also: [], not: ['config', 'telemetry'] },
  {
    level: 2,
    name: 'alerts',
    files: /^alerts\//,
    also: [],
    not: ['config', 'storage', 'metrics', 'telemetry'],
  },
  {
    level: 2,
    name: 'notifications',
    files: /^notifications\//,
    also: ['alerts', 'instrument'],
    not: ['metrics'],
  },
  {
    level: 2,
    name: 'maintenance',
    files: /^maintenance\//,
    also: ['alerts'],
    not: ['config', 'metrics', 'telemetry'],
  },
  { level: 2, name: 'probes', files: /^probes\//, also: [], not: ['telemetry'] },
  { level: 2, name: 'instrument', files: /^instrument\//, also: ['publish'], not: ['config', 'storage'] },
  { level: 2, name: 'demo', files: /^demo\//, also: [], not: ['config'] },
  {
    level: 2,
    name: 'access',
    files: /^access\//,
    also: [],
    not: ['metrics', 'telemetry'],
  },
  {
    level: 2,
    name: 'operations',
    files: /^operations\//,
    also: ['alerts', 'notifications', 'probes'],
    not: [],
  },
  {
    level: 3,
    name: 'http',
    files: /^http\//,
    also: [],
    not: ['config', 'storage', 'changes', 'publish', 'demo'],
  },
  { level: 4, name: 'root', files: /^(serve|cli)\.ts$|^commands\//, also: ['parts'], not: [] },
  { level: 4, name: 'parts', files: /^[a-z-]+\.ts$/, also: [], not: ['demo'] },
];

/** Where an import leads: a file of the tree, or the name of a package. */
export interface Import {
  readonly from: string;
  readonly to: string;
}

const DRAWERS = new Set(['util', 'utils', 'helper', 'helpers', 'common', 'misc', 'shared', 'lib']);
const CODE = /^(src|tests|bench|scripts)\/.*\.(ts|mjs)$/;
const MAX_LINES = 300;

/** Every import of a file, those of types included; comments hold none. */
export function importsOf(path: string, text: string): Import[] {
  const code = withoutComments(text);
  const found = [
    ...code.matchAll(/^(?:import|export)\b[^;]*?\bfrom\s+'([^']+)'/gm),
    ...code.matchAll(/^import\s+'([^']+)'/gm),
    ...code.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g),
  ];
  return found.map(([, to]) => ({ from: path, to: resolveImport(path, to!) }));
}

/** Files of `src` without a layer, and imports that lead upwards or across. */
export function layerBreaches(tree: Tree): string[] {
  const breaches: string[] = [];
  for (const [path, text] of sourcesOf(tree)) {
    const layer = layerOf(path);
    if (layer === undefined) {
      breaches.push(`${path} belongs to no layer: give it one here and in docs/architecture.md`);
      continue;
    }
    for (const { to } of importsOf(path, text)) {
      const target = to.startsWith('src/') ? layerOf(to) : undefined;
      if (target === undefined || isAllowed(layer, target)) continue;
      breaches.push(`${path} (${layer.name}) may not import ${to} (${target.name})`);
    }
  }
  return breaches;
}

function isAllowed(layer: Layer, target: Layer): boolean {
  if (target === layer || layer.also.includes(target.name)) return true;
  return target.level < layer.level && !layer.not.includes(target.name);
}

/** Each cycle of imports once, as the path around it. */
export function importCycles(tree: Tree): string[] {
  const graph = new Map([...sourcesOf(tree)].map(([p, t]) => [p, importsOf(p, t).map((i) => i.to)]));
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      cycles.push([...trail.slice(start), path].join(' > '));
      return;
    }
    if (done.has(path)) return;
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return cycles;
}

/** Names that say nothing, files that are too long, and files that do not say what they own. */
export function shapeBreaches(tree: Tree): string[] {
  const breaches: string[] = [];
  for (const [path, text] of tree) {
    const name = path.slice(path.lastIndexOf('/') + 1);
    if (name.split(/[-_.]/).some((word) => DRAWERS.has(word)))
      breaches.push(`${path} is named like a drawer`);
    if (/^(src|tests)\/.*\.(js|d\.ts|map)$/.test(path)) breaches.push(`${path} is compiled output`);
    if (!CODE.test(path)) continue;
    const lines = text.split('\n');
    if (lines.length - 1 > MAX_LINES)
      breaches.push(`${path} has ${lines.length - 1} lines, over ${MAX_LINES}`);
    const first = lines[0]!.startsWith('#!') ? lines[1] : lines[0];
    if (!/^\/\*\* [A-Z].*[.?] \*\/$/.test(first ?? ''))
      breaches.push(`${path} does not begin with a sentence on what it owns`);
  }
  return breaches;
}

/** What only one place may do. */
export function placeBreaches(tree: Tree): string[] {
  const breaches: string[] = [];
  const refuse = (path: string, what: string) => breaches.push(`${path} ${what}`);
  for (const [path, text] of tree) {
    if (!CODE.test(path)) continue;
    const code = withoutComments(text);
    if (/^export default\b/m.test(code)) refuse(path, 'has a default export');
    if (!path.startsWith('src/')) continue;
    if (/\bprocess\.env\b/.test(code) && !path.startsWith('src/config/')) refuse(path, 'reads process.env');
    if (/\bconsole\./.test(code) && path !== 'src/cli.ts') refuse(path, 'prints to the console');
    if (/\bDate\.now\b|\bnew Date\(\)/.test(code) && layerOf(path)?.level === 0)
      refuse(path, 'reads the wall clock');
    const usesClient = importsOf(path, text).some(({ to }) => to === 'prom-client');
    if (usesClient && path !== 'src/metrics/registry.ts') refuse(path, 'imports prom-client');
  }
  return breaches;
}

/** Traces of a workplace and of unfinished work. The patterns are put together so that this file holds none. */
export function leftovers(tree: Tree): string[] {
  const marks: readonly (readonly [RegExp, string])[] = [
    [/(?<![\w.-])\/(?:home|root|work|Users)\/[\w.-]+/, 'names a path of one machine'],
    [new RegExp(`\\b(?:${['TO', 'FIX'].join('DO|')}ME)\\b`), 'holds a note of unfinished work'],
    [/\b(?:it|test|describe)\.(?:only|skip|todo|fails)\b/, 'leaves tests out'],
    [/\bx(?:it|describe)\(/, 'leaves tests out'],
  ];
  const breaches: string[] = [];
  for (const [path, text] of tree) {
    for (const [pattern, what] of marks) {
      const line = text.split('\n').findIndex((l) => pattern.test(l));
      if (line >= 0) breaches.push(`${path}:${line + 1} ${what}`);
    }
    // Download addresses of one place would make the lockfile useless in every other one.
    if (path === 'package-lock.json' && text.includes('"resolved"'))
      breaches.push(`${path} holds download addresses`);
  }
  return breaches;
}

function* sourcesOf(tree: Tree): Generator<readonly [string, string]> {
  for (const [path, text] of tree) if (/^src\/.*\.ts$/.test(path)) yield [path, text];
}

function layerOf(path: string): Layer | undefined {
  return LAYERS.find((layer) => layer.files.test(path.slice('src/'.length)));
}

function resolveImport(from: string, to: string): string {
  if (!to.startsWith('.')) return to;
  const parts = from.split('/').slice(0, -1);
  for (const part of to.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/').replace(/\.js$/, '.ts');
}

/** A `//` inside a text in quotes, such as an address, is no comment. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[\s;{}(,])\/\/.*$/gm, '$1');
}
