/** Checks when the board tells a pace: counted as it happens, and null through silences and backlogs, never 0 and never the past. */
import { describe, expect, it } from 'vitest';
import { FlowBoard } from '../src/flow-board.js';
import type { CaptureMode, Flow } from '../src/flows/flow.js';
import { createMetrics } from '../src/metrics/registry.js';
import type { FlowTotals } from '../src/storage/flow-totals.js';

const flow: Flow = {
  name: 'tokens',
  table: { schema: 'public', name: 'tokens' },
  key: ['id'],
  status: 'status',
  createdAt: undefined,
  updatedAt: undefined,
  movedAt: undefined,
  repeats: 'ignore',
  statuses: ['monitoring', 'active'],
  moves: undefined,
  limits: new Map(),
  reason: undefined,
};

function totals(arrived: number): ReadonlyMap<string, FlowTotals> {
  const moves = [{ from: 'none', to: 'monitoring', count: arrived, lastUs: 0 }];
  const none = { gaps: 0, unexpected: 0, faults: 0, reasons: [], dwell: [], population: new Map() };
  return new Map([['tokens', { flow: 'tokens', mode: 'journal', moves, ...none }]]);
}

/** What one second of an exporter brings; a part that is left out is silent. */
interface Second {
  /** Arrivals since ever, as the store has them. */
  readonly arrived?: number;
  readonly lagSeconds?: number;
}

function opened(mode: CaptureMode = 'journal') {
  let nowMs = Date.UTC(2026, 0, 2, 3, 4, 5);
  const board = new FlowBoard(createMetrics({ processMetrics: 'omit' }), () => nowMs);
  board.open(flow, mode);
  return {
    board,
    /** As many seconds, each of which brings the same, or what the number of the second says. */
    pass(seconds: number, brings: Second | ((second: number) => Second)): void {
      for (let n = 1; n <= seconds; n += 1) {
        nowMs += 1_000;
        const { arrived, lagSeconds } = typeof brings === 'function' ? brings(n) : brings;
        if (lagSeconds !== undefined)
          board.take({
            kind: 'backlog',
            flow,
            backlog: { oldestAgeSeconds: lagSeconds, entries: 0, faults: 0 },
          });
        if (arrived !== undefined) board.takeTotals(totals(arrived));
      }
    },
    moved: (seconds = 300) => board.recentMoves('tokens', seconds)?.total,
  };
}

/** One arrival per second, counted as it happens. */
const steady = (from: number) => (second: number) => ({ arrived: from + second, lagSeconds: 0.2 });

describe('the pace of a flow', () => {
  it('is what moved lately', () => {
    const { board, pass, moved } = opened();
    pass(600, steady(0));
    const lately = board.recentMoves('tokens', 300)!;
    expect(lately.total).toBe(lately.windowSeconds);
    expect(lately.windowSeconds).toBeGreaterThanOrEqual(300);
    expect(lately.windowSeconds).toBeLessThanOrEqual(316);
    expect(moved(60)).toBeLessThanOrEqual(76);
    expect([...board.counted()]).toEqual(['tokens']);
  });

  it('is not known, instead of 0, while the store is silent', () => {
    const { board, pass, moved } = opened();
    pass(400, steady(0));
    pass(30, { lagSeconds: 0.2 });
    expect(moved()).toBeGreaterThan(200);
    pass(1, { lagSeconds: 0.2 });
    expect([moved(), moved(3_600), board.counted().size]).toEqual([undefined, undefined, 0]);
    // The picture itself stays, with the moment that it is of.
    expect(board.overviews()[0]!.asOf?.toISOString()).toBe('2026-01-02T03:10:45.000Z');
  });

  it('is not known, instead of 0, while nobody looks at the source', () => {
    const { board, pass, moved } = opened();
    pass(400, steady(0));
    pass(31, { arrived: 400 });
    expect([moved(), board.counted().size]).toEqual([undefined, 0]);
  });

  it('holds no backlog of a downtime, neither in minutes nor in the hour', () => {
    const { board, pass, moved } = opened();
    // Two minutes of reading what came in while we were away.
    pass(120, (second) => ({ arrived: second * 1_000, lagSeconds: 7_200 - second * 60 }));
    expect([moved(), moved(3_600), board.counted().size]).toEqual([undefined, undefined, 0]);
    pass(60, steady(120_000));
    expect(moved(3_600)).toBeGreaterThan(30);
    expect(moved(3_600)).toBeLessThanOrEqual(60);
    pass(600, steady(120_060));
    expect(moved(3_600)).toBeLessThanOrEqual(660);
  });

  it('holds no backlog that one page took in, before anybody could see it wait', () => {
    const { pass, moved } = opened();
    // The store's totals of before the page come first, and once more after it: they were asked for earlier.
    pass(1, { arrived: 1_000 });
    pass(3, { arrived: 1_000, lagSeconds: 0.2 });
    pass(120, steady(1_500));
    expect(moved()).toBeLessThanOrEqual(120);
    // The same after a silence of the store.
    pass(600, { lagSeconds: 0.2 });
    pass(1, { arrived: 1_620 });
    pass(400, steady(2_220));
    expect(moved()).toBeLessThanOrEqual(316);
    expect(moved(3_600)).toBeLessThanOrEqual(400);
  });

  it('is known of a flow that is polled seldom, and of no snapshot', () => {
    const polled = opened('poll');
    polled.pass(900, (second) => ({
      arrived: Math.floor(second / 300) * 10,
      ...(second % 300 === 0 ? { lagSeconds: 0 } : {}),
    }));
    expect(polled.moved(600)).toBe(20);
    const counted = opened('snapshot');
    counted.pass(60, steady(0));
    expect([counted.moved(), counted.board.counted().size]).toEqual([undefined, 0]);
  });
});
