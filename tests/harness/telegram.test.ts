/** Owns the proof that the fake Telegram is as strict as the tests that lean on it believe. */
import { request as httpRequest } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { type FakeTelegram, type FakeTelegramOptions, startFakeTelegram } from './telegram.js';
import { failure, seededFaults } from './telegram-faults.js';

let fake: FakeTelegram;
let clockMs = 0;
afterEach(() => fake.close());

async function start(options: FakeTelegramOptions = {}): Promise<void> {
  clockMs = 0;
  fake = await startFakeTelegram({ nowMs: () => clockMs, ...options });
}

async function call(
  method: string,
  params: object,
  token = fake.token,
): Promise<{
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: the answer is compared as a whole, whatever its shape
  body: any;
}> {
  const response = await fetch(`${fake.url}/bot${token}/${method}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(params),
  });
  return { status: response.status, body: await response.json() };
}

const send = (text: string, more: object = {}) =>
  call('sendMessage', { chat_id: 1, text, parse_mode: 'HTML', ...more });

describe('what a message must be', () => {
  it.each([
    ['<p>a</p>', 'Unsupported start tag "p" at byte offset 0'],
    ['<b>a', 'Can\'t find end tag corresponding to start tag "b"'],
    ['a</b>', 'Unexpected end tag at byte offset 1'],
    ['é<b>a</i>', 'Unmatched end tag at byte offset 6, expected "</b>", found "</i>"'],
    ['1 < 2', 'Unclosed start tag at byte offset 2'],
    ['<b>a</b', 'Unclosed end tag at byte offset 4'],
    ['a & b', 'Unknown character reference at byte offset 2'],
    ['a &nbsp; b', 'Unknown character reference at byte offset 2'],
    ['<span class="x">a</span>', 'Tag "span" must have class "tg-spoiler" at byte offset 0'],
    [
      '<a href="x"y"">a</a>',
      'Expected equal sign in declaration of an attribute of the tag "a" at byte offset 0',
    ],
  ])('refuses %s', async (text, why) => {
    await start();
    const { status, body } = await send(text);
    expect({ status, body }).toEqual({
      status: 400,
      body: { ok: false, error_code: 400, description: `Bad Request: can't parse entities: ${why}` },
    });
    expect(fake.messages()).toEqual([]);
  });

  it('takes every legal tag and shows what people see', async () => {
    await start();
    const text =
      '<b>a</b> <i>b</i> <u>c</u> <s>d</s> <code>e</code> <pre><code class="language-sql">f</code></pre> <tg-spoiler>g</tg-spoiler> <blockquote expandable>h</blockquote> <a href="https://a.b/?x=1&amp;y=2">i</a> &lt;&#x1F600;&#65;&quot;';
    expect((await send(text)).status).toBe(200);
    expect(fake.messages()[0]!.text).toBe('a b c d e f g h i <😀A"');
  });

  it('counts UTF-16 units after the markup is gone', async () => {
    await start({ limits: { chatBurst: 100 } });
    expect((await send(`<b>${'a'.repeat(4096)}</b>`)).status).toBe(200);
    expect((await send('😀'.repeat(2048))).status).toBe(200);
    expect((await send('😀'.repeat(2049))).body.description).toBe('Bad Request: message is too long');
    expect((await send(`${'&amp;'.repeat(4096)}`)).status).toBe(200);
  });

  it.each([
    ['<b> \n </b>', 'Bad Request: message text is empty'],
    ['', 'Bad Request: message text is empty'],
    ['half \ud83d of a pair', 'Bad Request: strings must be encoded in UTF-8'],
  ])('refuses %j', async (text, description) => {
    await start();
    expect((await send(text)).body).toEqual({ ok: false, error_code: 400, description });
  });

  it('reads forms, and values that are texts, as other clients send them', async () => {
    await start();
    const form = new URLSearchParams({
      chat_id: '1',
      text: 'a',
      disable_notification: 'true',
      message_thread_id: '7',
    });
    const response = await fetch(`${fake.url}/bot${fake.token}/sendMessage`, { method: 'POST', body: form });
    expect(response.status).toBe(200);
    expect(fake.messages('1')[0]).toMatchObject({ text: 'a', silent: true, thread: 7 });
  });
});

