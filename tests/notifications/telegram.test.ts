/** Owns what the channel to Telegram does with new messages, edits, replies, topics, and its circuit. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../src/config/secret.js';
import type { ChannelMessage } from '../../src/notifications/channel.js';
import { TelegramChannel } from '../../src/notifications/telegram.js';
import { ManualClock } from '../../src/resilience/manual-clock.js';
import { type FakeTelegram, startFakeTelegram } from '../harness/telegram.js';
import { failure, type TelegramFault } from '../harness/telegram-faults.js';

const TOKEN = '7000000002:AAcanary-Canary_0123456789-canaryCANARY';
const MESSAGE: ChannelMessage = { to: { chat: '1' }, text: '<b>a</b>', plain: 'a', silent: false };
const OTHER: ChannelMessage = { ...MESSAGE, to: { chat: '-5' } };

let fake: FakeTelegram;
let telegram: TelegramChannel;
beforeEach(async () => {
  fake = await startFakeTelegram({
    token: TOKEN,
    chats: { 1: {}, '-5': { threads: [7] } },
    limits: { chatBurst: 1_000, groupPerMinute: 1_000, botPerSecond: 1_000 },
  });
  telegram = channel();
});
afterEach(() => fake.close());

function channel(
  options: { apiUrl?: string; token?: string; requestTimeoutMs?: number; clock?: ManualClock } = {},
) {
  const { apiUrl = fake.url, token = TOKEN, ...rest } = options;
  return new TelegramChannel({ apiUrl, token: () => new Secret(token), pauseMs: 1, ...rest });
}

/** The next request ends so, the ones after it pass. */
function failOnce(fault: TelegramFault): void {
  fake.setScript(() => {
    fake.setScript(undefined);
    return fault;
  });
}

const seen = () => fake.messages().map(({ text }) => text);

describe('a new message', () => {
  it('arrives with its markup, without link previews, with or without a sound', async () => {
    const sent = { kind: 'sent', id: '1', chat: '1', how: 'new', form: 'markup' };
    expect(await telegram.send(MESSAGE)).toEqual(sent);
    await telegram.send({ ...MESSAGE, silent: true, buttons: [[{ label: 'Take it', data: 'take:1' }]] });
    expect(fake.messages().map(({ silent, text }) => [silent, text])).toEqual([
      [false, 'a'],
      [true, 'a'],
    ]);
    expect(fake.messages()[1]!.buttons).toEqual([[{ text: 'Take it', callback_data: 'take:1' }]]);
    expect(fake.requests()[0]!.params).toMatchObject({ link_preview_options: { is_disabled: true } });
  });

  it('goes into its topic, and into the chat itself once the topic is gone', async () => {
    await telegram.send({ ...MESSAGE, to: { chat: '-5', thread: 7 } });
    await telegram.send({ ...MESSAGE, to: { chat: '-5', thread: 8 } });
    expect(fake.messages().map(({ thread }) => thread)).toEqual([7, undefined]);
  });

  it('answers another message, also one that is gone', async () => {
    await telegram.send(MESSAGE);
    await telegram.send({ ...MESSAGE, replyTo: '1' });
    await telegram.send({ ...MESSAGE, replyTo: '99' });
    expect(fake.messages().map(({ replyTo }) => replyTo)).toEqual([undefined, 1, undefined]);
  });

  it('is sent once more without markup when Telegram cannot read the markup', async () => {
    const outcome = await telegram.send({ ...MESSAGE, text: '<p>a</p>', plain: '<a> & b' });
    expect(outcome).toEqual({ kind: 'sent', id: '1', chat: '1', how: 'new', form: 'plain' });
    expect(seen()).toEqual(['<a> & b']);
    expect(fake.requests('sendMessage').map(({ status }) => status)).toEqual([400, 200]);
  });
});

describe('an edit', () => {
  const previous = { id: '1', chat: '1' };

  it('changes the message in place', async () => {
    await telegram.send(MESSAGE);
    const outcome = await telegram.send({ ...MESSAGE, text: 'b', plain: 'b' }, previous);
    expect(outcome).toEqual({ kind: 'sent', id: '1', chat: '1', how: 'edited', form: 'markup' });
    expect(fake.messages()).toMatchObject([{ text: 'b', history: ['a', 'b'] }]);
  });

  it('that changes nothing is as good as sent', async () => {
    await telegram.send(MESSAGE);
    expect(await telegram.send(MESSAGE, previous)).toMatchObject({ kind: 'sent', id: '1', how: 'unchanged' });
  });

  it('becomes an answer to the message when that cannot be edited any more', async () => {
    await telegram.send(MESSAGE);
    fake.freeze(1);
    const outcome = await telegram.send({ ...MESSAGE, text: 'b', plain: 'b' }, previous);
    expect(outcome).toEqual({ kind: 'sent', id: '2', chat: '1', how: 'new', form: 'markup' });
    expect(fake.messages().map(({ text, replyTo }) => [text, replyTo])).toEqual([
      ['a', undefined],
      ['b', 1],
    ]);
  });

  it('finds its way through every refusal in one send', async () => {
    const outcome = await telegram.send({ ...MESSAGE, text: '<p>b', plain: 'b' }, { id: '77', chat: '1' });
    expect(outcome).toMatchObject({ kind: 'sent', how: 'new', form: 'plain' });
    expect(seen()).toEqual(['b']);
  });

  it('of a message in another chat is a new message', async () => {
    await telegram.send(MESSAGE);
    expect(await telegram.send(MESSAGE, { id: '1', chat: '-5' })).toMatchObject({ id: '2', how: 'new' });
    expect(fake.requests('editMessageText')).toEqual([]);
  });

  it('that was perhaps carried out is no possible duplicate', async () => {
    await telegram.send(MESSAGE);
    failOnce({ kind: 'reset', applied: true });
    const next = { ...MESSAGE, text: 'b', plain: 'b' };
    expect(await telegram.send(next, previous)).toMatchObject({ kind: 'transient', ambiguous: false });
    expect(await telegram.send(next, previous)).toMatchObject({ kind: 'sent', how: 'unchanged' });
  });
});

