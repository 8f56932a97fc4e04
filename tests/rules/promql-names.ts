/** Owns finding the metrics and labels that a PromQL expression speaks of, in the syntax tree of Prometheus' own editor. */
import type { SyntaxNode, Tree } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';

/** One place where a metric is read. */
export interface Selector {
  readonly metric: string;
  readonly matchers: readonly { readonly label: string; readonly op: string; readonly value: string }[];
  /** As it stands in the expression, without range and offset. */
  readonly text: string;
}

/** A list of labels of `by`, `without`, `on`, `ignoring`, `group_left` or `group_right`. */
export interface LabelList {
  readonly labels: readonly string[];
  /** The expressions that must have these labels: what is aggregated, both sides of an operation, or its side of one. */
  readonly of: readonly string[];
}

export interface Names {
  readonly selectors: readonly Selector[];
  readonly lists: readonly LabelList[];
  /** Labels that label_replace, label_join and count_values make. */
  readonly made: readonly string[];
}

/** The expression has an error; the message shows the text from there on. */
export class PromqlSyntaxError extends Error {
  readonly code = 'PROMQL_SYNTAX';
}

/** Throws PromqlSyntaxError. */
export function namesOf(expression: string): Names {
  const tree = parser.parse(expression) as unknown as Tree;
  const text = ({ from, to }: { from: number; to: number }) => expression.slice(from, to);
  const [selectors, lists, made]: [Selector[], LabelList[], string[]] = [[], [], []];
  tree.iterate({
    enter: ({ node }) => {
      if (node.type.isError)
        throw new PromqlSyntaxError(`no PromQL from "${expression.slice(node.from)}" on`);
      if (node.name === 'VectorSelector') selectors.push(selectorOf(node, text));
      if (node.name === 'GroupingLabels') lists.push(listOf(node, text));
      if (node.name === 'FunctionCall' || node.name === 'AggregateExpr') made.push(...madeBy(node, text));
    },
  });
  return { selectors, lists, made };
}

type TextOf = (node: SyntaxNode) => string;

function listOf(node: SyntaxNode, text: TextOf): LabelList {
  const labels = node.getChildren('LabelName').map(text);
  const around = node.parent?.parent;
  if (around?.name === 'AggregateExpr') return { labels, of: [text(around)] };
  const [left, right] = [around?.firstChild, around?.lastChild];
  if (around?.name !== 'BinaryExpr' || !left || !right)
    throw new PromqlSyntaxError(`labels of nothing: ${text(node)}`);
  const before = node.prevSibling?.name;
  // What group_left brings comes from the right side, which has one sample for many of the left.
  if (before === 'GroupLeft') return { labels, of: [text(right)] };
  if (before === 'GroupRight') return { labels, of: [text(left)] };
  return { labels, of: [text(left), text(right)] };
}

function selectorOf(node: SyntaxNode, text: TextOf): Selector {
  const name = node.getChild('Identifier');
  if (name === null) throw new PromqlSyntaxError(`a selector without a metric: ${text(node)}`);
  const matchers = (node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? []).map(
    (matcher) => {
      const [label = '', op = '', value = ''] = ['LabelName', 'MatchOp', 'StringLiteral'].map((kind) => {
        const part = matcher.getChild(kind);
        if (part === null) throw new PromqlSyntaxError(`a matcher without ${kind}: ${text(node)}`);
        return text(part);
      });
      return { label, op, value: value.slice(1, -1) };
    },
  );
  return { metric: text(name), matchers, text: text(node) };
}

/** The first argument that is text: the name of the new label in all three functions. */
function madeBy(node: SyntaxNode, text: TextOf): string[] {
  const called = node.getChild('FunctionIdentifier') ?? node.getChild('AggregateOp');
  if (called === null || !['label_replace', 'label_join', 'count_values'].includes(text(called))) return [];
  const name = node.getChild('FunctionCallBody')?.getChild('StringLiteral');
  return name === null || name === undefined ? [] : [text(name).slice(1, -1)];
}
