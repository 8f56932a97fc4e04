/** Owns the way from a label set to its series: one map per label, without building a key. */
import { cleanText } from './label-text.js';

/** A value for each declared label, no more and no fewer. Numbers are written in decimal. */
export type Labels<L extends string> = Readonly<Record<L, string | number>>;

type Node = Map<unknown, unknown>;

/** Leaves by label values. Values that need cleaning or conversion are found through `keyOf` and `seek`. */
export class LabelTrie<L extends string, S> {
  private root: Node = new Map();
  private readonly depth: number;
  private readonly first: L;
  private readonly second: L;
  private readonly third: L;

  constructor(readonly names: readonly L[]) {
    this.depth = names.length;
    this.first = names[0]!;
    this.second = names[1]!;
    this.third = names[2]!;
  }

  /** The leaf whose values are exactly these texts; undefined also when names are missing or too many. */
  find(labels: Labels<L>): S | undefined {
    if (labels === null || typeof labels !== 'object') return undefined;
    // Written out up to three labels: a loop over the names costs half as much again per call.
    let node: unknown;
    if (this.depth === 0 || this.depth > 3) {
      node = this.findDeep(labels);
    } else {
      node = this.root.get(labels[this.first]);
      if (this.depth > 1 && node !== undefined) node = (node as Node).get(labels[this.second]);
      if (this.depth > 2 && node !== undefined) node = (node as Node).get(labels[this.third]);
    }
    if (node === undefined) return undefined;
    let count = 0;
    for (const _ in labels) count += 1;
    return count === this.depth ? (node as S) : undefined;
  }

  /** The leaf of a key that `keyOf` made. */
  seek(key: readonly string[]): S | undefined {
    if (key.length === 0) return this.root.get('') as S | undefined;
    let node: unknown = this.root;
    for (const value of key) {
      if (node === undefined) return undefined;
      node = (node as Node).get(value);
    }
    return node as S | undefined;
  }

  /** The values as clean text in declared order; undefined when names or types are wrong. */
  keyOf(labels: Labels<L>): readonly string[] | undefined {
    if (labels === null || typeof labels !== 'object') {
      return labels === undefined && this.depth === 0 ? [] : undefined;
    }
    if (Object.keys(labels).length !== this.depth) return undefined;
    const key: string[] = [];
    for (const name of this.names) {
      if (!Object.hasOwn(labels, name)) return undefined;
      const value: unknown = labels[name];
      if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean')
        return undefined;
      key.push(cleanText(`${value}`));
    }
    return key;
  }

  set(key: readonly string[], leaf: S): void {
    let node = this.root;
    for (const value of key.slice(0, -1)) {
      let next = node.get(value) as Node | undefined;
      if (next === undefined) {
        next = new Map();
        node.set(value, next);
      }
      node = next;
    }
    node.set(key.at(-1) ?? '', leaf);
  }

  delete(key: readonly string[]): void {
    prune(this.root, key, 0);
  }

  clear(): void {
    this.root = new Map();
  }

  private findDeep(labels: Labels<L>): unknown {
    if (this.depth === 0) return this.root.get('');
    let node: unknown = this.root;
    for (let i = 0; i < this.depth && node !== undefined; i += 1) {
      node = (node as Node).get(labels[this.names[i]!]);
    }
    return node;
  }
}

/** Removes a path together with the branches that it leaves empty. */
function prune(node: Node, key: readonly string[], depth: number): void {
  const value = key[depth] ?? '';
  if (depth < key.length - 1) {
    const next = node.get(value) as Node | undefined;
    if (next === undefined) return;
    prune(next, key, depth + 1);
    if (next.size > 0) return;
  }
  node.delete(value);
}
