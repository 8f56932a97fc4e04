/** Owns the proof that messages sent as planned break no limit of Telegram, whatever happens between. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Pacing, telegramRest } from '../../src/notifications/chat-pace.js';
import {
  earliest,
  NO_PACE,
  type PacingState,
  plan,
  readPacing,
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
    const later = planAll(['1'], 10_000).state;
    expect(planAll(['1', '2', '1', '1'], 9_500, later).times).toEqual([11_050, 9_500, 12_100, 13_150]);
    expect(planAll(['1', '1'], 7_000, later).times).toEqual([7_000, 8_050]);
  });

  it('runs from the answer, because the server may have counted the message as late as that', () => {
    const { pacing, restMs } = telegramRest(undefined, '1', 700);
    expect(restMs).toBe(1_050);
    expect(telegramRest(pacing, '1', 1_900).restMs).toBe(1_050);
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
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 150 }), (steps) => {
        const chats = new Map<string, { pacing: Pacing; freeAtMs: number }>();
        let nowMs = 0;
        const arrivals: { chat: string; atMs: number }[] = [];
        for (const { chat, pauseMs, latencyMs } of steps) {
          const { pacing, freeAtMs } = chats.get(chat) ?? { pacing: undefined, freeAtMs: 0 };
          nowMs = Math.max(nowMs + pauseMs, freeAtMs);
          // It reaches the server somewhere on the way, and the answer comes at its end.
          arrivals.push({ chat, atMs: nowMs + latencyMs / 2 });
          nowMs += latencyMs;
          const rest = telegramRest(pacing, chat, nowMs);
          chats.set(chat, { pacing: rest.pacing, freeAtMs: nowMs + rest.restMs });
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
