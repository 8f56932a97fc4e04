/** Checks the judgement of thresholds, and that each is judged by what its alert compares. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { severitiesOf, THRESHOLDS, type ThresholdSpec } from '../../src/config/thresholds.js';
import { judgeLadder, observedOf } from '../../src/operations/suggestions.js';
import {
  OBSERVATIONS,
  observationQuery,
  specOf,
  WITHOUT_OBSERVATION,
} from '../../src/operations/suggestions-queries.js';
import { reportThresholds, suggestionSpan } from '../../src/operations/suggestions-report.js';
import { projectRoot } from '../harness/exporter.js';

const above = { side: 'above', bounds: [0, 1] } as const;
const below = { side: 'below', bounds: [0, 100] } as const;
const warning = (value: number) => [{ severity: 'warning', value }] as const;
/** 0, 1/n, 2/n … (n-1)/n */
const evenly = (n: number, from = 0, to = 1) =>
  Array.from({ length: n }, (_, i) => from + ((to - from) * i) / n);

describe('observedOf', () => {
  it('reads quantiles between the two nearest ranks, in whatever order the values come', () => {
    expect(observedOf([4, 1, 3, 2])).toEqual({
      p5: 1.15,
      p25: 1.75,
      p50: 2.5,
      p75: 3.25,
      p95: expect.closeTo(3.85, 12),
      p99: expect.closeTo(3.97, 12),
    });
    expect(observedOf([7])).toMatchObject({ p5: 7, p99: 7 });
    expect(observedOf([])).toBeUndefined();
  });
});

describe('judgeLadder', () => {
  it('proposes nothing from fewer than 100 samples', () => {
    expect(judgeLadder(above, warning(0.1), evenly(99))).toEqual([
      {
        severity: 'warning',
        value: 0.1,
        advice: 'not enough samples',
        suggested: undefined,
        exceededShare: expect.closeTo(0.899, 3),
        confidence: 0,
        reason: '99 samples; at least 100 are needed',
      },
    ]);
    expect(judgeLadder(above, warning(0.1), [])[0]).toMatchObject({ exceededShare: undefined });
  });

  it('loosens to the 95th percentile what is crossed more than half of the time', () => {
    const [judged] = judgeLadder(above, warning(0.3), evenly(1000));
    expect(judged).toMatchObject({ advice: 'loosen', suggested: 0.949, exceededShare: 0.699 });
    expect(judged!.confidence).toBe(0.699);
    expect(judged!.reason).toBe('crossed by 69.9 % of the samples; p95 of what was observed is 0.949');
  });

  it('is never surer than 0.95', () => {
    expect(judgeLadder(above, warning(0), evenly(100, 0.5, 0.6))[0]!.confidence).toBe(0.95);
  });

  it('tightens to the 75th percentile what is hardly ever crossed and far away', () => {
    const [judged] = judgeLadder(above, warning(0.9), evenly(1000, 0, 0.4));
    expect(judged).toMatchObject({ advice: 'tighten', suggested: 0.2997, confidence: 0.7, exceededShare: 0 });
  });

  it('keeps what is crossed at times, and what is near', () => {
    expect(judgeLadder(above, warning(0.7), evenly(1000))[0]).toMatchObject({ advice: 'keep' });
    // Three quarters lie below 0.6, and 0.8 of the limit is 0.56.
    expect(judgeLadder(above, warning(0.7), evenly(1000, 0.4, 0.66))[0]).toMatchObject({ advice: 'keep' });
  });

  it('judges a limit from below by the other end', () => {
    const [loose] = judgeLadder(below, warning(70), evenly(1000, 20, 80));
    expect(loose).toMatchObject({ advice: 'loosen', suggested: 23, exceededShare: 0.834 });
    const [tight] = judgeLadder(below, warning(70), evenly(1000, 92, 100));
    expect(tight).toMatchObject({ advice: 'tighten', suggested: 94, exceededShare: 0 });
  });

  it('proposes no value that the configuration would refuse', () => {
    const rungs = [
      { severity: 'warning', value: 0.3 },
      { severity: 'critical', value: 0.5 },
    ] as const;
    const values = evenly(1000);
    // Half of the samples cross the critical one, not more: it stays, and the warning may not pass it.
    const [quiet, loud] = judgeLadder(above, rungs, values);
    expect([quiet!.advice, loud!.advice]).toEqual(['keep', 'keep']);
    expect(quiet!.reason).toContain('the next severity begins at 0.5');
    const [lower, higher] = judgeLadder(above, rungs, evenly(1000, 0.2, 1));
    expect([lower!.suggested, higher!.suggested]).toEqual([0.9592, 0.9912]);
    const huge = judgeLadder({ side: 'above', bounds: [0, 1] }, warning(0.5), evenly(1000, 2, 3));
    expect(huge[0]).toMatchObject({ advice: 'keep', suggested: undefined });
  });

  it('tightens the quietest rung only', () => {
    const rungs = [
      { severity: 'warning', value: 0.8 },
      { severity: 'critical', value: 0.9 },
    ] as const;
    const advice = judgeLadder(above, rungs, evenly(1000, 0, 0.1)).map((one) => one.advice);
    expect(advice).toEqual(['tighten', 'keep']);
  });

  it('counts what lies on a limit as crossed only where the alert does', () => {
    const values = new Array<number>(100).fill(1);
    const dead = { side: 'above', bounds: [1, 1e6] } as const;
    expect(judgeLadder(dead, warning(1), values)[0]!.exceededShare).toBe(0);
    expect(judgeLadder({ ...dead, fires: 'at' }, warning(1), values)[0]!.exceededShare).toBe(1);
  });
});

