/** Checks that the reference says of every option what a user needs to set it: its unit, its default, its bounds. */
import { expect, test } from 'vitest';
import { type DocumentedOption, documentedOptions } from './option-tables.js';

/** The types whose members are set by a user. */
const OWNERS = /Options$|^(Job|FixedRate|CrashLoopCap|LimitBounds)$/;
const options = documentedOptions(OWNERS);

/** A bound is a number, or another option between backticks; `above 0 to 1` is one too. */
const BOUNDS = /(\d|`\w+`)( \([^)]*\))? to (`\w+`|\d)/;

/** What the reference leaves open about an option; empty when it says all. */
function gaps({ option, isOptional, type, meaning }: DocumentedOption): string[] {
  const found: string[] = [];
  if (isOptional && !/\bdefault\b/i.test(meaning)) found.push('default');
  if (/\bnumber\b/.test(type) && !type.includes('=>') && !BOUNDS.test(meaning)) found.push('bounds');
  if (type === 'string' && !/characters|any text|lower-case words/.test(meaning)) found.push('length');
  if (type.endsWith('[]') && !/\d to \d|at most/.test(meaning)) found.push('length');
  if (option.endsWith('Ms') && !/millisecond|\bms\b/i.test(meaning)) found.push('unit');
  if (option.endsWith('Ratio') && !BOUNDS.test(meaning)) found.push('unit');
  return found;
}

test('the reference has the options of every part', () => {
  const owners = new Set(options.map(({ owner }) => owner));
  for (const owner of ['BreakerOptions', 'AimdOptions', 'MetricsOptions', 'LoggerOptions', 'Job']) {
    expect(owners).toContain(owner);
  }
  expect(options.length).toBeGreaterThan(100);
});

test('every option says its unit, its default and its bounds', () => {
  const silent = options
    .map((one) => ({ option: `${one.owner}.${one.option}`, gaps: gaps(one) }))
    .filter((one) => one.gaps.length > 0);
  expect(silent).toEqual([]);
});
