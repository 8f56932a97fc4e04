/** Owns the environment variables that say where alerts go: their names, their checks, and all that is wrong at once. */
import type { Environment } from './environment.js';
import { editDistance } from './nearest.js';
import { ConfigError, type Parsed, type Problem } from './problem.js';
import { Secret } from './secret.js';
import { readSecretOnce } from './secret-file.js';

/** The receivers that end in a Telegram chat, and the variable that names the chat of each. */
export const CHAT_VARIABLES = {
  info: 'TELEGRAM_CHAT_ID_INFO',
  warning: 'TELEGRAM_CHAT_ID_WARNING',
  critical: 'TELEGRAM_CHAT_ID_CRITICAL',
  tier2: 'TELEGRAM_CHAT_ID_TIER2',
  tier3: 'TELEGRAM_CHAT_ID_TIER3',
  watchdog: 'TELEGRAM_CHAT_ID_WATCHDOG',
  'notifications-broken': 'TELEGRAM_CHAT_ID_BROKEN',
} as const;
/** A receiver that ends in a Telegram chat. */
export type ChatReceiver = keyof typeof CHAT_VARIABLES;

/** Whose chat is used when a receiver has none of its own; none of these has the default chat. */
const INSTEAD: Partial<Record<ChatReceiver, ChatReceiver>> = {
  tier2: 'critical',
  tier3: 'tier2',
  'notifications-broken': 'critical',
};

/** `native`: Alertmanager writes to Telegram. `relay`: Flowgauge does, and keeps what it could not deliver yet. */
export const DELIVERIES = ['native', 'relay'] as const;
/** Who writes to Telegram. */
export type Delivery = (typeof DELIVERIES)[number];

/** Where alerts go, checked. */
export interface AlertingVariables {
  readonly delivery: Delivery;
  readonly telegramApiUrl: string;
  readonly botToken: Secret;
  /** Chat ids as Telegram writes them: whole numbers, those of groups negative. */
  readonly chats: Readonly<Record<ChatReceiver, number>>;
  /** Address of Flowgauge as Alertmanager reaches it. */
  readonly relayUrl: string;
  readonly relayToken: Secret | undefined;
  readonly watchdogPingUrl: Secret | undefined;
  readonly pagerdutyKey: Secret | undefined;
  readonly webhookUrl: Secret | undefined;
  readonly slack: { readonly url: Secret; readonly channel: string } | undefined;
  readonly email: EmailVariables | undefined;
}

/** How mail leaves. */
export interface EmailVariables {
  readonly to: string;
  readonly from: string;
  /** `host:port`. */
  readonly smarthost: string;
  readonly username: string | undefined;
  readonly password: Secret | undefined;
}

const KNOWN = [
  'ALERT_DELIVERY',
  'ALERT_EMAIL_FROM',
  'ALERT_EMAIL_TO',
  'ALERT_WEBHOOK_URL',
  'PAGERDUTY_ROUTING_KEY',
  'RELAY_TOKEN',
  'RELAY_URL',
  'SLACK_CHANNEL',
  'SLACK_WEBHOOK_URL',
  'SMTP_PASSWORD',
  'SMTP_SMARTHOST',
  'SMTP_USERNAME',
  'TELEGRAM_API_URL',
  'TELEGRAM_BOT_TOKEN',
  'TELEGRAM_CHAT_ID',
  'WATCHDOG_PING_URL',
  ...Object.values(CHAT_VARIABLES),
];
const PREFIXES = /^(TELEGRAM|ALERT|RELAY|WATCHDOG|PAGERDUTY|SLACK|SMTP)_/;

/** Reads the variables. Throws ConfigError with every problem; a secret is in none of them. */
export function readAlertingVariables(env: Environment, delivery?: string): AlertingVariables {
  const reader = new Reader(env);
  reader.misspelt();
  const chosen = reader.delivery(delivery);
  const chats = reader.chats();
  const botToken = reader.secret(
    'TELEGRAM_BOT_TOKEN',
    BOT_TOKEN,
    'the one from @BotFather, like 123456:ABC…',
  );
  if (botToken === undefined && !reader.failed('TELEGRAM_BOT_TOKEN')) {
    reader.refuse('TELEGRAM_BOT_TOKEN', undefined, 'is missing', 'Set it, or TELEGRAM_BOT_TOKEN_FILE');
  }
  const variables = {
    delivery: chosen,
    telegramApiUrl: reader.url('TELEGRAM_API_URL') ?? 'https://api.telegram.org',
    chats,
    relayUrl: reader.url('RELAY_URL') ?? 'http://127.0.0.1:9877',
    relayToken: reader.secret(
      'RELAY_TOKEN',
      /^[!-~]{16,}$/,
      'at least 16 printable characters without blanks',
    ),
    watchdogPingUrl: reader.secret('WATCHDOG_PING_URL', URL_TEXT, 'an address that begins with https://'),
    pagerdutyKey: reader.secret(
      'PAGERDUTY_ROUTING_KEY',
      /^[A-Za-z0-9]{16,64}$/,
      'the integration key, letters and digits',
    ),
    webhookUrl: reader.secret('ALERT_WEBHOOK_URL', URL_TEXT, 'an address that begins with https://'),
    slack: reader.slack(),
    email: reader.email(),
  };
  if (botToken === undefined || reader.problems.length > 0) throw new ConfigError(reader.problems);
  return { ...variables, botToken };
}

const BOT_TOKEN = /^\d{3,20}:[A-Za-z0-9_-]{20,}$/;
const URL_TEXT = /^https?:\/\/[^\s/]+/;