describe('who may send', () => {
  it('knows one token', async () => {
    await start();
    expect(await call('getMe', {}, 'wrong')).toMatchObject({
      status: 401,
      body: { description: 'Unauthorized' },
    });
    fake.setToken('new');
    expect((await call('getMe', {}, 'new')).body.result.is_bot).toBe(true);
  });

  it.each([
    ['2', 400, 'Bad Request: chat not found'],
    ['-3', 403, 'Forbidden: bot was blocked by the user'],
    ['-4', 400, 'Bad Request: not enough rights to send text messages to the chat'],
    ['-5', 400, 'Bad Request: message thread not found'],
  ])('refuses chat %s', async (chat_id, status, description) => {
    await start({
      chats: { 1: {}, '-3': { state: 'blocked' }, '-4': { state: 'no_rights' }, '-5': { threads: [1] } },
    });
    const answer = await send('a', { chat_id, message_thread_id: 2 });
    expect(answer).toMatchObject({ status, body: { description } });
  });

  it('tells where a migrated chat went', async () => {
    await start({ chats: { '-5': { state: 'migrated', migratedTo: '-1005' } } });
    expect((await send('a', { chat_id: -5 })).body).toMatchObject({
      error_code: 400,
      parameters: { migrate_to_chat_id: -1005 },
    });
  });
});

describe('limits', () => {
  it('takes one message per second and chat, with a small burst, and records who sends faster', async () => {
    await start();
    for (let i = 0; i < 3; i += 1) expect((await send(`${i}`)).status).toBe(200);
    expect((await send('4')).body).toEqual({
      ok: false,
      error_code: 429,
      description: 'Too Many Requests: retry after 1',
      parameters: { retry_after: 1 },
    });
    expect((await send('other', { chat_id: 2 })).status).toBe(200);
    clockMs = 999;
    expect((await send('5')).status).toBe(429);
    clockMs = 1000;
    expect((await send('6')).status).toBe(200);
    expect(fake.violations().map((v) => v.kind)).toEqual(['rate', 'retry_after']);
  });

  it('takes 20 messages per minute and group, edits counted', async () => {
    await start();
    for (let i = 0; i < 20; i += 1) {
      clockMs = i * 1000;
      const answer =
        i % 2 === 0
          ? await send(`${i}`, { chat_id: -9 })
          : await edit(fake.messages('-9').length, `e${i}`, -9);
      expect(answer.status).toBe(200);
    }
    clockMs = 59_000;
    expect((await send('21', { chat_id: -9 })).body.parameters).toEqual({ retry_after: 1 });
    clockMs = 60_000;
    expect((await send('22', { chat_id: -9 })).status).toBe(200);
  });

  it('takes 30 messages per second of the whole bot', async () => {
    await start();
    for (let i = 1; i <= 30; i += 1) expect((await send('a', { chat_id: i })).status).toBe(200);
    expect((await send('a', { chat_id: 31 })).status).toBe(429);
  });

  it('enforces the wait that a scripted 429 gave, also while other requests fail', async () => {
    await start();
    fake.setScript(({ number }) =>
      number === 1 ? { kind: 'limited', retryAfterSeconds: 5 } : failure(500, 'x'),
    );
    expect((await send('a')).body.parameters).toEqual({ retry_after: 5 });
    clockMs = 4_999;
    expect((await send('a')).status).toBe(429);
    clockMs = 5_000;
    expect((await send('a')).status).toBe(500);
    expect(fake.violations()).toMatchObject([{ kind: 'retry_after', chat: '1', atMs: 4_999 }]);
  });
});

const edit = (message_id: number, text: string, chat_id = 1) =>
  call('editMessageText', { chat_id, message_id, text, parse_mode: 'HTML' });

