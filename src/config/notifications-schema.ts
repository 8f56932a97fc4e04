/** Owns the keys of the section `notifications`: the ways to people, who gets what, and for how long it is tried. */
import { z } from 'zod';
import {
  count,
  defaulted,
  documented,
  duration,
  type FieldDoc,
  isMap,
  optional,
  type Reader,
  refuseTo,
  required,
  text,
  whenMap,
} from './fields.js';
import { bad, good, type Parsed } from './problem.js';
import { parseExternalUrl } from './web-paths.js';

const SEND_PAUSES_MS = 5_000;

/** A chat of Telegram, or one topic of it. */
export interface ChatAddress {
  readonly chat: string;
  /** 0 for the chat itself. */
  readonly thread: number;
}

/** `-1001234567890`, `@name`, and either with `/TOPIC` behind it. */
export const parseChat: Reader<ChatAddress> = (raw): Parsed<ChatAddress> => {
  const remedy = 'Write the chat as -1001234567890, its topic behind a slash: "-1001234567890/42"';
  if (typeof raw !== 'number' && typeof raw !== 'string') return bad('is not a chat', remedy);
  const [, chat, thread] =
    /^(-?[1-9]\d{0,18}|@[A-Za-z]\w{3,31})(?:\/([1-9]\d{0,9}))?$/.exec(String(raw)) ?? [];
  return chat === undefined ? bad('is not a chat', remedy) : good({ chat, thread: Number(thread ?? 0) });
};

const filePath = text((path) => {
  if (path.trim() === '') return bad('is empty', 'Name a file');
  if (path.includes('\0')) return bad('contains a NUL byte', 'Remove it');
  if (path.startsWith('~')) return bad('begins with ~', 'Write the path from /');
  // A token or an address with one must not pass for a file name: those are shown in messages.
  if (/:\/\/|^\d+:/.test(path))
    return bad('is a secret or a URL, not a file', 'Write it into a file, and name the file');
  return good(path);
});

const file = (meaning: string, example: string): FieldDoc => ({
  meaning: `${meaning} A path that is not absolute begins at the configuration file.`,
  example,
  bounds: 'one line; not readable by everyone',
});

const parseUrl: Reader<string> = text(parseExternalUrl);

const names: Reader<readonly string[]> = (raw) => {
  const list = typeof raw === 'string' ? [raw] : raw;
  const legal = Array.isArray(list) && list.length > 0 && list.every((name) => typeof name === 'string');
  return legal
    ? good(list as string[])
    : bad('is not a list of names', 'Write [critical] or [critical, oncall]');
};

const span = (meaning: string, example: string, fallback: string, from: string, to: string) =>
  defaulted({ meaning, example, bounds: `${from} to ${to}`, default: fallback }, duration(from, to));

const telegram = z.strictObject({
  token_file: required(
    file("A file with the bot's token. It is read again for each request.", '/run/secrets/telegram_token'),
    filePath,
  ),
  api_url: defaulted(
    {
      meaning: "Where Telegram's Bot API is reached.",
      example: 'https://api.telegram.org',
      bounds: 'http or https, without user, query and fragment',
      default: 'https://api.telegram.org',
    },
    parseUrl,
  ),
  chats: documented(
    z.record(
      z.string(),
      required({ meaning: 'One chat, by the name that `routes` use.', example: '-1001234567890' }, parseChat),
    ),
    {
      meaning: 'The chats. A receiver of Alertmanager with the name of a chat goes there.',
      example: '{critical: -1001234567890}',
    },
  ),
});

const webhook = z.strictObject({
  url_file: required(
    file('A file with the address that takes the messages as JSON.', '/run/secrets/ops_webhook'),
    filePath,
  ),
});

const retention = z.strictObject({
  sent: span('How long a delivered message is kept.', '7d', '30d', '1h', '365d'),
  dead: span('How long a dead letter is kept.', '30d', '90d', '1d', '3650d'),
  events: span('How long the history of alerts is kept.', '30d', '90d', '1d', '3650d'),
});

