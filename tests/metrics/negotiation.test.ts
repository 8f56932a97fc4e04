/** Owns what a scraper's headers mean: format by Accept, gzip by Accept-Encoding, budget by the timeout header. */
import { describe, expect, it } from 'vitest';
import { acceptsGzip, CONTENT_TYPES, negotiate, scrapeBudgetMs } from '../../src/metrics/negotiation.js';

const PROMETHEUS_2_42 =
  'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
const PROMETHEUS_3 =
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2';

describe('negotiate', () => {
  it.each([
    [undefined, 'classic'],
    ['', 'classic'],
    ['*/*', 'classic'],
    ['text/html,application/xhtml+xml,*/*;q=0.8', 'classic'],
    ['application/json', 'classic'],
    [PROMETHEUS_2_42, 'openmetrics'],
    [PROMETHEUS_3, 'openmetrics'],
    ['application/openmetrics-text', 'openmetrics'],
    ['Application/OpenMetrics-Text; Version="1.0.0"', 'openmetrics'],
    ['application/openmetrics-text;version=0.0.1', 'classic'],
    ['application/openmetrics-text;version=2.0.0,text/plain;version=0.0.4;q=0.1', 'classic'],
    ['application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.6', 'classic'],
    ['text/plain;version=0.0.4;q=0.5,application/openmetrics-text;version=1.0.0;q=0.6', 'openmetrics'],
    ['application/openmetrics-text;version=1.0.0;q=0', 'classic'],
    ['application/openmetrics-text;q=0,*/*', 'classic'],
    ['application/*', 'openmetrics'],
    ['application/openmetrics-text;version=1.0.0,*/*', 'openmetrics'],
    ['application/openmetrics-text;q=banana,text/plain;q=0.1', 'classic'],
    ['text/plain;version=0.0.4;q=0', 'classic'],
    [',,;;=,', 'classic'],
  ])('%s → %s', (accept, format) => {
    expect(negotiate(accept)).toBe(format);
  });

  it('has the content types that Prometheus knows', () => {
    expect(CONTENT_TYPES).toEqual({
      classic: 'text/plain; version=0.0.4; charset=utf-8',
      openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
    });
  });
});

describe('acceptsGzip', () => {
  it.each([
    [undefined, false],
    ['identity', false],
    ['gzip', true],
    ['deflate, GZIP;q=0.5', true],
    ['gzip;q=0', false],
    ['gzip;q=0, *', false],
    ['*', true],
    ['br', false],
    ['xgzip', false],
  ])('%s → %s', (header, accepted) => {
    expect(acceptsGzip(header)).toBe(accepted);
  });
});

describe('scrapeBudgetMs', () => {
  it.each([
    [undefined, 9_500],
    ['', 9_500],
    ['10', 9_500],
    ['10.000000', 9_500],
    ['5', 4_500],
    ['2.5', 2_000],
    ['0.6', 300],
    ['0.1', 50],
    ['0.000000001', 1],
    ['0', 9_500],
    ['-3', 9_500],
    ['NaN', 9_500],
    ['Infinity', 9_500],
    ['1e9', 9_500],
    ['0x10', 9_500],
    ['10, 20', 9_500],
    ['999999999', 60_000],
    ['9'.repeat(400), 9_500],
  ])('%s → %d ms', (header, budget) => {
    expect(scrapeBudgetMs(header, { defaultMs: 9_500, maxMs: 60_000 })).toBeCloseTo(budget, 6);
  });
});
