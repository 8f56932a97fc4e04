/** Owns the proof of the health score: the numbers of the published formula, its laws, and what it says when it does not know. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DEFAULT_HEALTH_WEIGHTS,
  HEALTH_COMPONENTS,
  type HealthSignals,
  type HealthWeights,
  judgeHealth,
  loadOfWork,
} from '../src/health.js';
import type { FlowOverview } from '../src/http/deps.js';
import { waitingWork } from '../src/resource-board.js';

const share = fc.double({ min: 0, max: 1, noNaN: true });
const maybeShare = fc.option(fc.double({ min: -1, max: 10 }), { nil: undefined });
const signals: fc.Arbitrary<HealthSignals> = fc.record({ memory: share, cpu: share, load: share });
const anySignals: fc.Arbitrary<HealthSignals> = fc.record({
  memory: maybeShare,
  cpu: maybeShare,
  load: maybeShare,
});
// No numbers near the smallest there are: their products have no proportion left.
const oneWeight = fc.integer({ min: 0, max: 1000 }).map((n) => n / 1000);
const weights: fc.Arbitrary<HealthWeights> = fc.record({
  memory: oneWeight,
  cpu: oneWeight,
  load: oneWeight,
});

describe('the score', () => {
  it.each([
    [{ memory: 0, cpu: 0, load: 0 }, 100],
    // 0.4·max(0, 100 − 1.5·69) + 0.3·(100 − 1.2·25.5) + 0.3·(100 − 100·0.12)
    [{ memory: 0.69, cpu: 0.255, load: 0.12 }, 47.22],
    [{ memory: 0.5, cpu: 0.5, load: 0.5 }, 37],
    [{ memory: 1, cpu: 1, load: 1 }, 0],
    [{ memory: 0.038, cpu: 0.113, load: 0 }, 93.652],
  ])('of %o is %d', (given, expected) => {
    expect(judgeHealth(given).score).toBeCloseTo(expected, 6);
  });

  it('lies between 0 and 100 for every input, as do its parts', () => {
    fc.assert(
      fc.property(anySignals, weights, (given, by) => {
        const { score, components, reasons } = judgeHealth(given, by);
        for (const value of [...components.values(), ...(score === undefined ? [] : [score])]) {
          expect(value).toBeGreaterThanOrEqual(0);
          expect(value).toBeLessThanOrEqual(100);
        }
        expect(reasons.every(({ points }) => points >= 0)).toBe(true);
      }),
    );
  });

  it('never rises when a signal gets worse', () => {
    const worse = fc.tuple(signals, weights, fc.constantFrom(...HEALTH_COMPONENTS), share);
    fc.assert(
      fc.property(worse, ([given, by, component, more]) => {
        const before = judgeHealth(given, by).score;
        const after = judgeHealth({ ...given, [component]: given[component]! + more }, by).score;
        if (before !== undefined) expect(after).toBeLessThanOrEqual(before + 1e-9);
      }),
    );
  });

  it('depends on the proportion of the weights only', () => {
    const scaled = fc.tuple(signals, weights, fc.double({ min: 0.01, max: 100, noNaN: true }));
    fc.assert(
      fc.property(scaled, ([given, by, factor]) => {
        const times = { memory: by.memory * factor, cpu: by.cpu * factor, load: by.load * factor };
        const a = judgeHealth(given, by).score;
        const b = judgeHealth(given, times).score;
        if (a === undefined) expect(b).toBeUndefined();
        else expect(b).toBeCloseTo(a, 6);
      }),
    );
  });

  it('lies between the best and the worst of its parts, and its reasons add up to what is missing', () => {
    fc.assert(
      fc.property(signals, weights, (given, by) => {
        const { score, components, reasons } = judgeHealth(given, by);
        fc.pre(score !== undefined);
        expect(score).toBeGreaterThanOrEqual(Math.min(...components.values()) - 1e-9);
        expect(score).toBeLessThanOrEqual(Math.max(...components.values()) + 1e-9);
        expect(reasons.reduce((sum, { points }) => sum + points, score!)).toBeCloseTo(100, 6);
      }),
    );
  });
});

describe('what is not known', () => {
  it('leaves its weight to the others and is named', () => {
    const { score, components, reasons } = judgeHealth({ memory: 0.5, cpu: 0.5, load: undefined });
    // (0.4·25 + 0.3·40) / 0.7
    expect(score).toBeCloseTo(31.428571, 5);
    expect([...components.keys()]).toEqual(['memory', 'cpu']);
    expect(reasons.map(({ name }) => name)).toEqual(['memory_in_use', 'cpu_in_use', 'load_unknown']);
    expect(reasons[2]?.text).toBe('load is not known now: the others count for it');
  });

  it('never makes a number up', () => {
    const nothing = { memory: undefined, cpu: Number.NaN, load: -1 };
    expect(judgeHealth(nothing)).toMatchObject({ score: undefined, components: new Map() });
    const onlyLoad = judgeHealth({ ...nothing, load: 0 }, { ...DEFAULT_HEALTH_WEIGHTS, load: 0 });
    expect(onlyLoad.score).toBeUndefined();
    expect(onlyLoad.components).toEqual(new Map([['load', 100]]));
  });

  it('says the costliest reason first, in words', () => {
    const { reasons } = judgeHealth({ memory: 0.2, cpu: 0.9, load: 0 });
    expect(reasons.map(({ text }) => text)).toEqual([
      '90 % of the processors is in use: 30 points less',
      '20 % of the memory is in use: 12 points less',
    ]);
  });
});

describe('the load of work', () => {
  it('is that of the worst flow', () => {
    const large = { items: 1_000_000, overLimit: 10 };
    expect(loadOfWork([large, { items: 4, overLimit: 3 }])).toBe(0.75);
    expect(loadOfWork([large])).toBe(0.00001);
    expect(loadOfWork([{ items: 0, overLimit: 0 }])).toBe(0);
    expect(loadOfWork([])).toBeUndefined();
  });

  it('counts statuses with a limit, of flows that are counted now', () => {
    const now = Date.UTC(2026, 0, 1);
    const status = (name: string, items: number | undefined, stuckItems: number | undefined) => ({
      status: name,
      items,
      stuckItems,
      oldestAgeSeconds: undefined,
    });
    const flow = {
      flow: 'tokens',
      table: 'public.tokens',
      mode: 'journal' as const,
      verdict: undefined,
      statuses: [status('monitoring', 10, 4), status('archived', 90, 0)],
      captureLagSeconds: 0,
      limits: new Map([['monitoring', { warning: 60 }]]),
      asOf: new Date(now - 1_000),
    };
    const counted = (over: Partial<FlowOverview>) =>
      waitingWork([{ ...flow, ...over }], now, new Map([['tokens', 300_000]]));
    expect(counted({})).toEqual([{ items: 10, overLimit: 4 }]);
    expect(counted({ limits: new Map() })).toEqual([]);
    expect(counted({ asOf: undefined })).toEqual([]);
    expect(counted({ asOf: new Date(now - 61_000) })).toEqual([]);
    // A snapshot is as old as its own interval allows, and no older.
    expect(counted({ mode: 'snapshot', asOf: new Date(now - 899_000) })).toHaveLength(1);
    expect(counted({ mode: 'snapshot', asOf: new Date(now - 901_000) })).toEqual([]);
    expect(counted({ mode: 'snapshot', asOf: undefined })).toEqual([]);
    expect(counted({ statuses: [status('monitoring', 10, undefined)] })).toEqual([]);
  });
});
