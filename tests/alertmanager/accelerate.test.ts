/** Owns the proof that quick motion divides every length of time, and that none of the bundled rules keeps one. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from '../harness/exporter.js';
import { accelerateExpression, accelerateRules, dividedDuration } from './accelerate.js';

const folder = join(projectRoot, 'prometheus', 'rules');

describe('quick motion', () => {
  it('divides lengths', () => {
    expect(dividedDuration('5m', 10)).toBe('30000ms');
    expect(dividedDuration('1h30m', 60)).toBe('90000ms');
    expect(dividedDuration('0s', 60)).toBe('1ms');
  });

  it('divides ranges, subqueries, offsets, seconds beside rates, and the limits of statuses', () => {
    expect(accelerateExpression('max_over_time(abs(x)[5m:1m]) offset 1w', 10)).toBe(
      'max_over_time(abs(x)[30000ms:6000ms]) offset 60480000ms',
    );
    expect(accelerateExpression('300 * api:requests:rate5m >= 20', 10)).toBe(
      '30 * api:requests:rate5m >= 20',
    );
    expect(accelerateExpression('predict_linear(y[1h], 4 * 3600)', 60)).toBe(
      'predict_linear(y[60000ms], 4 * 60)',
    );
    expect(
      accelerateExpression('a > last_over_time(flow_status_limit_seconds{severity="warning"}[5m])', 10),
    ).toBe('a > (last_over_time(flow_status_limit_seconds{severity="warning"}[30000ms]) / 10)');
    const untouched = 'label_replace(x{le="300"}, "le", "$1.0", "le", "([0-9]+)") > 0.900';
    expect(accelerateExpression(untouched, 10)).toBe(untouched);
  });

  for (const file of readdirSync(folder)) {
    it(`leaves no length of its own in ${file}`, () => {
      const text = accelerateRules(readFileSync(join(folder, file), 'utf8'), 7);
      const code = text.replace(/(summary|description): [^\n]*/g, '');
      expect(
        code.match(/\[\d+[smhdw](?!s)|offset \d+[smhdw](?!s)|^\s+(?:for|keep_firing_for): \d+[smhdw](?!s)/gm),
      ).toBeNull();
    });
  }
});
