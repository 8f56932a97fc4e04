/** Owns the proof of how the section `notifications` is read: chats in every spelling, paths, defaults, and what is refused. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { ConfigError } from '../../src/config/problem.js';

function directory(): string {
  const place = mkdtempSync(join(tmpdir(), 'flowgauge-config-'));
  onTestFinished(() => rmSync(place, { recursive: true, force: true }));
  writeFileSync(join(place, 'token'), '1:hunter2\n', { mode: 0o600 });
  return place;
}

const read = (section: string, place = directory(), alertmanager = '{url: http://127.0.0.1:9093}') =>
  parseConfig(
    `source: {url: 'postgres://a@127.0.0.1/app'}\nalertmanager: ${alertmanager}\nnotifications: ${section}`,
    {
      env: {},
      directory: place,
    },
  ).notifications;

function refusal(section: string, place = directory(), alertmanager?: string): string {
  try {
    read(section, place, alertmanager);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return expect.fail('it should have been refused');
}

describe('notifications', () => {
  it('are off without a channel', () => {
    expect(read('{}')).toBeUndefined();
    expect(read('{ttl: 1h}')).toBeUndefined();
  });

  it('read actions, mail and Slack; actions are off until they are switched on', () => {
    const place = directory();
    const bot = (actions: string) => `telegram: {token_file: token, chats: {a: 1, b: 2}${actions}}`;
    expect(read(`{${bot('')}}`, place)!.telegram!.actions).toBeUndefined();
    const on = 'actions: {enabled: true, users: [501, "502"]}';
    expect(read(`{${bot(`, ${on}`)}}`, place)!.telegram!.actions).toMatchObject({
      chats: ['a', 'b'],
      users: ['501', '502'],
      alertmanagerUrl: 'http://127.0.0.1:9093',
    });
    const mail = read(
      '{email: {host: m, user: u, password_file: token, from: a@b.c, to: {oncall: d@e.f}}, slack: {room: {url_file: token}}}',
      place,
    )!;
    expect(mail.email).toEqual({
      host: 'm',
      port: 587,
      tls: 'starttls',
      login: { user: 'u', passwordFile: join(place, 'token') },
      from: 'a@b.c',
      to: new Map([['oncall', 'd@e.f']]),
    });
    expect(mail.slack).toEqual(new Map([['room', join(place, 'token')]]));
    expect(mail.fallback).toBe('room');
  });

  it('ask for the address of Alertmanager before anybody may act in a chat', () => {
    const section = '{telegram: {token_file: token, chats: {a: 1}, actions: {enabled: true, users: [1]}}}';
    const message = refusal(section, directory(), '{}');
    expect(message).toContain('alertmanager.url');
    expect(message).toContain('is missing although notifications.telegram.actions is enabled');
  });

  it('read chats as numbers, texts, names and topics; paths begin at the file', () => {
    const place = directory();
    const section = `{telegram: {token_file: token, chats: {a: -1001234567890, b: "-5/42", c: "@channel_1"}}, routes: {oncall: [a, b], info: c}}`;
    const config = read(section, place)!;
    expect(config.telegram).toEqual({
      tokenFile: join(place, 'token'),
      apiUrl: 'https://api.telegram.org',
      chats: new Map([
        ['a', { chat: '-1001234567890', thread: 0 }],
        ['b', { chat: '-5', thread: 42 }],
        ['c', { chat: '@channel_1', thread: 0 }],
      ]),
    });
    expect(config.routes).toEqual(
      new Map([
        ['oncall', ['a', 'b']],
        ['info', ['c']],
      ]),
    );
    expect(config).toMatchObject({
      fallback: 'a',
      ttlMs: 86_400_000,
      requestTimeoutMs: 10_000,
      leaseMs: 60_000,
      digestAbove: 8,
      watchdog: { alertname: 'Watchdog', patienceMs: 900_000, pingUrlFile: undefined },
    });
  });

  it.each([
    [
      '{telegram: {token_file: token, chats: {a: oncall}}}',
      'notifications.telegram.chats.a',
      'is not a chat',
    ],
    ['{telegram: {token_file: token, chats: {a: 1.5}}}', 'notifications.telegram.chats.a', 'is not a chat'],
    ['{telegram: {chats: {a: 1}}}', 'notifications.telegram.token_file', 'is missing'],
    [
      '{telegram: {token_file: token, chats: {a: 1}, actions: {enabled: true}}}',
      'notifications.telegram.actions.users',
      'is missing',
    ],
    [
      '{telegram: {token_file: token, chats: {a: 1}, actions: {users: ["@anna"]}}}',
      'notifications.telegram.actions.users.0',
      'is not the number of an account',
    ],
    [
      '{telegram: {token_file: token, chats: {a: 1}, actions: {chats: [b]}}}',
      'notifications.telegram.actions.chats',
      'names b, which is no chat',
    ],
    [
      '{email: {host: a, from: a@b.c, to: {x: "a@b.c, d@e.f"}}}',
      'notifications.email.to.x',
      'is not an e-mail address',
    ],
    [
      '{email: {host: a, tls: "off", user: u, password_file: token, from: a@b.c, to: {x: a@b.c}}}',
      'notifications.email.tls',
      'is off although there is a password',
    ],
    [
      '{telegram: {token_file: token, chats: {a: 1}}, webhooks: {a: {url_file: token}}}',
      'notifications.webhooks.a',
      'is the name of another way',
    ],
    [
      '{telegram: {token_file: token, token: "1:hunter2", chats: {a: 1}}}',
      'notifications.telegram.token',
      'is not a known key',
    ],
  ])('%s is refused', (section, path, what) => {
    const message = refusal(section);
    expect(message).toContain(path);
    expect(message).toContain(what);
    expect(message).not.toContain('hunter2');
  });

  it('want their secrets in files that not everybody can read', () => {
    const place = directory();
    chmodSync(join(place, 'token'), 0o644);
    expect(refusal('{telegram: {token_file: token, chats: {a: 1}}}', place)).toContain(
      'every user of this machine can read',
    );
  });
});