class Reader {
  readonly problems: Problem[] = [];
  constructor(readonly env: Environment) {}

  refuse(name: string, value: string | undefined, what: string, remedy: string): undefined {
    this.problems.push({ path: name, where: undefined, value, what, remedy });
  }

  failed(name: string): boolean {
    return this.problems.some(({ path }) => path.startsWith(name));
  }

  text(name: string): string | undefined {
    const text = this.env[name]?.trim();
    // An empty variable is a failed substitution: as unset it would switch a way to people off in silence.
    if (text === '') return this.refuse(name, '""', 'is empty', 'Give it a value or remove it');
    return text;
  }

  /** NAME, or the contents of the file that NAME_FILE names. */
  secret(name: string, shape: RegExp, meant: string): Secret | undefined {
    const file = this.text(`${name}_FILE`);
    const inline = this.text(name);
    if (file !== undefined && inline !== undefined) {
      return this.refuse(name, undefined, `and ${name}_FILE are both set`, 'Remove one');
    }
    const read: Parsed<string> | undefined = file === undefined ? undefined : readSecretOnce(file);
    if (read?.ok === false) {
      return this.refuse(
        `${name}_FILE`,
        undefined,
        read.what,
        read.remedy.replace('connection string', 'secret'),
      );
    }
    const value = read?.value ?? inline;
    if (value === undefined) return undefined;
    if (shape.test(value)) return new Secret(value);
    return this.refuse(
      file === undefined ? name : `${name}_FILE`,
      undefined,
      'is malformed',
      `Write ${meant}`,
    );
  }

  url(name: string): string | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (/^https?:\/\/[^\s/@]+(\/[^\s?#]*)?$/.test(text)) return text.replace(/\/+$/, '');
    return this.refuse(name, undefined, 'is not an address', 'Write for example http://127.0.0.1:9877');
  }

  delivery(flag: string | undefined): Delivery {
    const text = flag ?? this.text('ALERT_DELIVERY') ?? 'native';
    const known = DELIVERIES.find((delivery) => delivery === text);
    if (known !== undefined) return known;
    this.refuse(
      flag === undefined ? 'ALERT_DELIVERY' : '--delivery',
      JSON.stringify(text),
      'is unknown',
      'Write native or relay',
    );
    return 'native';
  }

  chats(): Record<ChatReceiver, number> {
    const own = (name: string) => this.chat(name);
    const fallback = own('TELEGRAM_CHAT_ID');
    const chats: { [R in ChatReceiver]?: number | undefined } = {};
    for (const [receiver, name] of Object.entries(CHAT_VARIABLES) as [ChatReceiver, string][]) {
      const instead = INSTEAD[receiver];
      chats[receiver] = own(name) ?? (instead === undefined ? fallback : chats[instead]);
    }
    const missing = Object.keys(CHAT_VARIABLES).some(
      (receiver) => chats[receiver as ChatReceiver] === undefined,
    );
    if (missing && !this.failed('TELEGRAM_CHAT_ID')) {
      this.refuse(
        'TELEGRAM_CHAT_ID',
        undefined,
        'is missing',
        'Set it to the chat that everything without a chat of its own goes to',
      );
    }
    return chats as Record<ChatReceiver, number>;
  }

  chat(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    // Alertmanager takes whole numbers only; 52 bits are what Telegram promises to stay within.
    if (/^-?[1-9]\d{0,15}$/.test(text) && Math.abs(Number(text)) < 2 ** 52) return Number(text);
    const remedy =
      'Write the number that getUpdates shows as chat.id; groups begin with -, supergroups with -100';
    return this.refuse(name, JSON.stringify(text.slice(0, 40)), 'is not a chat id', remedy);
  }

  slack(): AlertingVariables['slack'] {
    const url = this.secret('SLACK_WEBHOOK_URL', URL_TEXT, 'an address that begins with https://');
    const channel = this.text('SLACK_CHANNEL');
    return url === undefined ? undefined : { url, channel: channel ?? '#alerts' };
  }

  email(): EmailVariables | undefined {
    const password = this.secret('SMTP_PASSWORD', /^[^\r\n]+$/, 'one line');
    const username = this.text('SMTP_USERNAME');
    const to = this.text('ALERT_EMAIL_TO');
    if (to === undefined) return undefined;
    const from = this.text('ALERT_EMAIL_FROM') ?? to;
    const smarthost = this.text('SMTP_SMARTHOST') ?? '';
    if (!/^[^\s:]+:\d{1,5}$/.test(smarthost)) {
      const remedy = 'ALERT_EMAIL_TO needs it: write host:port';
      return this.refuse('SMTP_SMARTHOST', JSON.stringify(smarthost), 'is not host:port', remedy);
    }
    return { to, from, smarthost, username, password };
  }

  /** A misspelt chat variable would send critical alerts to the default chat, where nobody wakes up. */
  misspelt(): void {
    const known = KNOWN.flatMap((name) => [name, `${name}_FILE`]);
    for (const name of Object.keys(this.env)) {
      if (!PREFIXES.test(name) || known.includes(name)) continue;
      const meant = known.find((candidate) => editDistance(name, candidate) <= 2);
      const isChat = name.startsWith('TELEGRAM_CHAT_ID_');
      if (meant === undefined && !isChat) continue;
      const remedy =
        meant === undefined ? `Known: ${Object.values(CHAT_VARIABLES).join(', ')}` : `Did you mean ${meant}?`;
      this.refuse(name, undefined, 'is unknown', remedy);
    }
  }
}