describe('what a threshold is compared with', () => {
  const folder = join(projectRoot, 'prometheus', 'rules');
  const squeeze = (text: string) => text.replaceAll(/\s+/g, ' ');
  const rules = squeeze(
    readdirSync(folder)
      .map((name) => readFileSync(join(folder, name), 'utf8'))
      .join('\n'),
  );

  it.each(Object.entries(OBSERVATIONS))('%s: its alert compares just this', (name, observation) => {
    const expression = observation.expression.replaceAll('{}', '');
    // The backlog's second condition stands further down in its alert.
    const [value] = expression.split(' and on ');
    const isCompared = new RegExp(
      `${escaped(squeeze(value!))}\\)? ?(?:<|>|>=) ?on \\([^)]*\\) group_(?:left|right) \\([^)]*\\) instance:threshold:effective\\{threshold="${name}"`,
    );
    expect(rules).toMatch(isCompared);
    if (name === 'backlog_items') expect(rules).toContain(expression.slice(value!.length + 1));
  });

  it('is known of every threshold, or it is said why not', () => {
    const named = [...Object.keys(OBSERVATIONS), ...Object.keys(WITHOUT_OBSERVATION)].sort();
    expect(named).toEqual(THRESHOLDS.map(({ name }) => name).sort());
  });

  it('is never only there during what its alert is for', async () => {
    // Whatever is asked, an outage of four hours is all that was ever seen.
    const points = Array.from({ length: 240 }, (_, n) => ({ atMs: n * 60_000, value: 60 * n }));
    const series = [{ labels: { job: 'flowgauge', instance: 'a:1' }, points }];
    const thresholds = ['notification_age_seconds', 'transaction_age_seconds'].map((threshold) => ({
      threshold,
      severity: 'warning' as const,
      value: 600,
    }));
    const reports = await reportThresholds({
      prometheus: { instant: async () => series, range: async () => series },
      startSeconds: 1,
      thresholds,
      nowMs: 240 * 60_000,
    });
    expect(reports.map(({ judgements, without }) => [judgements, without])).toEqual([
      [[], 'it exists only while something waits, so what is usual is never seen'],
      [[], 'it exists only while something waits, so what is usual is never seen'],
    ]);
    for (const { expression } of Object.values(OBSERVATIONS))
      expect(expression).not.toMatch(/^time\(\) - .*> 0/);
  });

  it('has a ladder', () => {
    for (const name of Object.keys(OBSERVATIONS))
      expect([name, severitiesOf(specOf(name)!)[0]]).not.toEqual([name, 'none']);
    const anomaly = THRESHOLDS.find(({ name }) => name === 'anomaly_deviations') satisfies
      | ThresholdSpec
      | undefined;
    expect(anomaly?.side).toBe('above');
  });

  it('is asked of one exporter, and of its worst series', () => {
    const own = 'job="flowgauge",instance="a:1"';
    expect(observationQuery(OBSERVATIONS.cpu_utilization_ratio!, 'above', own)).toBe(
      'max(instance:cpu_utilization:avg5m{job="flowgauge",instance="a:1"})',
    );
    expect(observationQuery(OBSERVATIONS.health_score!, 'below', own)).toBe(
      'min(max_over_time(health_score{job="flowgauge",instance="a:1"}[2m]))',
    );
  });

  it('is looked at for a week, in fewer points than Prometheus gives at once', () => {
    const { fromMs, toMs, stepMs } = suggestionSpan(Date.UTC(2026, 0, 9, 12, 34, 56));
    expect(new Date(toMs).toISOString()).toBe('2026-01-09T12:34:00.000Z');
    expect(toMs - fromMs).toBe(7 * 86_400_000);
    expect((toMs - fromMs) / stepMs + 1).toBeLessThan(11_000);
  });
});

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
