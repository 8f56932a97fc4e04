/** Owns the proof that source or store alone may fail, be unreachable or read-only, and every move is still counted once. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FaultArena, type FaultSide, faultArena } from './fault-arena.js';
import {
  BLACK_HOLE_MS,
  expectBorne,
  expectExact,
  FROZEN_MS,
  LASTS_MS,
  LONG,
  TIMEOUT,
} from './fault-expectations.js';
import { type Standby, startStandby } from './standby.js';

type SideName = 'source' | 'store';

interface Fault {
  readonly name: string;
  /** Sides on which the short form tries it; the long form tries it on both. */
  readonly short: readonly SideName[];
  readonly lastsMs: number;
  inject(side: FaultSide): Promise<void> | void;
  heal(side: FaultSide): Promise<void> | void;
  /** Whether the fault shows in `flowgauge_*_up`; a slow database is up. Undefined: for less time than two scrapes are apart. */
  readonly isDown: boolean | undefined;
}

const FAULTS: readonly Fault[] = [
  {
    name: 'is killed',
    short: ['store'],
    lastsMs: LASTS_MS,
    inject: ({ server }) => server.kill(),
    heal: ({ server }) => server.restart(),
    isDown: true,
  },
  {
    name: 'is frozen',
    short: [],
    lastsMs: FROZEN_MS,
    inject: ({ server }) => server.freeze(),
    heal: ({ server }) => server.thaw(),
    isDown: true,
  },
  {
    name: 'is swallowed by a black hole',
    short: [],
    lastsMs: BLACK_HOLE_MS,
    inject: ({ proxy }) => proxy.set({ kind: 'blackhole' }),
    heal: ({ proxy }) => proxy.set({ kind: 'pass' }),
    isDown: true,
  },
  {
    name: 'has its replies lost',
    short: [],
    lastsMs: BLACK_HOLE_MS,
    inject: ({ proxy }) => proxy.set({ kind: 'dropReply' }),
    heal: ({ proxy }) => proxy.set({ kind: 'pass' }),
    isDown: true,
  },
  {
    name: 'has its connections reset',
    short: ['source'],
    lastsMs: LASTS_MS,
    inject: ({ proxy }) => proxy.set({ kind: 'reset' }),
    heal: ({ proxy }) => proxy.set({ kind: 'pass' }),
    isDown: true,
  },
  {
    name: 'accepts connections and closes them',
    short: [],
    lastsMs: LASTS_MS,
    inject: ({ proxy }) => proxy.set({ kind: 'close' }),
    heal: ({ proxy }) => proxy.set({ kind: 'pass' }),
    isDown: true,
  },
  {
    name: 'is slow',
    short: [],
    lastsMs: LASTS_MS,
    inject: ({ proxy }) => proxy.set({ kind: 'delay', ms: 300 }),
    heal: ({ proxy }) => proxy.set({ kind: 'pass' }),
    isDown: false,
  },
  {
    name: 'is read-only for a while',
    short: ['store'],
    lastsMs: LASTS_MS,
    inject: ({ server }) => server.restart({ default_transaction_read_only: 'on' }),
    heal: ({ server }) => server.restart({ default_transaction_read_only: 'off' }),
    isDown: true,
  },
];

describe('source and store in two servers', () => {
  const arena = {} as Record<SideName, FaultSide> & { whole: FaultArena };
  const standbys = new Map<SideName, Standby>();
  beforeAll(async () => {
    arena.whole = await faultArena('two');
    for (const side of ['source', 'store'] as const) {
      arena[side] = arena.whole[side];
      standbys.set(side, await startStandby(arena[side].server));
    }
    await arena.whole.start();
  });
  afterAll(async () => {
    await arena.whole?.stop();
    for (const standby of standbys.values()) await standby.stop();
  });

  const suffer = async (side: SideName, fault: Fault) => {
    const report = await arena.whole.suffer(
      `the ${side} ${fault.name}`,
      fault.lastsMs,
      () => fault.inject(arena[side]),
      () => fault.heal(arena[side]),
    );
    expectBorne(report);
    const seen = side === 'source' ? report.sourceUpSeen : report.storeUpSeen;
    if (fault.isDown !== undefined)
      expect(seen.includes(0), `flowgauge_${side}_up: ${seen}`).toBe(fault.isDown);
  };

  for (const side of ['source', 'store'] as const) {
    for (const fault of FAULTS.filter((f) => LONG || f.short.includes(side))) {
      it(`the ${side} ${fault.name}`, TIMEOUT, () => suffer(side, fault));
    }
    it(`the ${side} fails over to a standby and back`, TIMEOUT, () =>
      suffer(side, {
        name: 'fails over to a standby and back',
        short: [],
        lastsMs: LASTS_MS,
        inject: ({ proxy }) => proxy.retarget(standbys.get(side)!.port),
        heal: ({ proxy, server }) => proxy.retarget(server.port),
        // A source is only read, and a standby answers at once; a store that takes no writes is down.
        isDown: side === 'store' ? true : undefined,
      }),
    );
  }

  it('has lost nothing and doubled nothing', TIMEOUT, () => expectExact(arena.whole));
});
