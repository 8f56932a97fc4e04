/** Proves `flowgauge notify test` as a real command: what it sends, its exit code, and its words for each failure. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCli } from '../harness/exporter.js';
import { freePort } from '../harness/ports.js';
import type { FakeTelegram } from '../harness/telegram.js';
import { failure } from '../harness/telegram-faults.js';
import { fakeTelegram, scratch, section } from './relay.js';

async function notifyTest(
  telegram: Pick<FakeTelegram, 'url' | 'token'>,
  chats: Readonly<Record<string, string>>,
  ...args: string[]
) {
  const directory = scratch();
  const file = join(directory, 'flowgauge.yml');
  const more = '  request_timeout: 1s\n';
  writeFileSync(
    file,
    `source: { url: postgres://nobody@127.0.0.1/none }\n${section(directory, telegram as FakeTelegram, chats, more)}`,
  );
  const run = runCli(['notify', 'test', `--config.file=${file}`, ...args]);
  return { exit: await run.exit, output: run.output(), file };
}

test('sends to every chat, and says so', async () => {
  const telegram = await fakeTelegram();
  const { exit, output } = await notifyTest(telegram, { critical: '100', warning: '200/7' });
  expect([exit, output]).toEqual([0, 'critical (telegram): arrived\nwarning (telegram): arrived\n']);
  expect(telegram.messages().map(({ chat, thread, silent }) => [chat, thread, silent])).toEqual([
    ['100', undefined, false],
    ['200', 7, false],
  ]);
});

test('--to names one of them; an unknown name is refused with those that are known', async () => {
  const telegram = await fakeTelegram();
  expect((await notifyTest(telegram, { critical: '100', warning: '200' }, '--to=warning')).exit).toBe(0);
  expect(telegram.messages().map(({ chat }) => chat)).toEqual(['200']);
  const { exit, output } = await notifyTest(telegram, { critical: '100' }, '--to=oncall');
  expect([exit, output]).toEqual([2, '--to=oncall is no chat, webhook or address; known: critical\n']);
});

test('explains each failure in plain words, with what to do, and never shows the token', async () => {
  const telegram = await fakeTelegram({
    chats: { '1': {}, '2': { state: 'blocked' }, '3': { state: 'migrated', migratedTo: '-1003' } },
  });
  const gone = `http://127.0.0.1:${await freePort()}`;
  const cases: readonly (readonly [Pick<FakeTelegram, 'url' | 'token'>, string, RegExp])[] = [
    [telegram, '999', /there is no chat 999 for this bot.*add the bot to the chat/],
    [telegram, '2', /blocked or removed.*unblock/],
    [telegram, '3', /became a supergroup.*-1003/],
    [{ url: telegram.url, token: '1:hunter2' }, '1', /ask @BotFather.*token/i],
    [{ url: gone, token: telegram.token }, '1', /nobody listens at http:\/\/127\.0\.0\.1/],
  ];
  for (const [access, chat, words] of cases) {
    const { exit, output } = await notifyTest(access, { critical: chat });
    expect(output).toMatch(words);
    expect(exit).toBe(1);
    expect(output).not.toContain(access.token);
  }
  telegram.setScript(() => failure(502, 'Bad Gateway'));
  expect((await notifyTest(telegram, { critical: '1' })).output).toMatch(/trouble of its own/);
  telegram.setScript(() => ({ kind: 'stall' }));
  expect((await notifyTest(telegram, { critical: '1' })).output).toMatch(/no answer in time/);
});

test('without a way to people it says what to write', async () => {
  const file = join(scratch(), 'flowgauge.yml');
  writeFileSync(file, 'source: { url: postgres://nobody@127.0.0.1/none }\n');
  const run = runCli(['notify', 'test', `--config.file=${file}`]);
  expect(await run.exit).toBe(2);
  expect(run.output()).toMatch(/notifications\.telegram/);
});
