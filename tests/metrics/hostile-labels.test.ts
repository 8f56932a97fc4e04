/** Owns the property that any label value survives the way through both formats. */
import fc from 'fast-check';
import * as promClient from 'prom-client';
import { describe, expect, it } from 'vitest';
import { Counter } from '../../src/metrics/counter.js';
import { Gauge } from '../../src/metrics/gauge.js';
import { Histogram } from '../../src/metrics/histogram.js';
import { dwell, items, moves, textOf } from './fixture.js';
import { type ParsedFamily, parseClassic, parseOpenMetrics } from './text-parser.js';

const nasty = fc.oneof(
  fc.string({
    unit: fc.constantFrom(
      '"',
      '\\',
      '\n',
      '\r',
      '\0',
      '{',
      '}',
      ',',
      '=',
      ' ',
      '#',
      'n',
      '🚀',
      'é',
      '\ud800',
      '\udc00',
    ),
  }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '',
    '\\n',
    '\\\\"',
    '\n# EOF\n',
    '__proto__',
    'constructor',
    'overflow',
    'x'.repeat(70_000),
    '🚀'.repeat(30_000),
  ),
);
const utf8 = (text: string): string => Buffer.from(text).toString('utf8');

describe('label values', () => {
  it('that UTF-8 cannot tell apart are one series, also in the program', async () => {
    const counter = new Counter(moves);
    for (const to of ['\ud800', '\udc00', '\ufffd']) counter.inc({ flow: 'a', from: 'b', to });
    expect(counter.value({ flow: 'a', from: 'b', to: '\ud801' })).toBe(3);
    expect(parseClassic(await textOf([counter]))[0]?.samples).toHaveLength(1);
  });

  it('come back equal from both formats, one series per label set', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(nasty, nasty, nasty), { maxLength: 30 }), async (sets) => {
        const counter = new Counter(moves);
        const gauge = new Gauge(items);
        const histogram = new Histogram(dwell);
        const expected = new Map<string, number>();
        for (const [flow, from, to] of sets) {
          counter.inc({ flow, from, to });
          gauge.set({ flow, status: to }, 1);
          histogram.observe({ flow }, 1);
          const key = JSON.stringify([flow, from, to].map(utf8));
          expected.set(key, (expected.get(key) ?? 0) + 1);
        }
        const all = [counter, gauge, histogram];
        const families = [
          parseClassic(await textOf(all)),
          parseOpenMetrics(await textOf(all, { format: 'openmetrics' })),
        ];
        for (const [first] of families) expect(countsOf(first)).toEqual(expected);
      }),
      { numRuns: 150 },
    );
  });

  it('of a host’s own metrics come back equal too', async () => {
    await fc.assert(
      fc.asyncProperty(nasty, async (value) => {
        const registry = new promClient.Registry();
        new promClient.Gauge({ name: 'g', help: value || 'h', labelNames: ['a'], registers: [registry] }).set(
          { a: value },
          1,
        );
        for (const [family] of [
          parseClassic(await textOf(registry)),
          parseOpenMetrics(await textOf(registry, { format: 'openmetrics' })),
        ]) {
          expect(family?.samples[0]?.labels.a).toBe(utf8(value));
          expect(family?.help).toBe(utf8(value || 'h'));
        }
      }),
      { numRuns: 100 },
    );
  });
});

function countsOf(family: ParsedFamily | undefined): Map<string, number> {
  return new Map(
    family?.samples.map(({ labels, value }) => [
      JSON.stringify([labels.flow, labels.from, labels.to]),
      Number(value),
    ]),
  );
}
