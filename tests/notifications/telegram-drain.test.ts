/** Owns the proof that channel and pace together bring every message to a Telegram that fails, and break no limit of it. */
import { afterEach, expect, it } from 'vitest';
import { Secret } from '../../src/config/secret.js';
import type { Outcome } from '../../src/notifications/channel.js';
import { type Pacing, telegramRest } from '../../src/notifications/chat-pace.js';
import { renderNotice } from '../../src/notifications/message.js';
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
  const pace = new Map<string, { pacing: Pacing; freeAtMs: number }>();
  const freeAtMs = (chat: string) => pace.get(chat)?.freeAtMs ?? 0;
  const ends: Outcome[] = [];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    clockMs = Math.max(clockMs, freeAtMs(next.chat));
    const [part] = renderNotice('Queue', `message ${next.id}`, next.id).parts;
    const { text, plain } = part!;
    const outcome = await channel.send({ to: { chat: next.chat }, text, plain, silent: false });
    ends.push(outcome);
    clockMs += 40;
    const { pacing, restMs } = telegramRest(pace.get(next.chat)?.pacing, next.chat, clockMs);
    const toldMs = outcome.kind === 'limited' ? outcome.afterSeconds * 1000 : 0;
    pace.set(next.chat, { pacing, freeAtMs: clockMs + Math.max(restMs, toldMs) });
    if (outcome.kind !== 'sent') queue.push(next);
    queue.sort((a, b) => freeAtMs(a.chat) - freeAtMs(b.chat));
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
