/** Owns the YAML text of the configuration: reading it into plain values and finding the line of a key. */
import {
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseDocument,
  visit,
  type YAMLError,
} from 'yaml';
import { isDatabase, type Problem, pathText } from './problem.js';

/** A read file. `lineOf` answers the line (from 1) of the deepest key of the path that stands in the file. */
export interface ConfigDocument {
  readonly tree: unknown;
  readonly problems: readonly Problem[];
  lineOf(path: readonly PropertyKey[]): number | undefined;
}

const UNKNOWN_ALIAS = [
  'uses an alias (*name) without its anchor (&name)',
  'Put a text that begins with * in quotes',
] as const;

/** The library's own messages quote the text around a fault, and that text can be a password. */
const FAULTS: Readonly<Record<string, readonly [string, string]>> = {
  DUPLICATE_KEY: ['stands twice in the same map', 'Keep one of them'],
  BAD_ALIAS: UNKNOWN_ALIAS,
  TAB_AS_INDENT: ['is indented with a tab', 'Use blanks'],
  BAD_INDENT: [
    'is not indented like its neighbours',
    'Give all keys of a map the same indent, and close each bracket',
  ],
  MULTIPLE_DOCS: ['holds more than one YAML document', 'Remove the line --- and what follows'],
  TAG_RESOLVE_FAILED: ['uses an unknown tag (!name)', 'Put a text that begins with ! in quotes'],
  BLOCK_AS_IMPLICIT_KEY: ['has a map inside a single line', 'Put a text that contains ": " in quotes'],
  MISSING_CHAR: ['lacks a closing bracket or quote, or a blank', 'Close it, and write a blank after : and ,'],
  NON_STRING_KEY: ['has a key that is not text', 'Use plain names as keys'],
};

/** Reads YAML 1.2. Values of `statuses` and `values` stay as they are written, so that 007 and true keep their spelling. */
export function readDocument(text: string, fileName: string): ConfigDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    // `silent` would also hide that the text holds a second document, and half of the file would be dropped.
    logLevel: 'error',
  });
  const keys: KeyPlace[] = [];
  const problems: Problem[] = [];
  const report = (offset: number, path: readonly PropertyKey[], fault: readonly [string, string]) => {
    const where = `${fileName}:${lines.linePos(offset).line}`;
    // A connection string without quotes falls apart into keys, and one of them is the password.
    const shown = isDatabase(path) ? path.slice(0, 1) : path;
    problems.push({ path: pathText(shown), where, value: undefined, what: fault[0], remedy: fault[1] });
  };
  visit(document, {
    Pair(_, pair, ancestors) {
      if (!isScalar(pair.key) || pair.key.range == null) return;
      const path = [...ancestors.filter(isPair).map(keyOf), keyOf(pair)];
      keys.push({ offset: pair.key.range[0], path });
      // Copying such a key into an object would change the object's prototype instead of adding a key.
      if (pair.key.value === '__proto__')
        report(pair.key.range[0], path, ['is not a known key', 'Remove it']);
    },
    Alias(_, alias, ancestors) {
      if (alias.resolve(document) !== undefined) return;
      report(alias.range?.[0] ?? 0, ancestors.filter(isPair).map(keyOf), UNKNOWN_ALIAS);
    },
    Scalar(position, scalar, ancestors) {
      const list = ancestors.at(-2);
      const asWritten =
        typeof position === 'number' && isPair(list) && ['statuses', 'values'].includes(String(keyOf(list)));
      const typed = typeof scalar.value === 'number' || typeof scalar.value === 'boolean';
      if (asWritten && typed && scalar.source !== undefined) scalar.value = scalar.source;
    },
  });
  for (const fault of [...document.errors, ...document.warnings] as YAMLError[]) {
    const known = FAULTS[fault.code] ?? [
      `is not valid YAML (${fault.code})`,
      'Correct the line, or put the text in quotes',
    ];
    report(fault.pos[0], fault.code === 'MULTIPLE_DOCS' ? [] : keyBefore(keys, fault.pos[0]), known);
  }
  let tree: unknown = {};
  if (problems.length === 0) {
    try {
      tree = document.toJS() ?? {};
    } catch {
      // A few nested aliases can stand for millions of values; the library stops at 100.
      report(0, [], ['repeats its aliases too often', 'Write the values out']);
    }
  }
  return { tree, problems, lineOf: (path) => lineOf(document.contents, path, lines) };
}

interface KeyPlace {
  readonly offset: number;
  readonly path: readonly PropertyKey[];
}

/** The key that a fault at this offset stands at or behind. */
function keyBefore(keys: readonly KeyPlace[], offset: number): readonly PropertyKey[] {
  const before = keys.filter((key) => key.offset <= offset);
  return (
    before.reduce<KeyPlace | undefined>(
      (last, key) => (last && last.offset > key.offset ? last : key),
      undefined,
    )?.path ?? []
  );
}

function keyOf(pair: Pair): PropertyKey {
  return isScalar(pair.key) ? String(pair.key.value) : '?';
}

function lineOf(root: unknown, path: readonly PropertyKey[], lines: LineCounter): number | undefined {
  let node = root;
  let offset: number | undefined;
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => keyOf(item) === String(part));
      if (pair === undefined) break;
      offset = rangeStart(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(part)];
      offset = rangeStart(node) ?? offset;
    } else break;
  }
  return offset === undefined ? undefined : lines.linePos(offset).line;
}

function rangeStart(node: unknown): number | undefined {
  return (node as { range?: readonly number[] | null } | null | undefined)?.range?.[0];
}
