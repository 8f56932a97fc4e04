/** Owns how a send to Telegram ends when the server refuses, lies, stalls and breaks, and that the token stays secret. */
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../src/config/secret.js';
import type { ChannelMessage, Outcome } from '../../src/notifications/channel.js';
import { TelegramChannel } from '../../src/notifications/telegram.js';
import type { ManualClock } from '../../src/resilience/manual-clock.js';
import { freePort } from '../harness/ports.js';
import { type FaultProxy, startProxy } from '../harness/proxy.js';
import { type FakeTelegram, startFakeTelegram } from '../harness/telegram.js';
import { failure, type TelegramFault } from '../harness/telegram-faults.js';

const TOKEN = '7000000002:AAcanary-Canary_0123456789-canaryCANARY';
const MESSAGE: ChannelMessage = { to: { chat: '1' }, text: '<b>a</b>', plain: 'a', silent: false };
/** As good an answer as any but for its length. */
const ENDLESS = { ok: true, result: { message_id: 1, text: 'a'.repeat(1_100_000) } };

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

describe('every end has its kind', () => {
  it.each<[string, TelegramFault, Partial<Outcome>]>([
    [
      'a wait',
      { kind: 'limited', retryAfterSeconds: 17 },
      { kind: 'limited', afterSeconds: 17, scope: 'chat' },
    ],
    ['a wait without a number', failure(429, 'Too Many Requests'), { kind: 'limited', afterSeconds: 60 }],
    ['a negative wait', failure(429, 'x', { retry_after: -5 }), { kind: 'limited', afterSeconds: 60 }],
    ['an absurd wait', failure(429, 'x', { retry_after: 1e9 }), { kind: 'limited', afterSeconds: 86_400 }],
    [
      'an unknown chat',
      failure(400, 'Bad Request: chat not found'),
      { kind: 'permanent', reason: 'chat_not_found' },
    ],
    [
      'a blocked bot',
      failure(403, 'Forbidden: bot was blocked by the user'),
      { kind: 'permanent', reason: 'blocked' },
    ],
    [
      'no rights',
      failure(400, 'Bad Request: not enough rights to send text messages to the chat'),
      { kind: 'permanent', reason: 'no_rights' },
    ],
    [
      'a long text',
      failure(400, 'Bad Request: message is too long'),
      { kind: 'permanent', reason: 'too_long' },
    ],
    [
      'an empty text',
      failure(400, 'Bad Request: message text is empty'),
      { kind: 'permanent', reason: 'empty' },
    ],
    [
      'another refusal',
      failure(400, 'Bad Request: BUTTON_DATA_INVALID'),
      { kind: 'permanent', reason: 'rejected' },
    ],
    [
      'a migration',
      failure(400, 'Bad Request: group chat was upgraded to a supergroup chat', {
        migrate_to_chat_id: -1001234567890,
      }),
      { kind: 'migrated', chatId: '-1001234567890' },
    ],
    [
      'a server error',
      failure(500, 'Internal Server Error'),
      { kind: 'transient', reason: 'server_error', ambiguous: true },
    ],
    [
      'an error inside a success',
      { kind: 'answer', status: 200, body: { ok: false, error_code: 500, description: 'x' } },
      { kind: 'transient', reason: 'server_error' },
    ],
    [
      'a refusal inside a success',
      { kind: 'answer', status: 200, body: { ok: false, error_code: 403, description: 'Forbidden: x' } },
      { kind: 'permanent', reason: 'blocked' },
    ],
    [
      'a gateway page',
      { kind: 'answer', status: 502, body: '<html>', contentType: 'text/html' },
      { kind: 'transient', reason: 'server_error', ambiguous: true },
    ],
    [
      'a page of a proxy',
      { kind: 'answer', status: 403, body: '<html>', contentType: 'text/html' },
      { kind: 'transient', reason: 'bad_answer', ambiguous: false },
    ],
    [
      'a login page',
      { kind: 'answer', status: 200, body: '<html>', contentType: 'text/html' },
      { kind: 'transient', reason: 'bad_answer', ambiguous: true },
    ],
    [
      'other JSON',
      { kind: 'answer', status: 200, body: [] },
      { kind: 'transient', reason: 'bad_answer', ambiguous: true },
    ],
    [
      'a success without a number',
      { kind: 'answer', status: 200, body: { ok: true, result: {} } },
      { kind: 'transient', reason: 'bad_answer', ambiguous: true },
    ],
    [
      'a cut answer',
      { kind: 'truncated', applied: true },
      { kind: 'transient', reason: 'reset', ambiguous: true },
    ],
    ['a reset', { kind: 'reset' }, { kind: 'transient', reason: 'reset', ambiguous: true }],
  ])('%s', async (_what, fault, expected) => {
    failOnce(fault);
    expect(await telegram.send(MESSAGE)).toMatchObject(expected);
    expect(fake.requests()).toHaveLength(1);
  });

  it('a redirect is not followed: the address holds the token', async () => {
    const other = await startFakeTelegram({ token: TOKEN });
    const headers = { location: `${other.url}/bot${TOKEN}/sendMessage` };
    fake.setScript(() => ({ kind: 'answer', status: 307, body: '', headers }));
    expect(await telegram.send(MESSAGE)).toMatchObject({ kind: 'transient' });
    expect(other.requests()).toEqual([]);
    await other.close();
  });

  it('a stall ends at the deadline of the request', async () => {
    telegram = channel({ requestTimeoutMs: 800 });
    fake.setScript(() => ({ kind: 'stall', applied: true }));
    expect(await telegram.send(MESSAGE)).toMatchObject({
      kind: 'transient',
      reason: 'timeout',
      ambiguous: true,
    });
    expect(seen()).toEqual(['a']);
  });

  it('a send that its caller gives up ends at once', async () => {
    fake.setScript(() => ({ kind: 'stall' }));
    const control = new AbortController();
    const ended = telegram.send(MESSAGE, undefined, { signal: control.signal });
    await waitUntil(() => fake.requests().length === 1);
    control.abort(new Error('the lease is over'));
    expect(await ended).toMatchObject({ kind: 'transient', reason: 'aborted', ambiguous: true });
    expect(await telegram.send(MESSAGE, undefined, { signal: control.signal })).toMatchObject({
      reason: 'aborted',
      ambiguous: false,
    });
    expect(fake.requests()).toHaveLength(1);
  });
});

