/** Owns the words of a refused configuration: one problem, all problems as an error, and their text. */

/** One thing that is wrong. No field ever holds a secret. */
export interface Problem {
  /** The key, for example `flows.tokens.limits.monitoring.warning`; `(file)` when the file itself is unreadable. */
  readonly path: string;
  /** Where the value came from: `flowgauge.yml:12`, `environment DATABASE_URL`, `flag --log.level`. */
  readonly where: string | undefined;
  /** The value as it may be shown; undefined when it is missing, too large, or could be a secret. */
  readonly value: string | undefined;
  /** What is wrong, as the end of the sentence that begins with the path. */
  readonly what: string;
  /** What to do about it. */
  readonly remedy: string;
  /** Set when the web configuration file, or what it leaves open, is at fault: repairing that file ends it. */
  readonly isOfWebFile?: true;
}

/** The answer of a reader of one value: the value, or what is wrong with it and the remedy. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly what: string; readonly remedy: string };

/** A value that was read well. */
export function good<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

/** A value that is refused. Neither text may contain the value when it can be a secret. */
export function bad(what: string, remedy: string): Parsed<never> {
  return { ok: false, what, remedy };
}

/** The configuration was refused. Cause: `problems`, all of them. Remedy: each problem's own. Exit code 2. */
export class ConfigError extends Error {
  readonly code = 'CONFIG_INVALID';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(renderProblems(problems));
    this.name = 'ConfigError';
    this.problems = Object.freeze(problems.map((problem) => Object.freeze({ ...problem })));
  }
}

/** A broken file of data has a problem in each line, and each text of them would go to the log and the store. */
const MOST_TOLD = 50;

/** The text an operator reads: a heading and one line per problem, of {@link MOST_TOLD} at most. */
export function renderProblems(problems: readonly Problem[]): string {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  return [
    `The configuration has ${count}:`,
    ...problems.slice(0, MOST_TOLD).map((problem) => `  ${renderProblem(problem)}`),
    ...(problems.length > MOST_TOLD ? [`  and ${problems.length - MOST_TOLD} more`] : []),
  ].join('\n');
}

function renderProblem(problem: Problem): string {
  const where = problem.where === undefined ? '' : ` (${problem.where})`;
  const value = problem.value === undefined ? '' : ` ${problem.value}`;
  const end = problem.remedy.endsWith('?') ? '' : '.';
  return `${problem.path}${where}:${value} ${problem.what}. ${problem.remedy}${end}`;
}

const PLAIN_KEY = /^[\p{L}\p{N}_-]{1,60}$/u;

/** A path as text; keys with blanks or signs are quoted, keys that look like a URL or a DSN are hidden. */
export function pathText(path: readonly PropertyKey[]): string {
  const text = path.map((part) => keyText(String(part))).join('.');
  return text === '' ? '(file)' : text;
}

function keyText(key: string): string {
  if (PLAIN_KEY.test(key)) return key;
  return JSON.stringify(cut(withoutCredentials(key)));
}

/** True for the sections whose values are secrets. */
export function isDatabase(path: readonly PropertyKey[]): boolean {
  return path[0] === 'source' || path[0] === 'store';
}

/**
 * A value as it may be shown in a message. Nothing under `source` and `store` is shown at all, and a URL's
 * user and password are hidden everywhere, because a connection string is easily put under the wrong key.
 */
export function shownValue(path: readonly PropertyKey[], value: unknown): string | undefined {
  if (isDatabase(path)) return undefined;
  // Services take tokens in paths and queries.
  if (path[0] === 'probes' && path.at(-1) === 'url') return undefined;
  // A token is easily written where the name of its file belongs.
  if (path[0] === 'notifications' && String(path.at(-1)).endsWith('_file')) return undefined;
  if (typeof value === 'string') return JSON.stringify(cut(withoutCredentials(value)));
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'a map';
  return undefined;
}

/** The text with everything hidden that can be the credentials of a URL or of a `key=value` connection string. */
export function withoutCredentials(text: string): string {
  if (/postgres(ql)?:/i.test(text) || /passw|pwd|secret/i.test(text)) return '<secret>';
  // Not only behind ://, because YAML takes an unquoted URL apart and leaves the end of the password alone.
  return text.replace(/^.*@/su, '<secret>@');
}

function cut(text: string): string {
  const characters = [...text];
  return characters.length <= 60 ? text : `${characters.slice(0, 57).join('')}...`;
}
