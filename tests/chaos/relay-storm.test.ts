/** Proves that in a storm with failures and kills each alert is read by people or a dead letter. `npm run chaos` is its long form. */
import { expect, test } from 'vitest';
import { seededFaults } from '../harness/telegram-faults.js';
import { fakeTelegram } from '../notifications/relay.js';
import { BLOCKED_CHAT, honest, runStorm, type StormPlan } from './relay-arena.js';

const LONG = process.env.FLOWGAUGE_CHAOS === 'long';
const SEED = Number(process.env.FLOWGAUGE_CHAOS_SEED ?? 20_260_102);
// Nothing runs faster than for people: the limits are the published ones and so is the relay's pace. Ten thousand
// alerts get through one message a second and chat because many share a message, and a storm's groups a digest.
const PLAN: StormPlan = LONG
  ? {
      seed: SEED,
      events: 10_000,
      kills: 20,
      bulkChats: 30,
      calmChats: 8,
      perSecond: 15,
      drainMs: 900_000,
    }
  : { seed: SEED, events: 300, kills: 4, bulkChats: 8, calmChats: 2, perSecond: 4, drainMs: 120_000 };

test(
  `${PLAN.events} alerts, 30 % failures, 5 % stalls, ${PLAN.kills} kills (seed ${SEED}): none is lost, no limit broken`,
  async () => {
    const script = honest(seededFaults(SEED, { failures: 0.3, stalls: 0.05, maxRetryAfterSeconds: 3 }));
    const telegram = await fakeTelegram({ limits: { chatBurst: 1 }, script, nowMs: () => performance.now() });
    telegram.setChat(BLOCKED_CHAT, { state: 'blocked' });
    const verdict = await runStorm(PLAN, telegram);
    const { missing, mistaken, violations, ...figures } = verdict;
    console.log(
      JSON.stringify({
        seed: SEED,
        ...figures,
        missing: missing.length,
        mistaken: mistaken.length,
        violations: violations.length,
      }),
    );
    expect(verdict.posted).toBe(PLAN.events);
    expect((verdict.account.sent ?? 0) + (verdict.account.dead ?? 0)).toBe(PLAN.events);
    expect(verdict.account.dead).toBeGreaterThan(0);
    expect(missing).toEqual([]);
    expect(mistaken).toEqual([]);
    expect(violations).toEqual([]);
    expect(verdict.doubled).toBeLessThanOrEqual(PLAN.kills);
    expect(verdict.unexplained).toBe(0);
    expect(verdict.nameless).toBe(0);
    // The seed is known to do something, and the run to have met it.
    expect(verdict.faults).toBeGreaterThan(10);
    expect(verdict.edits).toBeGreaterThan(0);
    expect(verdict.killsInWork).toBeGreaterThan(PLAN.kills / 2);
  },
  LONG ? 1_800_000 : 240_000,
);
