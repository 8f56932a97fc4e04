/** Owns the proof that messages sent as planned break no limit of Telegram, whatever happens between. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  earliest,
  holdAll,
  holdChat,
  NO_PACE,
  type PacingState,
  plan,
  readPacing,
  settled,
  TELEGRAM_PACE,
} from '../../src/notifications/pacing.js';
import { PUBLISHED_LIMITS, TelegramLimiter } from '../harness/telegram-limits.js';

/** Plans so many messages at one moment; gives when each may leave. */
function planAll(chats: readonly string[], nowMs = 0, from: PacingState = NO_PACE) {
  let state = from;
  const times = chats.map((chat) => {
    const next = plan(state, chat, nowMs);
    state = next.state;
    return next.atMs;
  });
  return { times, state };
}

describe('the pace', () => {
  it('of a chat is one message per second', () => {
    expect(planAll(['1', '1', '1', '2']).times).toEqual([0, 1_050, 2_100, 0]);
  });

  it('of a group is at most 19 in a minute', () => {
    const { times } = planAll(Array.from({ length: 21 }, () => '-1'));
    expect(times.slice(17)).toEqual([17_850, 18_900, 60_000, 61_050]);
  });

  it('of the bot is at most 25 in a second', () => {
    const { times } = planAll(Array.from({ length: 51 }, (_, place) => `${place + 1}`));
    expect([times[24], times[25], times[49], times[50]]).toEqual([0, 1_000, 1_000, 2_000]);
  });

  it('fits a message between others that were planned for later', () => {
    const held = holdChat(NO_PACE, '1', 10_000);
    const { times } = planAll(['1', '2', '1', '2'], 0, held);
    expect(times).toEqual([10_000, 0, 11_050, 1_050]);
  });

  it('runs from the answer, because the server may have counted the message as late as that', () => {
    const { atMs, state } = plan(NO_PACE, '1', 0);
    expect(earliest(settled(state, '1', atMs, 700), '1', 800)).toBe(1_750);
    expect(settled(state, '1', atMs, 0)).toBe(state);
  });

  it('obeys a wait for its chat only, and one for all', () => {
    const held = holdChat(NO_PACE, '1', 30_000);
    expect([earliest(held, '1', 0), earliest(held, '2', 0)]).toEqual([30_000, 0]);
    expect(earliest(holdChat(held, '1', 5_000), '1', 0)).toBe(30_000);
    expect(earliest(holdAll(held, 40_000), '2', 0)).toBe(40_000);
  });

  it('survives the store, forgets what no rule looks at, and takes a damaged row for an empty one', () => {
    const { state } = planAll(['1', '-1', '__proto__']);
    const read = readPacing(JSON.parse(JSON.stringify(state)));
    expect(earliest(read, '1', 0)).toBe(1_050);
    expect(earliest(read, '__proto__', 0)).toBe(1_050);
    const later = plan(read, '2', 61_000).state;
    expect(Object.keys(later.chats)).toEqual(['2']);
    for (const damaged of [null, 7, 'x', [], { chats: 3 }, { sentAtMs: ['a', null], chats: { 1: 4 } }]) {
      expect(earliest(readPacing(damaged), '1', 5)).toBe(5);
    }
  });

  it('keeps any order of messages, chats and answers within the published limits', () => {
    const step = fc.record({
      chat: fc.constantFrom('1', '2', '3', '-1', '-2', '-3'),
      pauseMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3_000 })),
      latencyMs: fc.integer({ min: 0, max: 900 }),
      isHeld: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 150 }), (steps) => {
        let state = NO_PACE;
        let nowMs = 0;
        const arrivals: { chat: string; atMs: number }[] = [];
        for (const { chat, pauseMs, latencyMs, isHeld } of steps) {
          nowMs += pauseMs;
          if (isHeld && pauseMs > 2_000) state = holdChat(state, chat, nowMs + pauseMs);
          const planned = plan(state, chat, nowMs);
          nowMs = Math.max(nowMs, planned.atMs);
          // It reaches the server somewhere on the way, and the answer comes at its end.
          arrivals.push({ chat, atMs: nowMs + latencyMs / 2 });
          nowMs += latencyMs;
          state = settled(planned.state, chat, planned.atMs, nowMs);
        }
        let clockMs = 0;
        const limiter = new TelegramLimiter({ ...PUBLISHED_LIMITS, chatBurst: 1 }, () => clockMs);
        for (const { chat, atMs } of arrivals) {
          clockMs = atMs;
          limiter.take(chat);
        }
        expect(limiter.violations).toEqual([]);
      }),
      { numRuns: 200, seed: 20_261_121 },
    );
  });

  it('keeps every window of a plan made in one go, for each rule', () => {
    const chats = fc.array(fc.constantFrom('1', '-1', '-2', '4', '5'), { maxLength: 120 });
    fc.assert(
      fc.property(chats, fc.integer({ min: 0, max: 5_000 }), (all, nowMs) => {
        const { times } = planAll(all, nowMs);
        const of = (wanted: (chat: string) => boolean) =>
          times.filter((_, place) => wanted(all[place]!)).sort((a, b) => a - b);
        for (const chat of new Set(all)) {
          expectWindows(
            of((one) => one === chat),
            TELEGRAM_PACE.chat,
          );
          if (chat.startsWith('-'))
            expectWindows(
              of((one) => one === chat),
              TELEGRAM_PACE.group,
            );
        }
        expectWindows(
          of(() => true),
          TELEGRAM_PACE.bot,
        );
      }),
      { numRuns: 200, seed: 20_261_121 },
    );
  });
});

function expectWindows(
  times: readonly number[],
  rule: { readonly count: number; readonly spanMs: number },
): void {
  for (const [place, atMs] of times.entries()) {
    const next = times[place + rule.count];
    if (next !== undefined && next - atMs < rule.spanMs) throw new Error(`${atMs} and ${next} in one window`);
  }
}
