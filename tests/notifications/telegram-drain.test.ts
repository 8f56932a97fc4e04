/** Owns the proof that channel and pace together bring every message to a Telegram that fails, and break no limit of it. */
import { afterEach, expect, it } from 'vitest';
import { Secret } from '../../src/config/secret.js';
import type { Outcome } from '../../src/notifications/channel.js';
import { renderNotice } from '../../src/notifications/message.js';
import {
  earliest,
  holdChat,
  NO_PACE,
  type PacingState,
  plan,
  settled,
} from '../../src/notifications/pacing.js';
import { TelegramChannel } from '../../src/notifications/telegram.js';
import { ManualClock } from '../../src/resilience/manual-clock.js';
import { type FakeTelegram, startFakeTelegram } from '../harness/telegram.js';
import { seededFaults } from '../harness/telegram-faults.js';

const CHATS = ['11', '12', '-21', '-22'];
const MESSAGES = 120;

let fake: FakeTelegram;
afterEach(() => fake.close());

it.each([1, 2])('drains a queue although a third of the requests fail, seed %i', async (seed) => {
  // Both sides run on one clock that stands still while a request is under way: hours pass in a second.
  let clockMs = 0;
  fake = await startFakeTelegram({
    nowMs: () => clockMs,
    limits: { chatBurst: 1 },
    script: seededFaults(seed, { failures: 0.3, stalls: 0, maxRetryAfterSeconds: 90 }),
  });
  const channel = new TelegramChannel({
    apiUrl: fake.url,
    token: () => new Secret(fake.token),
    requestTimeoutMs: 20_000,
    clock: new ManualClock(),
  });
  const queue = Array.from({ length: MESSAGES }, (_, place) => ({
    chat: CHATS[place % CHATS.length]!,
    id: `M${place}X`,
  }));
  let pace: PacingState = NO_PACE;
  const ends: Outcome[] = [];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    queue.sort((a, b) => earliest(pace, a.chat, clockMs) - earliest(pace, b.chat, clockMs));
    const planned = plan(pace, next.chat, clockMs);
    clockMs = planned.atMs;
    const [part] = renderNotice('Queue', `message ${next.id}`, next.id).parts;
    const { text, plain } = part!;
    const outcome = await channel.send({ to: { chat: next.chat }, text, plain, silent: false });
    ends.push(outcome);
    clockMs += 40;
    pace = settled(planned.state, next.chat, planned.atMs, clockMs);
    if (outcome.kind === 'limited') pace = holdChat(pace, next.chat, clockMs + outcome.afterSeconds * 1000);
    if (outcome.kind !== 'sent') queue.push(next);
    if (ends.length > 10 * MESSAGES)
      throw new Error(`${queue.length} messages are left after ${ends.length} requests`);
  }

  expect(fake.violations()).toEqual([]);
  const shown = fake.messages().map(({ text }) => /M\d+X/.exec(text)![0]);
  expect(new Set(shown).size).toBe(MESSAGES);
  const ambiguous = ends.filter((end) => end.kind === 'transient' && end.ambiguous).length;
  expect(shown.length - MESSAGES).toBeLessThanOrEqual(ambiguous);
  expect(ends.filter(({ kind }) => kind === 'sent')).toHaveLength(MESSAGES);
  expect(new Set(ends.map(({ kind }) => kind))).toEqual(new Set(['sent', 'limited', 'transient']));
  expect(fake.requests()).toHaveLength(ends.length);
});