describe('the token', () => {
  let proxy: FaultProxy;
  beforeEach(async () => {
    proxy = await startProxy(fake.port);
  });
  afterEach(() => proxy.stop());

  const echo = (status: number): TelegramFault => ({
    kind: 'answer',
    status,
    body: {
      ok: false,
      error_code: status,
      description: `no such path /bot${TOKEN}/sendMessage, ${encodeURIComponent(TOKEN)}`,
    },
  });
  const unreachable = async () => channel({ apiUrl: `http://127.0.0.1:${await freePort()}` });

  it.each<[string, () => TelegramChannel | Promise<TelegramChannel>]>([
    ['a refused connection', unreachable],
    ['an unknown host', () => channel({ apiUrl: 'http://telegram.invalid' })],
    ['an address that is none', () => channel({ apiUrl: 'no address' })],
    ['TLS to a server without it', () => channel({ apiUrl: fake.url.replace('http:', 'https:') })],
    ['a reset', () => through({ kind: 'reset' })],
    ['a closed connection', () => through({ kind: 'close' })],
    ['a black hole', () => through({ kind: 'blackhole' })],
    ['a lost reply', () => through({ kind: 'dropReply' })],
    ['a 400 that repeats the address', () => answering(echo(400))],
    ['a 403 that repeats the address', () => answering(echo(403))],
    ['a 500 that repeats the address', () => answering(echo(500))],
    ['a redirect', () => answering({ kind: 'answer', status: 302, body: `/bot${TOKEN}/` })],
    ['a cut answer', () => answering({ kind: 'truncated' })],
    ['an endless answer', () => answering({ kind: 'answer', status: 200, body: ENDLESS })],
  ])('appears nowhere after %s', async (_what, prepare) => {
    telegram = await prepare();
    const outcome = await telegram.send(MESSAGE);
    expect(outcome.kind).not.toBe('sent');
    const shown = `${JSON.stringify(outcome)} ${inspect(outcome, { depth: 9 })} ${inspect(telegram, { depth: 9, showHidden: true })}`;
    expect(shown).not.toContain('anary');
  });

  function through(mode: Parameters<FaultProxy['set']>[0]): TelegramChannel {
    proxy.set(mode);
    return channel({ apiUrl: `http://127.0.0.1:${proxy.port}`, requestTimeoutMs: 300 });
  }

  function answering(fault: TelegramFault): TelegramChannel {
    fake.setScript(() => fault);
    return channel();
  }
});

async function waitUntil(holds: () => boolean): Promise<void> {
  const endMs = performance.now() + 10_000;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error('it never happened');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
