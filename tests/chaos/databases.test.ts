/** Owns the proof that the one database may be down, dead or frozen, and every move is still counted once. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FaultArena, faultArena } from './fault-arena.js';
import { expectBorne, expectExact, FROZEN_MS, LASTS_MS, LONG, TIMEOUT } from './fault-expectations.js';

describe('source and store in one database', () => {
  let arena: FaultArena;
  beforeAll(async () => {
    arena = await faultArena('one');
  });
  afterAll(() => arena?.stop());

  it('is down at the start', TIMEOUT, async () => {
    await arena.source.server.halt();
    await arena.start();
    expectBorne(
      await arena.suffer(
        'down at start',
        LASTS_MS,
        () => {},
        () => arena.source.server.restart(),
      ),
    );
  });
  if (LONG) {
    it('is stopped and started again', TIMEOUT, async () => {
      const { server } = arena.source;
      expectBorne(
        await arena.suffer(
          'restart',
          LASTS_MS,
          () => server.halt(),
          () => server.restart(),
        ),
      );
    });
  }
  it('is killed', TIMEOUT, async () => {
    const { server } = arena.source;
    expectBorne(
      await arena.suffer(
        'kill',
        LASTS_MS,
        () => server.kill(),
        () => server.restart(),
      ),
    );
  });
  it('is frozen', TIMEOUT, async () => {
    const { server } = arena.source;
    const report = await arena.suffer(
      'frozen',
      FROZEN_MS,
      () => server.freeze(),
      () => server.thaw(),
    );
    expectBorne(report);
    expect(report.storeUpSeen).toContain(0);
  });
  it('has lost nothing and doubled nothing', TIMEOUT, () => expectExact(arena));
});