const watchdog = z.strictObject({
  alertname: defaulted(
    {
      meaning: 'The alert that always fires, as a sign of life.',
      example: 'Watchdog',
      default: 'Watchdog',
      bounds: '1 to 100 characters',
    },
    text((name) =>
      /^.{1,100}$/.test(name) ? good(name) : bad('is not a name', 'Write the name of the alert'),
    ),
  ),
  patience: span(
    'After so long without it the chats are told that no alert can be trusted to arrive.',
    '10m',
    '15m',
    '10s',
    '1d',
  ),
  ping_url_file: optional(
    {
      ...file(
        'A file with an address outside that is asked after Telegram has confirmed the sign of life.',
        '/run/secrets/ping_url',
      ),
      absent: 'no address',
    },
    filePath,
  ),
});

/** The ways to people. Without a channel nothing is relayed and the webhook of Alertmanager is not served. */
export const notificationsSchema = z
  .strictObject({
    webhook_token_file: optional(
      {
        ...file('A file with the token that Alertmanager must send.', '/run/secrets/ingest_token'),
        absent: 'no token is asked for',
      },
      filePath,
    ),
    telegram: documented(telegram.optional(), {
      meaning: 'The bot of Telegram.',
      example: '{token_file: /run/secrets/telegram_token, chats: {critical: -1001234567890}}',
    }),
    webhooks: documented(
      z
        .record(
          z.string(),
          documented(webhook, { meaning: 'One address.', example: '{url_file: /run/secrets/ops_webhook}' }),
        )
        .prefault({}),
      {
        meaning: 'Addresses that take messages as JSON, by name.',
        example: '{ops: {url_file: /run/secrets/ops_webhook}}',
      },
    ),
    routes: documented(
      z
        .record(
          z.string(),
          required({ meaning: 'Names of chats and webhooks.', example: '[critical]' }, names),
        )
        .prefault({}),
      {
        meaning: 'Receivers of Alertmanager, each with the chats and webhooks it stands for.',
        example: '{oncall: [critical, ops]}',
      },
    ),
    fallback: optional(
      {
        meaning: 'Where the alerts of a receiver go that nothing names.',
        example: 'critical',
        absent: 'the first chat or webhook',
      },
      text((name) => good(name)),
    ),
    ttl: span('How long a message is tried before it is a dead letter.', '6h', '24h', '10s', '7d'),
    request_timeout: span('How long one request to a channel may take.', '5s', '10s', '500ms', '25s'),
    lease: span(
      'How long a process that stopped answering keeps the right to send.',
      '90s',
      '60s',
      '6s',
      '5m',
    ),
    digest_above: defaulted(
      {
        meaning: 'More waiting groups than this in one chat are told in one digest.',
        example: '5',
        bounds: '2 to 100',
        default: '8',
      },
      count(2, 100),
    ),
    retention: documented(retention.prefault({}), {
      meaning: 'How long what is done is kept.',
      example: '{sent: 7d}',
    }),
    watchdog: documented(watchdog.prefault({}), {
      meaning: 'The sign of life of the whole path.',
      example: '{patience: 10m}',
    }),
  })
  .superRefine((value, context) => {
    const refuse = refuseTo(context);
    const chats =
      isMap(value.telegram) && isMap(value.telegram.chats) ? Object.keys(value.telegram.chats) : [];
    const webhooks = isMap(value.webhooks) ? Object.keys(value.webhooks) : [];
    for (const name of webhooks.filter((one) => chats.includes(one)))
      refuse(['webhooks', name], 'has the name of a chat', 'Give it another name');
    const known = [...chats, ...webhooks];
    const choose = known.length === 0 ? 'Name a chat under telegram.chats' : `Known: ${known.join(', ')}`;
    for (const [receiver, to] of isMap(value.routes) ? Object.entries(value.routes) : []) {
      const unknown = Array.isArray(to) ? to.find((name) => !known.includes(name)) : undefined;
      if (unknown !== undefined)
        refuse(['routes', receiver], `names ${unknown}, which is no chat and no webhook`, choose);
    }
    if (typeof value.fallback === 'string' && !known.includes(value.fallback))
      refuse(['fallback'], 'is no chat and no webhook', choose);
    // An edit that is sent anew is two requests and a pause: a slow one must not outlive the right to send it.
    const { lease, request_timeout: timeout } = value;
    if (typeof lease === 'number' && typeof timeout === 'number' && lease < 2 * timeout + SEND_PAUSES_MS)
      refuse(
        ['lease'],
        'is shorter than two request_timeouts and 5s',
        'Make it longer, or request_timeout shorter',
      );
  }, whenMap);
