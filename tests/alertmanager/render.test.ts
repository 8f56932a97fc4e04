/** Owns the proof that `render alertmanager` writes what an installation needs, hides secrets, and names every mistake. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { runCli } from '../harness/exporter.js';
import { renderInto, TEST_CHATS, TEST_TOKEN } from '../harness/rendered-alertmanager.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) removeScratch(directory);
});
function scratch(): string {
  const directory = scratchDirectory('render');
  directories.push(directory);
  return directory;
}

// biome-ignore lint/suspicious/noExplicitAny: the tree of a YAML file.
function rendered(directory: string): any {
  return parse(readFileSync(join(directory, 'alertmanager.yml'), 'utf8'));
}
const receiver = (directory: string, name: string) =>
  rendered(directory).receivers.find((one: { name: string }) => one.name === name);
const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

describe('flowgauge render alertmanager', () => {
  it('keeps the token in a file of mode 0600 from 0.26 on', () => {
    const directory = scratch();
    renderInto(directory, {}, ['--alertmanager-version', '0.26']);
    const [telegram] = receiver(directory, 'critical').telegram_configs;
    expect(telegram).toMatchObject({ chat_id: -103, bot_token_file: join(directory, 'telegram-bot-token') });
    expect(readFileSync(join(directory, 'alertmanager.yml'), 'utf8')).not.toContain(TEST_TOKEN);
    expect(readFileSync(join(directory, 'telegram-bot-token'), 'utf8')).toBe(TEST_TOKEN);
    expect(modeOf(join(directory, 'telegram-bot-token'))).toBe('600');
    expect(modeOf(join(directory, 'alertmanager.yml'))).toBe('644');
  });

  it('puts the token into the configuration for 0.25, and makes that 0600', () => {
    const directory = scratch();
    renderInto(directory, {}, ['--alertmanager-version', '0.25.0']);
    expect(receiver(directory, 'critical').telegram_configs[0].bot_token).toBe(TEST_TOKEN);
    expect(modeOf(join(directory, 'alertmanager.yml'))).toBe('600');
    expect(readdirSync(directory)).not.toContain('telegram-bot-token');
  });

  it('gives each receiver its chat, and one that has none the chat of the one before it', () => {
    const directory = scratch();
    const unset = Object.fromEntries(
      Object.keys(TEST_CHATS).map((name) => [name, undefined as unknown as string]),
    );
    renderInto(directory, { ...unset, TELEGRAM_CHAT_ID: '42', TELEGRAM_CHAT_ID_CRITICAL: '-1001234567890' });
    const chats = Object.fromEntries(
      rendered(directory).receivers.map((one: { name: string; telegram_configs: { chat_id: number }[] }) => [
        one.name,
        one.telegram_configs[0]!.chat_id,
      ]),
    );
    expect(chats).toEqual({
      info: 42,
      warning: 42,
      critical: -1001234567890,
      tier2: -1001234567890,
      tier3: -1001234567890,
      watchdog: 42,
      'notifications-broken': -1001234567890,
      'tier2-last-resort': -1001234567890,
      'tier3-last-resort': -1001234567890,
    });
  });

  it('hands everything but broken notifications to the relay when told so', () => {
    const directory = scratch();
    renderInto(directory, { RELAY_TOKEN: 'relay-token-of-the-tests' }, [
      '--delivery',
      'relay',
      '--alertmanager-version',
      '0.25',
    ]);
    for (const name of ['info', 'warning', 'critical', 'tier2', 'tier3', 'watchdog']) {
      const one = receiver(directory, name);
      expect(one.telegram_configs).toBeUndefined();
      expect(one.webhook_configs).toEqual([
        {
          url: 'http://127.0.0.1:9877/api/alerts/webhook',
          send_resolved: name !== 'watchdog',
          max_alerts: 200,
          http_config: { authorization: { credentials_file: join(directory, 'relay-token') } },
        },
      ]);
    }
    const [last] = receiver(directory, 'notifications-broken').telegram_configs;
    expect(last).toMatchObject({
      parse_mode: '',
      message: '{{ template "flowgauge.plain" . }}',
      chat_id: -107,
    });
    expect(modeOf(join(directory, 'relay-token'))).toBe('600');
  });

  it('writes the paths as Alertmanager will find them, and removes a secret that is no longer used', () => {
    const directory = scratch();
    const slack = { SLACK_WEBHOOK_URL: 'https://hooks.example.org/x' };
    renderInto(directory, slack, ['--as', '/etc/alertmanager', '--alertmanager-version', '0.28']);
    expect(receiver(directory, 'slack').slack_configs[0].api_url_file).toBe(
      '/etc/alertmanager/slack-webhook-url',
    );
    expect(readdirSync(directory)).toContain('slack-webhook-url');
    renderInto(directory, {}, ['--alertmanager-version', '0.28']);
    expect(readdirSync(directory)).not.toContain('slack-webhook-url');
    expect(receiver(directory, 'slack')).toBeUndefined();
  });

  it('reads secrets from files, and refuses one that everybody can read', () => {
    const directory = scratch();
    const file = join(directory, 'token');
    writeFileSync(file, `${TEST_TOKEN}\n`, { mode: 0o600 });
    const env = { TELEGRAM_BOT_TOKEN: undefined as unknown as string, TELEGRAM_BOT_TOKEN_FILE: file };
    mkdirSync(join(directory, 'out'));
    renderInto(join(directory, 'out'), env, ['--alertmanager-version', '0.26']);
    expect(readFileSync(join(directory, 'out', 'telegram-bot-token'), 'utf8')).toBe(TEST_TOKEN);
    writeFileSync(file, TEST_TOKEN, { mode: 0o600 });
    const open = join(directory, 'open');
    writeFileSync(open, TEST_TOKEN);
    expect(() => renderInto(directory, { ...env, TELEGRAM_BOT_TOKEN_FILE: open })).toThrow(
      /TELEGRAM_BOT_TOKEN_FILE: .*every user of this machine can read.*chmod 600/,
    );
  });

  it('names every mistake at once, never a secret, and ends with 2', async () => {
    const run = runCli(['render', 'alertmanager', '--out', scratch(), '--delivery', 'pigeon'], {
      TELEGRAM_BOT_TOKEN: '12345-not-a-token',
      TELEGRAM_CHAT_ID: '@my_channel',
      TELEGRAM_CHAT_ID_CRITICL: '-5',
      ALERT_EMAIL_TO: 'night@example.org',
      PAGERDUTY_ROUTING_KEY: 'hidden value',
    });
    expect(await run.exit).toBe(2);
    expect(run.output().trim().split('\n')).toEqual([
      'The configuration has 6 problems:',
      '  TELEGRAM_CHAT_ID_CRITICL: is unknown. Did you mean TELEGRAM_CHAT_ID_CRITICAL?',
      '  --delivery: "pigeon" is unknown. Write native or relay.',
      '  TELEGRAM_CHAT_ID: "@my_channel" is not a chat id. Write the number that getUpdates shows as chat.id; groups begin with -, supergroups with -100.',
      '  TELEGRAM_BOT_TOKEN: is malformed. Write the one from @BotFather, like 123456:ABC….',
      '  PAGERDUTY_ROUTING_KEY: is malformed. Write the integration key, letters and digits.',
      '  SMTP_SMARTHOST: "" is not host:port. ALERT_EMAIL_TO needs it: write host:port.',
    ]);
  });

  it('says what is missing, and refuses an Alertmanager that is too old', async () => {
    const nothing = runCli(['render', 'alertmanager', '--out', scratch()]);
    expect(await nothing.exit).toBe(2);
    expect(nothing.output()).toContain('TELEGRAM_CHAT_ID: is missing.');
    expect(nothing.output()).toContain('TELEGRAM_BOT_TOKEN: is missing.');
    expect(() => renderInto(scratch(), {}, ['--alertmanager-version', '0.24'])).toThrow(
      'Alertmanager 0.24 is too old; 0.25 is the oldest that can be configured.',
    );
  });
});
