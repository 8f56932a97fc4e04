/** Owns finding the metrics and labels that a PromQL expression speaks of, by its tokens. */

/** One place where a metric is read. */
export interface Selector {
  readonly metric: string;
  readonly matchers: readonly { readonly label: string; readonly op: string; readonly value: string }[];
  /** As it stands in the expression, without range and offset. */
  readonly text: string;
}

export interface Names {
  readonly selectors: readonly Selector[];
  /** Labels of `by`, `on`, `without`, `ignoring`, `group_left` and `group_right`. */
  readonly grouped: readonly string[];
  /** Labels that label_replace and count_values make. */
  readonly made: readonly string[];
}

const TOKEN =
  /\s+|#[^\n]*|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[a-zA-Z_][\w:]*|(?:\d+(?:ms|[smhdwy]))+|\d[\d.e]*|=~|!~|!=|==|<=|>=|[-+*/%^(){}[\],=<>:@.]/gy;
const LISTS = new Set(['by', 'on', 'without', 'ignoring', 'group_left', 'group_right']);
const WORDS = new Set([...LISTS, 'and', 'or', 'unless', 'bool', 'offset']);

/** Throws when a character is part of no token. */
export function namesOf(expression: string): Names {
  const tokens = tokensOf(expression);
  const [selectors, grouped, made]: [Selector[], string[], string[]] = [[], [], []];
  for (let at = 0; at < tokens.length; at += 1) {
    const token = tokens[at] ?? '';
    if (LISTS.has(token)) {
      while (tokens[++at] !== ')') if (/^\w/.test(tokens[at] ?? '')) grouped.push(tokens[at] ?? '');
    } else if (token === 'label_replace' || token === 'count_values') {
      made.push(...madeBy(tokens, at));
    } else if (isMetric(tokens, at)) {
      const end = tokens[at + 1] === '{' ? tokens.indexOf('}', at) : at;
      selectors.push(selectorOf(tokens.slice(at, end + 1)));
      at = end;
    }
  }
  return { selectors, grouped, made };
}

function tokensOf(expression: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < expression.length) {
    const start = TOKEN.lastIndex;
    const found = TOKEN.exec(expression);
    if (found === null) throw new Error(`no token at "${expression.slice(start, start + 20)}"`);
    if (!/^[\s#]/.test(found[0])) tokens.push(found[0]);
  }
  return tokens;
}

function isMetric(tokens: readonly string[], at: number): boolean {
  const token = tokens[at] ?? '';
  if (!/^[a-zA-Z_]/.test(token) || WORDS.has(token)) return false;
  const next = tokens[at + 1] ?? '';
  // A name before a bracket is a function, and one before by or without an aggregation.
  return next !== '(' && next !== 'by' && next !== 'without';
}

/** The first argument that is text: the new label's name of both functions. */
function madeBy(tokens: readonly string[], at: number): string[] {
  let depth = 0;
  for (let i = at + 1; i < tokens.length; i += 1) {
    const token = tokens[i] ?? '';
    if (token === '(') depth += 1;
    if (token === ')') depth -= 1;
    const isArgument = tokens[i - 1] === ',' || tokens[i - 1] === '(';
    if (depth === 1 && isArgument && token.startsWith('"')) return [token.slice(1, -1)];
  }
  return [];
}

function selectorOf(tokens: readonly string[]): Selector {
  const matchers = [];
  for (let at = 2; at + 2 < tokens.length; at += 4) {
    const [label, op, value] = tokens.slice(at, at + 3) as [string, string, string];
    matchers.push({ label, op, value: value.slice(1, -1) });
  }
  return { metric: tokens[0] ?? '', matchers, text: tokens.join('') };
}
