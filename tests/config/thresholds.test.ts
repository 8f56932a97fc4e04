/** Owns the proof that the thresholds of the file are those of the series, and that the defaults are the documented ones. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import { THRESHOLDS } from '../../src/config/thresholds.js';

const load = (name: string) =>
  loadConfig({ file: join(import.meta.dirname, 'good', name), env: {} }).thresholds.map(
    ({ threshold, severity, value }) => `${threshold}{${severity}} ${value}`,
  );

it('have the defaults of the reference deployment', () => {
  expect(load('minimal.yml').slice(0, 8)).toEqual([
    'cpu_utilization_ratio{info} 0.7',
    'cpu_utilization_ratio{warning} 0.8',
    'cpu_utilization_ratio{error} 0.85',
    'cpu_utilization_ratio{critical} 0.95',
    'memory_utilization_ratio{warning} 0.75',
    'memory_utilization_ratio{critical} 0.9',
    'memory_used_bytes{warning} auto',
    'memory_used_bytes{critical} auto',
  ]);
  const numbers = THRESHOLDS.flatMap((spec) => Object.keys(spec.defaults));
  expect(load('minimal.yml')).toHaveLength(numbers.length);
});

it('take no objective of which the burn alert that pages could never fire', () => {
  const objectives = THRESHOLDS.filter(({ name }) => name.endsWith('_objective_ratio'));
  expect(objectives).toHaveLength(3);
  for (const { bounds } of objectives) expect(14.4 * (1 - bounds[0])).toBeLessThan(1);
});

it('are replaced one by one, and absent when off', () => {
  const values = load('thresholds.yml');
  expect(values.filter((text) => /^(cpu_|memory_used|health_|minimum_)/.test(text))).toEqual([
    'cpu_utilization_ratio{warning} 0.7',
    'cpu_utilization_ratio{critical} 0.95',
    'memory_used_bytes{warning} 24000000000',
    'memory_used_bytes{critical} 32000000000',
    'health_score{warning} 70',
    'minimum_events{none} 25',
  ]);
});

it('take a number for one severity and leave the other to the size of the machine', () => {
  expect(load('thresholds-auto.yml').filter((text) => text.startsWith('memory_used'))).toEqual([
    'memory_used_bytes{warning} auto',
    'memory_used_bytes{critical} 40000000000',
  ]);
});
