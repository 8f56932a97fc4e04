/** Checks what is told of the connection to Telegram while a real channel speaks to it: refused tokens, refused messages. */
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { Secret } from '../../src/config/secret.js';
import { watchPolicies } from '../../src/metrics/policies.js';
import { createMetrics } from '../../src/metrics/registry.js';
import { TelegramChannel } from '../../src/notifications/telegram.js';
import { BreakerWatch } from '../../src/operations/health-breakers.js';
import { ChannelWatch } from '../../src/operations/health-channels.js';
import type { ProbeFacts } from '../../src/operations/health-facts.js';
import { telegramBody } from '../../src/operations/health-telegram.js';
import { ManualClock } from '../../src/resilience/manual-clock.js';
import { type FakeTelegram, startFakeTelegram } from '../harness/telegram.js';
import { facts, probe } from './made-up-facts.js';

const RECOVERY_MS = 120_000;

let fake: FakeTelegram;
beforeEach(async () => {
  fake = await startFakeTelegram({ chats: { 1: {}, 2: { state: 'blocked' } } });
  onTestFinished(() => fake.close());
});

/** A channel whose ends are counted as the relay counts them, and what is told of it. */
function watched(probes: () => readonly ProbeFacts[] = () => []) {
  const clock = new ManualClock();
  const metrics = createMetrics({ processMetrics: 'omit' });
  let token = fake.token;
  const channel = new TelegramChannel({
    apiUrl: fake.url,
    token: () => new Secret(token),
    pauseMs: 1,
    clock,
  });
  watchPolicies(metrics, [channel.breaker]);
  const breakers = new BreakerWatch(metrics);
  const channels = new ChannelWatch(metrics, ['telegram']);
  let atMs = 0;
  return {
    clock,
    use: (next: string) => {
      token = next;
    },
    reset: () => channel.breaker.reset(),
    async send(chat: string) {
      const { kind } = await channel.send({ to: { chat }, text: 'a', plain: 'a', silent: false });
      metrics.notificationAttempts.inc({ channel: 'telegram', outcome: kind });
      atMs += 5_000;
      breakers.look(atMs);
      channels.look(atMs);
      return kind;
    },
    told() {
      const known = { channels: () => channels.lines(), breakers: () => breakers.lines(), probes };
      const { telegram, initialized } = telegramBody(facts(known))!;
      return [telegram, initialized];
    },
  };
}

it('a token that was never taken is no connection, however long ago it was refused', async () => {
  const { send, told, use, clock, reset } = watched();
  expect(told()).toEqual(['unknown', false]);
  use('7000000009:AAnobodysToken');
  expect(await send('1')).toBe('permanent');
  expect(told()).toEqual(['disconnected', false]);
  // The circuit would let a trial through by now; nobody has asked for one.
  clock.advance(RECOVERY_MS);
  expect(told()).toEqual(['disconnected', false]);
  reset();
  expect(told()).toEqual(['disconnected', false]);
});

it('a chat that refuses a message is an answer to a token that is known', async () => {
  const { send, told } = watched();
  expect(await send('2')).toBe('permanent');
  expect(told()).toEqual(['connected', true]);
});

it('a token that is revoked disconnects, and a new one connects again', async () => {
  const { send, told, use } = watched();
  expect(await send('1')).toBe('sent');
  expect(told()).toEqual(['connected', true]);
  fake.setToken('7000000009:AAnewToken');
  expect(await send('1')).toBe('permanent');
  expect(told()).toEqual(['disconnected', true]);
  use('7000000009:AAnewToken');
  expect(await send('1')).toBe('sent');
  expect(told()).toEqual(['connected', true]);
});

it('a good probe does not hide that the circuit turns messages away', async () => {
  const { send, told, use } = watched(() => [{ ...probe, at: new Date(60_000) }]);
  expect(told()).toEqual(['connected', true]);
  use('7000000009:AAnobodysToken');
  await send('1');
  expect(told()).toEqual(['disconnected', true]);
});

it('a probe that failed after a message was delivered disconnects, and one that never succeeded knows no token', async () => {
  const refused: ProbeFacts = {
    ...probe,
    outcome: { success: false, reason: 'auth', message: 'no', latencyMs: 1, facts: {} },
    at: new Date(60_000),
    lastSuccessAt: undefined,
  };
  const { send, told } = watched(() => [refused]);
  expect(told()).toEqual(['disconnected', false]);
  expect(await send('1')).toBe('sent');
  expect(told()).toEqual(['disconnected', true]);
});