describe('edits and replies', () => {
  it('keeps the history of a message', async () => {
    await start({ limits: { chatBurst: 100 } });
    await send('<b>a</b>');
    expect((await edit(1, '<b>b</b>')).body.result.message_id).toBe(1);
    expect(fake.messages()).toMatchObject([{ text: 'b', history: ['a', 'b'] }]);
    expect((await edit(1, '<b>b</b>')).body.description).toMatch(/^Bad Request: message is not modified: /);
    expect((await edit(9, 'c')).body.description).toBe('Bad Request: message to edit not found');
    expect((await edit(1, 'c'.repeat(4097))).body.description).toBe('Bad Request: MESSAGE_TOO_LONG');
    fake.freeze(1);
    expect((await edit(1, 'c')).body.description).toBe("Bad Request: message can't be edited");
    const reply = { message_id: 9 };
    expect((await send('r', { reply_parameters: reply })).body.description).toBe(
      'Bad Request: message to be replied not found',
    );
    await send('r', { reply_parameters: { ...reply, allow_sending_without_reply: true } });
    await send('r', { reply_parameters: { message_id: 1 } });
    expect(fake.messages().map((m) => m.replyTo)).toEqual([undefined, undefined, 1]);
    await call('deleteMessage', { chat_id: 1, message_id: 2 });
    expect(fake.messages().map((m) => m.id)).toEqual([1, 3]);
  });
});

describe('updates', () => {
  it('waits for an update, repeats it until it is confirmed, and ends the older of two polls', async () => {
    await start();
    const first = call('getUpdates', { timeout: 50 });
    await waitUntil(() => fake.isPolled());
    const { message_id, text } = (await send('with a button')).body.result;
    const second = call('getUpdates', { timeout: 50 });
    expect((await first).status).toBe(409);
    await waitUntil(() => fake.isPolled());
    const query = fake.pressButton(fake.messages()[0]!, 'take', { id: 5 });
    const [update] = (await second).body.result;
    expect(update.callback_query).toMatchObject({
      id: query,
      data: 'take',
      from: { id: 5 },
      message: { message_id, text },
    });
    expect((await call('getUpdates', {})).body.result).toEqual([update]);
    expect((await call('getUpdates', { offset: update.update_id + 1 })).body.result).toEqual([]);
    expect((await call('answerCallbackQuery', { callback_query_id: query, text: 'ok' })).status).toBe(200);
    expect((await call('answerCallbackQuery', { callback_query_id: query })).body.description).toMatch(
      /^Bad Request: query is too old/,
    );
    expect(fake.answeredQueries()).toEqual([{ callback_query_id: query, text: 'ok' }]);
  });
});

describe('failures', () => {
  it.each([true, false])('breaks the connection with the message taken: %s', async (applied) => {
    await start({ script: () => ({ kind: 'reset', applied }) });
    await expect(send('a')).rejects.toThrow();
    expect(fake.messages()).toHaveLength(applied ? 1 : 0);
  });

  it('cuts an answer in the middle', async () => {
    await start({ script: () => ({ kind: 'truncated', applied: true }) });
    await expect(send('a')).rejects.toThrow();
    expect(fake.messages()).toHaveLength(1);
  });

  it('never answers, and closes all the same', async () => {
    await start({ script: () => ({ kind: 'stall', applied: true }) });
    let ended = 'open';
    const request = httpRequest(`${fake.url}/bot${fake.token}/getMe`, { method: 'POST' });
    request.on('error', () => {
      ended = 'cut';
    });
    request.on('response', () => {
      ended = 'answered';
    });
    request.end();
    await waitUntil(() => fake.requests().length === 1);
    expect(ended).toBe('open');
    await fake.close();
    await waitUntil(() => ended !== 'open');
    expect(ended).toBe('cut');
    await start();
  });

  it('fails by seed in the same way again, at about the share that was asked for', () => {
    const draw = (seed: number) => {
      const script = seededFaults(seed, { failures: 0.3, stalls: 0.05, maxRetryAfterSeconds: 3 });
      const one = { method: 'sendMessage', params: {}, chat: '1', number: 1, atMs: 0 };
      return Array.from({ length: 4_000 }, () => script(one));
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    const faults = draw(1).filter((fault) => fault !== undefined);
    expect(faults.length / 4_000).toBeCloseTo(0.35, 1);
    expect(faults.filter((fault) => fault.kind === 'stall').length / 4_000).toBeCloseTo(0.05, 1);
    expect(new Set(faults.map((fault) => fault.kind)).size).toBe(5);
  });
});

async function waitUntil(holds: () => boolean): Promise<void> {
  const endMs = performance.now() + 10_000;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error('it never happened');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
