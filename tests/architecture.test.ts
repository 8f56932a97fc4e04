/** Owns the check that the tree keeps its laws, and that each law sees its breach. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  importCycles,
  importsOf,
  LAYERS,
  layerBreaches,
  leftovers,
  placeBreaches,
  shapeBreaches,
  type Tree,
} from './architecture-rules.js';
import { projectRoot } from './harness/exporter.js';

const FOLDERS = [
  '.ci',
  'alertmanager',
  'bench',
  'docs',
  'examples',
  'grafana',
  'prometheus',
  'scripts',
  'src',
  'tests',
];
const TEXT = /\.(ts|mjs|js|json|ya?ml|md|sql|map|sh)$|(^|\/)(run|\.gitignore)$/;

const tree = readTree();

describe('the tree', () => {
  it('is read as a whole', () => {
    expect(tree.has('src/serve.ts')).toBe(true);
    expect(tree.has('README.md')).toBe(true);
    expect([...tree.keys()].filter((path) => path.startsWith('src/')).length).toBeGreaterThan(100);
    expect(importsOf('src/serve.ts', tree.get('src/serve.ts')!).map((i) => i.to)).toContain(
      'src/flow-board.ts',
    );
  });

  it('imports downwards only', () => {
    expect(layerBreaches(tree)).toEqual([]);
  });

  it('has no import cycle, not even of types', () => {
    expect(importCycles(tree)).toEqual([]);
  });

  it('has names that speak, files of bearable length, and a sentence at the head of each', () => {
    expect(shapeBreaches(tree)).toEqual([]);
  });

  it('reads the environment, the clock and prom-client, and prints, in one place each', () => {
    expect(placeBreaches(tree)).toEqual([]);
  });

  it('holds no trace of a workplace and no unfinished work', () => {
    expect(leftovers(tree)).toEqual([]);
  });

  it('is drawn in docs/architecture.md with every layer', () => {
    const page = tree.get('docs/architecture.md') ?? '';
    const rows = page.matchAll(/^\| (\d) \| `(\w+)` \|[^|]*\|([^|]*)\|([^|]*)\|$/gm);
    const names = (cell: string | undefined) =>
      [...(cell ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name);
    const drawn = [...rows].map(([, level, name, also, not]) => ({
      level: Number(level),
      name,
      also: names(also),
      not: names(not),
    }));
    expect(drawn).toEqual(LAYERS.map(({ level, name, also, not }) => ({ level, name, also, not })));
  });
});

describe('each law sees its breach', () => {
  const head = '/** Owns a thing. */\n';
  const planted = (path: string, text: string): Tree => new Map([[path, head + text]]);

  it.each([
    [
      'a pure part that asks a store',
      'src/flows/tracker.ts',
      "import type { A } from '../storage/database.js';",
    ],
    ['a way across a level', 'src/storage/a.ts', "import { b } from '../telemetry/logger.js';"],
    ['what should be handed in', 'src/http/a.ts', "import { b } from '../changes/poll.js';"],
    ['an import over several lines', 'src/storage/a.ts', "import {\n  type A,\n} from '../changes/poll.js';"],
    ['a passed-on export', 'src/http/a.ts', "export { a } from '../storage/database.js';"],
    ['an import at run time', 'src/metrics/a.ts', "const a = await import('../serve.js');"],
    ['a folder in no layer', 'src/things/thing.ts', ''],
  ])('layers: %s', (_what, path, text) => {
    expect(layerBreaches(planted(path, text))).toHaveLength(1);
  });

  it('layers: an import in a comment is none', () => {
    expect(layerBreaches(planted('src/flows/a.ts', "// import { a } from '../serve.js';"))).toEqual([]);
  });

  it('cycles: also through a type and a third file', () => {
    const ring: Tree = new Map([
      ['src/flows/a.ts', "import type { B } from './b.js';"],
      ['src/flows/b.ts', "import { c } from './c.js';"],
      ['src/flows/c.ts', "export type { A } from './a.js';"],
    ]);
    expect(importCycles(ring)).toEqual(['src/flows/a.ts > src/flows/b.ts > src/flows/c.ts > src/flows/a.ts']);
  });

  it.each([
    ['a drawer', 'src/flows/text-utils.ts', ''],
    ['compiled output', 'src/flows/flow.js', ''],
    ['a long file', 'src/flows/long.ts', 'a;\n'.repeat(300)],
  ])('shape: %s', (_what, path, text) => {
    expect(shapeBreaches(planted(path, text))).toHaveLength(1);
  });

  it.each([
    ['no sentence', 'export const a = 1;\n'],
    ['a sentence over two lines', '/** Owns\n * a thing. */\n'],
  ])('shape: %s', (_what, text) => {
    expect(shapeBreaches(new Map([['src/flows/a.ts', text]]))).toHaveLength(1);
  });

  it.each([
    ['a default export', 'tests/a.test.ts', 'export default 1;'],
    ['the environment', 'src/serve.ts', 'const a = process.env.A;'],
    ['the console', 'src/serve.ts', 'console.log(1);'],
    ['the wall clock', 'src/flows/a.ts', 'const a = Date.now();'],
    ['the wall clock by another name', 'src/resilience/a.ts', 'const a = new Date();'],
    ['prom-client', 'src/metrics/scrape.ts', "import { Registry } from 'prom-client';"],
  ])('places: %s', (_what, path, text) => {
    expect(placeBreaches(planted(path, text))).toHaveLength(1);
  });

  it.each([
    ['a home', 'docs/a.md', `see /${'home'}/me/notes`],
    ['a note', 'src/a.ts', `// ${'TO'}DO: later`],
    ['another note', 'src/a.ts', `// ${'FIX'}ME`],
    ['a test alone', 'tests/a.test.ts', `it.${'only'}('a', () => {});`],
    ['a test left out', 'tests/a.test.ts', `describe.${'skip'}('a', () => {});`],
    ['download addresses', 'package-lock.json', '{ "resolved": "http://127.0.0.1/a.tgz" }'],
  ])('leftovers: %s', (_what, path, text) => {
    expect(leftovers(planted(path, text))).toHaveLength(1);
  });
});

/** Files of the project that people read; what the ignore file names is not among them. */
function readTree(): Tree {
  const files = new Map<string, string>();
  const take = (path: string) => {
    if (TEXT.test(path)) files.set(path, readFileSync(join(projectRoot, path), 'utf8'));
  };
  const walk = (folder: string) => {
    for (const name of readdirSync(join(projectRoot, folder))) {
      const path = `${folder}/${name}`;
      if (statSync(join(projectRoot, path)).isDirectory()) walk(path);
      else take(path);
    }
  };
  for (const name of readdirSync(projectRoot)) {
    if (FOLDERS.includes(name)) walk(name);
    else if (statSync(join(projectRoot, name)).isFile()) take(name);
  }
  return files;
}
