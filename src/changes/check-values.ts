/** Owns reading the values a CHECK constraint allows, from its text in the catalog. Pure. */

/** One word of a catalog expression: a text, a number, a name, a sign. */
type Token = { readonly kind: 'text' | 'number' | 'name' | 'sign'; readonly value: string };

const TOKEN =
  /\s*(?:'((?:[^']|'')*)'|(-?\d+(?:\.\d+)?)|"((?:[^"]|"")*)"|([A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)|(::|<>|<=|>=|[^\s\w]))/gy;
const TYPE_WORDS = new Set([
  'character',
  'varying',
  'text',
  'integer',
  'bigint',
  'smallint',
  'bpchar',
  'citext',
  'name',
]);

/**
 * Values that `column` may have by this constraint, in its order; undefined when the constraint says something else
 * than a list of values. Understands `IN`, `= ANY (ARRAY[…])`, `=` and those joined by OR, `IS NULL` beside them,
 * and one such list joined by AND with `<>` or `IS NOT NULL`. `expression` is what `pg_get_expr` prints.
 */
export function allowedValues(expression: string, column: string): string[] | undefined {
  const tokens = tokensOf(expression);
  if (tokens === undefined) return undefined;
  const flat = withoutCasts(tokens).filter((t) => t.kind !== 'sign' || (t.value !== '(' && t.value !== ')'));
  const hasAnd = flat.some((t) => isWord(t, 'AND'));
  // Parentheses are gone by now: where both words occur, a part keeps an OR and is no list, so nothing is concluded.
  const terms = split(flat, hasAnd ? 'AND' : 'OR');
  const lists = terms.map((term) => valuesOf(term, column));
  const others = terms.filter((_, i) => lists[i] === undefined);
  const known = lists.filter((list) => list !== undefined);
  if (hasAnd) {
    return known.length === 1 && others.every((t) => isExclusion(t, column)) ? known[0] : undefined;
  }
  if (known.length === 0 || !others.every((t) => isNullTest(t, column, ['IS', 'NULL']))) return undefined;
  return [...new Set(known.flat())];
}

function tokensOf(expression: string): Token[] | undefined {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < expression.length) {
    const match = TOKEN.exec(expression);
    if (match === null) return undefined;
    const [, text, number, quoted, word, sign] = match;
    if (text !== undefined) tokens.push({ kind: 'text', value: text.replaceAll("''", "'") });
    else if (number !== undefined) tokens.push({ kind: 'number', value: number });
    else if (quoted !== undefined) tokens.push({ kind: 'name', value: quoted.replaceAll('""', '"') });
    else if (word !== undefined) tokens.push({ kind: 'name', value: word });
    else tokens.push({ kind: 'sign', value: sign! });
  }
  return tokens;
}

/** Drops `::type`, `::type(n)` and `::type[]`. A type that is no plain word stays, and nothing matches then. */
function withoutCasts(tokens: readonly Token[]): Token[] {
  const kept: Token[] = [];
  for (let i = 0; i < tokens.length; i += 1) {
    const token = tokens[i]!;
    if (token.value !== '::' || token.kind !== 'sign') {
      kept.push(token);
      continue;
    }
    while (tokens[i + 1]?.kind === 'name' && TYPE_WORDS.has(tokens[i + 1]!.value)) i += 1;
    if (isSign(tokens[i + 1], '(') && tokens[i + 2]?.kind === 'number' && isSign(tokens[i + 3], ')')) i += 3;
    if (isSign(tokens[i + 1], '[') && isSign(tokens[i + 2], ']')) i += 2;
  }
  return kept;
}

function valuesOf(term: readonly Token[], column: string): string[] | undefined {
  if (!isColumn(term[0], column) || !isSign(term[1], '=')) return undefined;
  if (term.length === 3 && isValue(term[2])) return [term[2]!.value];
  if (!isWord(term[2], 'ANY') || !isWord(term[3], 'ARRAY') || !isSign(term[4], '[')) return undefined;
  if (!isSign(term[term.length - 1], ']')) return undefined;
  const inside = term.slice(5, -1);
  const good = inside.every((t, i) => (i % 2 === 0 ? isValue(t) : isSign(t, ',')));
  return good ? inside.filter((_, i) => i % 2 === 0).map((t) => t.value) : undefined;
}

function isExclusion(term: readonly Token[], column: string): boolean {
  if (isNullTest(term, column, ['IS', 'NOT', 'NULL'])) return true;
  return term.length === 3 && isColumn(term[0], column) && isSign(term[1], '<>') && isValue(term[2]);
}

function isNullTest(term: readonly Token[], column: string, words: readonly string[]): boolean {
  return (
    term.length === words.length + 1 &&
    isColumn(term[0], column) &&
    words.every((word, i) => isWord(term[i + 1], word))
  );
}

function split(tokens: readonly Token[], word: string): Token[][] {
  const parts: Token[][] = [[]];
  for (const token of tokens) {
    if (isWord(token, word)) parts.push([]);
    else parts[parts.length - 1]!.push(token);
  }
  return parts;
}

function isColumn(token: Token | undefined, column: string): boolean {
  return token?.kind === 'name' && token.value === column;
}

function isValue(token: Token | undefined): boolean {
  return token?.kind === 'text' || token?.kind === 'number';
}

function isWord(token: Token | undefined, word: string): boolean {
  return token?.kind === 'name' && token.value === word;
}

function isSign(token: Token | undefined, sign: string): boolean {
  return token?.kind === 'sign' && token.value === sign;
}
