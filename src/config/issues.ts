/** Owns the translation of zod's findings into problems that an operator understands. */
import type { z } from 'zod';
import { absent } from './fields.js';
import { didYouMean, editDistance } from './nearest.js';
import { bad, isDatabase, type Parsed, type Problem, pathText, shownValue } from './problem.js';
import { docAt, knownKeys } from './settings.js';

type Refusal = Parsed<never> & { ok: false };
/** Answers where the value at a path was written. */
export type WhereOf = (path: readonly PropertyKey[]) => string | undefined;

/** One problem per finding, and one per unknown key. `tree` is what was checked. */
export function problemsOf(
  issues: readonly z.core.$ZodIssue[],
  tree: unknown,
  whereOf: WhereOf,
): readonly Problem[] {
  return issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => unknownKey([...issue.path, key], whereOf));
    }
    const raw = valueAt(tree, issue.path);
    const { what, remedy } = refusalOf(issue, raw);
    // "a map is not a flow name" would speak of the wrong thing: a rule is about the key, a type about the value.
    const isRule = issue.code === 'custom' && typeof raw === 'object';
    const value = isRule ? undefined : shownValue(issue.path, raw);
    return [{ path: pathText(issue.path), where: whereOf(issue.path), value, what, remedy }];
  });
}

/** The value of an unknown key is not shown: it can be a secret under a misspelt name. */
function unknownKey(path: readonly PropertyKey[], whereOf: WhereOf): Problem {
  const [parent, key] = [path.slice(0, -1), String(path.at(-1))];
  const known = knownKeys(parent);
  const common = { where: whereOf(path), value: undefined };
  // A connection string without quotes falls apart into keys at its commas, and one of them is the password.
  if (isDatabase(path) && !looksLikeKey(key, known)) {
    const remedy = `Put connection strings in quotes; known: ${known.join(', ')}`;
    return { ...common, path: pathText(parent), what: 'has an unknown key that may be secret', remedy };
  }
  return { ...common, path: pathText(path), what: 'is not a known key', remedy: didYouMean(key, known) };
}

const OTHER_TOOLS_KEYS = [
  'dsn',
  'uri',
  'host',
  'port',
  'user',
  'username',
  'password',
  'database',
  'dbname',
  'name',
];

function looksLikeKey(key: string, known: readonly string[]): boolean {
  return OTHER_TOOLS_KEYS.includes(key) || known.some((name) => editDistance(key, name) <= 2);
}

function refusalOf(issue: z.core.$ZodIssue, value: unknown): Refusal {
  if (issue.code === 'custom') {
    return bad(issue.message, String(issue.params?.remedy ?? 'Correct it')) as Refusal;
  }
  const doc = docAt(issue.path);
  if (value === undefined || value === null) return absent(value, doc) as Refusal;
  const expected = issue.code === 'invalid_type' ? (SHAPES[issue.expected] ?? issue.expected) : 'valid';
  return bad(
    `is not ${expected}`,
    doc === undefined ? 'Correct it' : `Write for example ${doc.example}`,
  ) as Refusal;
}

const SHAPES: Readonly<Record<string, string>> = { object: 'a map', record: 'a map', array: 'a list' };

function valueAt(tree: unknown, path: readonly PropertyKey[]): unknown {
  let value = tree;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}
