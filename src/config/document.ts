/** Owns the YAML text of the configuration: reading it into plain values and finding the line of a key. */
import {
  type Alias,
  type Document,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseDocument,
  visit,
  type YAMLError,
  type YAMLMap,
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

const DUPLICATE_KEY = ['stands twice in the same map', 'Keep one of them'] as const;
const TOO_MANY_KEYS = ['holds more than 10000 keys', 'Name the configuration, not a data file'] as const;
const TOO_MANY_ALIASES = ['repeats its aliases too often', 'Write the values out'] as const;
const TOO_LONG = [
  'is longer than 256 KiB of text',
  'Name the configuration, not a data file, or run a second exporter',
] as const;
const TOO_DEEP = ['is nested too deep', 'Close each bracket; no key is deeper than ten others'] as const;
/** A running exporter does nothing else while it reads. */
const MOST_CHARACTERS = 262_144;
/** Far more than any configuration has; everything that is done to the text costs by its keys. */
const MOST_KEYS = 10_000;
/** The library goes through all anchors for each alias. */
const MOST_ALIASES = 1_000;
/** Deeper than any key that is known; what is done for each level costs by its depth. */
const DEEPEST = 64;

/** Reads YAML 1.2. Values of `statuses` and `values` stay as they are written, so that 007 and true keep their spelling. */
export function readDocument(text: string, fileName: string): ConfigDocument {
  const lines = new LineCounter();
  const document = text.length > MOST_CHARACTERS ? 'too long' : parse(text, lines);
  if (document === 'too long' || document === 'too deep') {
    const [what, remedy] = document === 'too long' ? TOO_LONG : TOO_DEEP;
    const problem = { path: pathText([]), where: fileName, value: undefined, what, remedy };
    return { tree: {}, problems: [problem], lineOf: () => undefined };
  }
  const anchors = new Set<string>();
  const note = ({ anchor }: { anchor?: string }) => {
    if (anchor !== undefined) anchors.add(anchor);
  };
  let aliases = 0;
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
      if (ancestors.length > DEEPEST) {
        report(rangeStart(pair.key) ?? 0, [], TOO_DEEP);
        return visit.BREAK;
      }
      if (keys.length === MOST_KEYS) {
        report(rangeStart(pair.key) ?? 0, [], TOO_MANY_KEYS);
        return visit.BREAK;
      }
      if (!isScalar(pair.key) || pair.key.range == null) return undefined;
      const path = [...ancestors.filter(isPair).map(keyOf), keyOf(pair)];
      keys.push({ offset: pair.key.range[0], path });
      // Copying such a key into an object would change the object's prototype instead of adding a key.
      if (pair.key.value === '__proto__')
        report(pair.key.range[0], path, ['is not a known key', 'Remove it']);
      return undefined;
    },
    Map(_, map, ancestors) {
      note(map);
      for (const pair of secondOnes(map))
        report(
          rangeStart(pair.key) ?? 0,
          [...ancestors.filter(isPair).map(keyOf), keyOf(pair)],
          DUPLICATE_KEY,
        );
    },
    Seq(_, list, ancestors) {
      note(list);
      if (ancestors.length <= DEEPEST) return undefined;
      report(rangeStart(list) ?? 0, [], TOO_DEEP);
      return visit.BREAK;
    },
    Alias(_, alias: Alias, ancestors) {
      aliases += 1;
      if (aliases > MOST_ALIASES) {
        report(alias.range?.[0] ?? 0, [], TOO_MANY_ALIASES);
        return visit.BREAK;
      }
      // Asked of the library, each alias would look through the whole text.
      if (anchors.has(alias.source)) return undefined;
      report(alias.range?.[0] ?? 0, ancestors.filter(isPair).map(keyOf), UNKNOWN_ALIAS);
      return undefined;
    },
    Scalar(position, scalar, ancestors) {
      note(scalar);
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
      report(0, [], TOO_MANY_ALIASES);
    }
  }
  const pairOf = pairFinder();
  return { tree, problems, lineOf: (path) => lineOf(document.contents, path, lines, pairOf) };
}

/** `too deep`: nested so that it cannot be read at all. */
function parse(text: string, lineCounter: LineCounter): Document.Parsed | 'too deep' {
  try {
    return parseDocument(text, {
      lineCounter,
      prettyErrors: false,
      stringKeys: true,
      // The library compares each key with all before it: thousands in one map would hold up whatever else runs here.
      uniqueKeys: false,
      // `silent` would also hide that the text holds a second document, and half of the file would be dropped.
      logLevel: 'error',
    });
  } catch (error) {
    if (error instanceof RangeError) return 'too deep';
    throw error;
  }
}

/** The pairs of a map whose key stands in it before. */
function secondOnes({ items }: YAMLMap): readonly Pair[] {
  const seen = new Set<unknown>();
  return items.filter(({ key }) => {
    if (!isScalar(key)) return false;
    const isSecond = seen.has(key.value);
    seen.add(key.value);
    return isSecond;
  });
}

interface KeyPlace {
  readonly offset: number;
  readonly path: readonly PropertyKey[];
}

/** The key that a fault at this offset stands at or behind; the keys stand as in the text. */
function keyBefore(keys: readonly KeyPlace[], offset: number): readonly PropertyKey[] {
  let [from, to] = [0, keys.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (keys[middle]!.offset <= offset) from = middle + 1;
    else to = middle;
  }
  return keys[from - 1]?.path ?? [];
}

function keyOf(pair: Pair): PropertyKey {
  return isScalar(pair.key) ? String(pair.key.value) : '?';
}

type PairOf = (map: YAMLMap, key: string) => Pair | undefined;

/** Finds the pair of a key; each map is gone through once, whatever number of its keys is asked for. */
function pairFinder(): PairOf {
  const known = new WeakMap<YAMLMap, Map<string, Pair>>();
  return (map, key) => {
    const pairs = known.get(map) ?? new Map(map.items.map((pair) => [String(keyOf(pair)), pair]));
    known.set(map, pairs);
    return pairs.get(key);
  };
}

function lineOf(
  root: unknown,
  path: readonly PropertyKey[],
  lines: LineCounter,
  pairOf: PairOf,
): number | undefined {
  let node = root;
  let offset: number | undefined;
  for (const part of path) {
    if (isMap(node)) {
      const pair = pairOf(node as YAMLMap, String(part));
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
