/** Owns what a PromQL expression is made of, read from the syntax tree of Prometheus' own editor. */
import type { SyntaxNode, Tree } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';

/** One place where a metric is read. */
export interface Selector {
  readonly metric: string;
  readonly matchers: readonly { readonly label: string; readonly op: string; readonly value: string }[];
  /** The range in brackets, such as `5m`; undefined without one. */
  readonly range: string | undefined;
  /** The functions and aggregations around it, from the inside out. */
  readonly inside: readonly string[];
}

/** The parse tree holds an error: the message shows the text from there on. */
export class PromqlError extends Error {
  readonly code = 'PROMQL';
}

/** Selectors, and the labels of `by`, `on`, `group_left` and their kin. Throws PromqlError. */
export function readPromql(expr: string): {
  readonly selectors: readonly Selector[];
  readonly grouped: readonly string[];
} {
  // A variable of Grafana in brackets is a duration; inside quotes it is text.
  const text = expr.replaceAll('[$__rate_interval]', '[5m]');
  const tree = parser.parse(text) as unknown as Tree;
  const selectors: Selector[] = [];
  const grouped: string[] = [];
  tree.iterate({
    enter: ({ node }) => {
      if (node.type.isError) throw new PromqlError(`does not parse at "${text.slice(node.from)}": ${text}`);
      if (node.name === 'VectorSelector') selectors.push(selectorOf(node, text));
      if (node.name === 'GroupingLabels') {
        for (const label of node.getChildren('LabelName')) grouped.push(textOf(label, text));
      }
    },
  });
  return { selectors, grouped };
}

function selectorOf(node: SyntaxNode, text: string): Selector {
  const name = node.getChild('Identifier');
  if (name === null) throw new PromqlError(`a selector without a metric: ${text}`);
  const matchers = (node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? []).map(
    (matcher) => ({
      label: textOf(matcher.getChild('LabelName')!, text),
      op: textOf(matcher.getChild('MatchOp')!, text),
      value: textOf(matcher.getChild('StringLiteral')!, text).slice(1, -1),
    }),
  );
  const inside: string[] = [];
  for (let above = node.parent; above !== null; above = above.parent) {
    const called = above.getChild('FunctionIdentifier') ?? above.getChild('AggregateOp');
    if (called !== null) inside.push(textOf(called, text));
  }
  const around = node.parent?.name === 'MatrixSelector' ? node.parent : undefined;
  const range = around === undefined ? undefined : textOf(around, text).slice(node.to - node.from + 1, -1);
  return { metric: textOf(name, text), matchers, range, inside };
}

function textOf({ from, to }: SyntaxNode, text: string): string {
  return text.slice(from, to);
}