describe('the circuit', () => {
  it('opens after ten failures, sends nothing for 120 s, and closes after three good trials', async () => {
    const clock = new ManualClock();
    telegram = channel({ clock });
    fake.setScript(() => failure(500, 'x'));
    for (let i = 0; i < 10; i += 1)
      expect(await telegram.send(i % 2 === 0 ? MESSAGE : OTHER)).toMatchObject({ reason: 'server_error' });
    expect(await telegram.send(MESSAGE)).toEqual({
      kind: 'transient',
      reason: 'circuit_open',
      ambiguous: false,
      scope: 'channel',
      afterSeconds: 120,
      detail: 'circuit breaker "telegram" is open; try again in 120000 ms',
    });
    expect(fake.requests()).toHaveLength(10);
    fake.setScript(undefined);
    clock.advance(120_000);
    for (let i = 0; i < 3; i += 1) expect((await telegram.send(MESSAGE)).kind).toBe('sent');
    expect(telegram.breaker.state).toBe('closed');
  });

  it('keeps waiting only the one chat whose requests fail; a message to another one goes through', async () => {
    telegram = channel({ clock: new ManualClock() });
    fake.setScript(({ chat }) => (chat === '1' ? failure(500, 'x') : undefined));
    for (let i = 0; i < 10; i += 1) await telegram.send(MESSAGE);
    const shut = { reason: 'circuit_open', afterSeconds: 120 };
    expect(await telegram.send(MESSAGE)).toMatchObject({ ...shut, scope: 'chat' });
    expect((await telegram.send(OTHER)).kind).toBe('sent');
    expect(telegram.breaker.state).toBe('closed');
    // Two chats say more than one: nobody is let through any more.
    fake.setScript(() => failure(500, 'x'));
    await telegram.send(OTHER);
    for (let i = 0; i < 9; i += 1) await telegram.send(MESSAGE);
    expect(await telegram.send(OTHER)).toMatchObject({ ...shut, scope: 'channel' });
    expect(await telegram.send({ ...MESSAGE, to: { chat: '3' } })).toMatchObject({
      ...shut,
      scope: 'channel',
    });
  });

  it('does not open for refused messages and for waits', async () => {
    fake.setScript(({ number }) =>
      number <= 15 ? failure(429, 'x') : failure(400, 'Bad Request: chat not found'),
    );
    for (let i = 0; i < 30; i += 1) await telegram.send(MESSAGE);
    expect(telegram.breaker.state).toBe('closed');
    expect(fake.requests()).toHaveLength(30);
  });

  it('opens at once for a refused token, tries it again by getMe, and spends no message on it', async () => {
    const clock = new ManualClock();
    telegram = channel({ clock });
    fake.setToken('1:other');
    expect(await telegram.send(MESSAGE)).toMatchObject({
      kind: 'permanent',
      reason: 'unauthorized',
      scope: 'channel',
    });
    expect(await telegram.send(MESSAGE)).toMatchObject({
      kind: 'transient',
      reason: 'unauthorized',
      scope: 'channel',
      afterSeconds: 120,
    });
    clock.advance(120_000);
    expect(await telegram.send(MESSAGE)).toMatchObject({ kind: 'transient', reason: 'unauthorized' });
    fake.setToken(TOKEN);
    clock.advance(119_000);
    expect(await telegram.send(MESSAGE)).toMatchObject({
      kind: 'transient',
      reason: 'unauthorized',
      afterSeconds: 1,
    });
    clock.advance(1_000);
    expect(await telegram.send(MESSAGE)).toMatchObject({ kind: 'sent', id: '1' });
    expect(fake.requests().map(({ method }) => method)).toEqual(['getMe', 'sendMessage']);
  });

  it('lets a new token in without waiting', async () => {
    let token = '1:old';
    telegram = new TelegramChannel({
      apiUrl: fake.url,
      token: () => new Secret(token),
      clock: new ManualClock(),
    });
    expect(await telegram.send(MESSAGE)).toMatchObject({ reason: 'unauthorized' });
    token = TOKEN;
    expect(await telegram.send(MESSAGE)).toMatchObject({ kind: 'sent' });
  });

  it('asks nobody with a text that is no token', async () => {
    telegram = channel({ token: `${TOKEN}/getMe?` });
    expect(await telegram.send(MESSAGE)).toMatchObject({ kind: 'permanent', reason: 'unauthorized' });
    expect(fake.requests()).toEqual([]);
  });
});
