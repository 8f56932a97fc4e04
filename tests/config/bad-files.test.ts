/** Owns the proof that each faulty file is refused with the key named and the reason given. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import { ConfigError, type Problem } from '../../src/config/problem.js';

const folder = join(import.meta.dirname, 'bad');
const files = readdirSync(folder).filter((name) => name.endsWith('.yml'));

function problemsOf(file: string): readonly Problem[] {
  try {
    loadConfig({ file, env: {} });
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('a faulty file', () => {
  it('exists for at least 45 faults', () => {
    expect(files.length).toBeGreaterThanOrEqual(45);
  });

  it.each(files)('%s is refused with its one fault named', (name) => {
    const file = join(folder, name);
    const [expectation = ''] = readFileSync(file, 'utf8').split('\n');
    const [path, text] = expectation.replace('# expect: ', '').split(' :: ');
    const problems = problemsOf(file);
    expect(problems.map((problem) => problem.path)).toEqual([path]);
    const rendered = new ConfigError(problems).message;
    expect(rendered).toContain(text);
    expect(rendered).not.toMatch(/hunter2|hun#ter2/);
    expect(problems[0]?.remedy).toMatch(/\S/);
  });
});
