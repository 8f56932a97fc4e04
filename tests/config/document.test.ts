/** Proves that no text holds up whoever reads it: its length, keys, depth and aliases are bounded, and one at the bounds is read. */
import { expect, it } from 'vitest';
import { readDocument } from '../../src/config/document.js';

const told = (text: string) =>
  readDocument(text, 'f.yml').problems.map(({ path, where, what }) => `${path} (${where}) ${what}`);
const keys = (count: number) => Array.from({ length: count }, (_, n) => `k${n}: ${n}`).join('\n');
const aliases = (count: number) =>
  Array.from({ length: count }, (_, n) => `- &a${n} ${n}\n- *a${n}`).join('\n');
const nested = (depth: number) => `${'{a: '.repeat(depth)}1${'}'.repeat(depth)}`;

it('as many keys as may be, each with its line', () => {
  const { tree, problems, lineOf } = readDocument(keys(10_000), 'f.yml');
  expect(problems).toEqual([]);
  expect(Object.keys(tree as object)).toHaveLength(10_000);
  expect([lineOf(['k0']), lineOf(['k9999']), lineOf(['none'])]).toEqual([1, 10_000, undefined]);
});

it.each([
  ['keys', keys(10_001), '(file) (f.yml:10001) holds more than 10000 keys'],
  ['characters', `# ${'x'.repeat(262_144)}`, '(file) (f.yml) is longer than 256 KiB of text'],
  ['aliases', aliases(1_001), '(file) (f.yml:2002) repeats its aliases too often'],
  ['depth', nested(65), '(file) (f.yml:1) is nested too deep'],
  ['depth that nobody can read', '['.repeat(100_000), '(file) (f.yml:1) is nested too deep'],
])('too many or too much: %s', (_, text, problem) => {
  expect(told(text)[0]).toBe(problem);
});

it('as many aliases and as much depth as a person writes', () => {
  expect(told(aliases(1_000))).toEqual([]);
  expect(told(nested(20))).toEqual([]);
  expect(readDocument('a: &x {b: 1}\nc: *x\n', 'f.yml').tree).toEqual({ a: { b: 1 }, c: { b: 1 } });
});

it('a key that stands twice is told where it stands the second time, in each map by itself', () => {
  expect(told('a: 1\nb: { a: 1, c: 2, c: 3 }\na: 2\n"b": 1\nd: [{ a: 1 }, { a: 1 }]\n').sort()).toEqual([
    'a (f.yml:3) stands twice in the same map',
    'b (f.yml:4) stands twice in the same map',
    'b.c (f.yml:2) stands twice in the same map',
  ]);
});

it('an alias is known only behind its anchor', () => {
  const what = 'uses an alias (*name) without its anchor (&name)';
  expect(told('a: *x\nb: &x 1\nc: *x\n')).toEqual([`a (f.yml:1) ${what}`]);
  expect(told('a: &x [1]\nb: *x\nc: &y { d: *x, e: *z }\n')).toEqual([`c.e (f.yml:3) ${what}`]);
});
