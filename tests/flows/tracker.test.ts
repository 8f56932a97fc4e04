/** Owns the proof of the fold: what each kind of change adds, and that totals, dwell times and population agree with a model. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Flow, NONE, OTHER } from '../../src/flows/flow.js';
import { type FoldDelta, fold, type Item, type OrderedChange, pairKey } from '../../src/flows/tracker.js';

const flow: Flow = {
  name: 'tokens',
  table: { schema: 'public', name: 'tokens' },
  key: ['mint'],
  status: 'status',
  createdAt: undefined,
  updatedAt: undefined,
  movedAt: undefined,
  repeats: 'ignore',
  statuses: ['monitoring', 'active', 'archived'],
  moves: new Set(['monitoring>active', 'active>archived']),
  limits: new Map(),
  reason: { column: 'why', values: ['timeout'] },
};
const BOUNDS = [1, 60];

function change(
  key: string,
  from: string | null | undefined,
  to: string | null,
  atUs = 0,
  tx?: string,
): OrderedChange {
  return { key, from, to, reason: undefined, atUs, tx };
}

function run(changes: OrderedChange[], items: Record<string, Item> = {}): FoldDelta {
  return fold(flow, new Map(Object.entries(items)), changes, BOUNDS);
}

describe('fold', () => {
  it('counts an insert as a move from none and starts the clock', () => {
    const delta = run([change('a', null, 'monitoring', 5_000_000)]);
    expect([...delta.moves]).toEqual([[pairKey(NONE, 'monitoring'), { count: 1, lastUs: 5_000_000 }]]);
    expect(delta.items.get('a')).toEqual({ status: 'monitoring', enteredUs: 5_000_000, known: true });
    expect(delta.dwell.size).toBe(0);
    expect([...delta.population]).toEqual([['monitoring', 1]]);
  });

  it('observes the stay that a move ends, in the bucket whose bound it does not exceed', () => {
    const delta = run([change('a', 'monitoring', 'active', 61_000_000)], {
      a: { status: 'monitoring', enteredUs: 1_000_000, known: true },
    });
    expect(delta.dwell.get(pairKey('monitoring', 'active'))).toEqual({
      buckets: [0, 1, 0],
      sumUs: 60_000_000,
    });
    expect(Object.fromEntries(delta.population)).toEqual({ monitoring: -1, active: 1 });
  });

  it('observes no stay whose begin was never seen', () => {
    const delta = run([change('a', 'monitoring', 'active', 9e6)], {
      a: { status: 'monitoring', enteredUs: 0, known: false },
    });
    expect(delta.dwell.size).toBe(0);
    expect(delta.items.get('a')?.known).toBe(true);
  });

  it('counts a delete as a move to none and forgets the item', () => {
    const delta = run([change('a', 'active', null, 3e6)], {
      a: { status: 'active', enteredUs: 1e6, known: true },
    });
    expect(delta.moves.get(pairKey('active', NONE))?.count).toBe(1);
    expect(delta.dwell.get(pairKey('active', NONE))?.sumUs).toBe(2e6);
    expect(delta.items.get('a')).toBeNull();
  });

  it('folds an undeclared status into other and counts it', () => {
    const delta = run([change('a', 'monitoring', 'zombie')], {
      a: { status: 'monitoring', enteredUs: 0, known: true },
    });
    expect(delta.unknown).toBe(1);
    expect(delta.moves.has(pairKey('monitoring', OTHER))).toBe(true);
  });

  it('counts a move that the flow does not declare, and follows the table all the same', () => {
    const delta = run([change('a', 'archived', 'monitoring')], {
      a: { status: 'archived', enteredUs: 0, known: true },
    });
    expect(delta.unexpected).toBe(1);
    expect(delta.items.get('a')?.status).toBe('monitoring');
  });

  it('notices that something before a change was not captured', () => {
    const delta = run([change('a', 'active', 'archived')], {
      a: { status: 'monitoring', enteredUs: 0, known: true },
    });
    expect(delta.broken).toBe(1);
    expect(delta.dwell.size).toBe(0);
    expect(Object.fromEntries(delta.population)).toEqual({ monitoring: -1, archived: 1 });
  });

  it('puts moves nested in one transaction into the order in which they happened', () => {
    const nested = [
      change('a', 'active', 'archived', 4e6, '7'),
      change('a', 'monitoring', 'active', 4e6, '7'),
    ];
    const delta = run(nested, { a: { status: 'monitoring', enteredUs: 1e6, known: true } });
    expect(delta.broken).toBe(0);
    expect(delta.items.get('a')?.status).toBe('archived');
  });

  it('takes what polling saw as a move from where the item was, and the same status as nothing', () => {
    const items = { a: { status: 'monitoring', enteredUs: 1e6, known: true } };
    expect(run([change('a', undefined, 'monitoring', 5e6)], items).folded).toBe(0);
    expect(
      run([change('a', undefined, 'active', 5e6)], items).moves.has(pairKey('monitoring', 'active')),
    ).toBe(true);
    expect(run([change('b', undefined, 'active', 5e6)], items).moves.has(pairKey(NONE, 'active'))).toBe(true);
  });

  it('never observes a negative stay when a clock stepped back', () => {
    const delta = run([change('a', 'monitoring', 'active', 1e6)], {
      a: { status: 'monitoring', enteredUs: 9e6, known: true },
    });
    expect(delta.dwell.get(pairKey('monitoring', 'active'))).toEqual({ buckets: [1, 0, 0], sumUs: 0 });
  });

  it('counts reasons of arrivals in a status, undeclared ones as other', () => {
    const items = { a: { status: 'active', enteredUs: 0, known: true } };
    const delta = run(
      [
        { ...change('a', 'active', 'archived'), reason: 'timeout' },
        { ...change('b', null, 'archived'), reason: 'by hand' },
      ],
      items,
    );
    expect(Object.fromEntries(delta.reasons)).toEqual({
      [pairKey('archived', 'timeout')]: 1,
      [pairKey('archived', 'other')]: 1,
    });
  });
});

describe('fold against a model', () => {
  const statuses = ['monitoring', 'active', 'archived', 'zombie'];
  const step = fc.record({
    item: fc.constantFrom('a', 'b', 'c'),
    to: fc.option(fc.constantFrom(...statuses), { nil: null }),
    waitUs: fc.integer({ min: 0, max: 100_000_000 }),
  });

  it('gives the same totals whatever the cut into pages', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 20 }), (steps, pageSize) => {
        const raw = new Map<string, { status: string; since: number }>();
        const changes: OrderedChange[] = [];
        const moves = new Map<string, number>();
        const stays = new Map<string, number>();
        let now = 0;
        for (const { item, to, waitUs } of steps) {
          now += waitUs;
          const before = raw.get(item);
          if ((before?.status ?? null) === to) continue;
          changes.push(change(item, before?.status ?? null, to, now));
          const pair = pairKey(label(before?.status ?? null), label(to));
          moves.set(pair, (moves.get(pair) ?? 0) + 1);
          if (before !== undefined) stays.set(pair, (stays.get(pair) ?? 0) + now - before.since);
          if (to === null) raw.delete(item);
          else raw.set(item, { status: to, since: now });
        }
        const seen = foldInPages(changes, pageSize);
        expect(seen.moves).toEqual(moves);
        expect(seen.stays).toEqual(stays);
        const living = new Map<string, number>();
        for (const { status } of raw.values())
          living.set(label(status), (living.get(label(status)) ?? 0) + 1);
        for (const [status, n] of seen.population) expect(n).toBe(living.get(status) ?? 0);
      }),
      { numRuns: 300 },
    );
  });

  function label(status: string | null): string {
    if (status === null) return NONE;
    return flow.statuses.includes(status) ? status : OTHER;
  }

  function foldInPages(changes: OrderedChange[], pageSize: number) {
    const items = new Map<string, Item>();
    const moves = new Map<string, number>();
    const stays = new Map<string, number>();
    const population = new Map<string, number>();
    for (let at = 0; at < changes.length; at += pageSize) {
      const delta = fold(flow, items, changes.slice(at, at + pageSize), BOUNDS);
      expect(delta.broken).toBe(0);
      for (const [key, m] of delta.moves) moves.set(key, (moves.get(key) ?? 0) + m.count);
      for (const [key, d] of delta.dwell) stays.set(key, (stays.get(key) ?? 0) + d.sumUs);
      for (const [key, n] of delta.population) population.set(key, (population.get(key) ?? 0) + n);
      for (const [key, item] of delta.items) {
        if (item === null) items.delete(key);
        else items.set(key, item);
      }
    }
    return { moves, stays, population };
  }
});
