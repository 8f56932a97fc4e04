/** Owns the keys of the section `notifications`: the ways to people, who gets what, and for how long it is tried. */
import { z } from 'zod';
import {
  count,
  defaulted,
  documented,
  isMap,
  optional,
  type Refuse,
  refuseTo,
  required,
  text,
  whenMap,
} from './fields.js';
import { file, filePath, names, span } from './notification-fields.js';
import { email, telegram, webhook } from './notification-ways-schema.js';
import { bad, good } from './problem.js';
import { WATCHDOG } from './watchdog-name.js';

const SEND_PAUSES_MS = 5_000;

const retention = z.strictObject({
  sent: span('How long a delivered message is kept.', '7d', '30d', '1h', '365d'),
  dead: span('How long a dead letter is kept.', '30d', '90d', '1d', '3650d'),
  events: span('How long the history of alerts is kept.', '30d', '90d', '1d', '3650d'),
});

const watchdog = z.strictObject({
  alertname: defaulted(
    {
      meaning: 'The alert that always fires, as a sign of life.',
      example: WATCHDOG,
      default: WATCHDOG,
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
    slack: documented(
      z
        .record(
          z.string(),
          documented(webhook, { meaning: 'One address.', example: '{url_file: /run/secrets/slack}' }),
        )
        .prefault({}),
      {
        meaning: 'Incoming webhooks of Slack, Mattermost or another that takes `{"text": …}`, by name.',
        example: '{ops-room: {url_file: /run/secrets/slack}}',
      },
    ),
    email: documented(email.optional(), {
      meaning: 'Messages by e-mail.',
      example: '{host: smtp.example.org, from: alerts@example.org, to: {oncall-mail: oncall@example.org}}',
    }),
    routes: documented(
      z
        .record(
          z.string(),
          required({ meaning: 'Names of chats, webhooks and addresses.', example: '[critical]' }, names),
        )
        .prefault({}),
      {
        meaning: 'Receivers of Alertmanager, each with the chats, webhooks and addresses it stands for.',
        example: '{oncall: [critical, ops]}',
      },
    ),
    fallback: optional(
      {
        meaning: 'Where the alerts of a receiver go that nothing names.',
        example: 'critical',
        absent: 'the first chat, webhook or address',
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
    const known: string[] = [];
    for (const [path, group] of waysOf(value)) {
      for (const name of isMap(group) ? Object.keys(group) : []) {
        if (known.includes(name))
          refuse([...path, name], 'is the name of another way', 'Give it another name');
        else known.push(name);
      }
    }
    const choose = known.length === 0 ? 'Name a chat under telegram.chats' : `Known: ${known.join(', ')}`;
    for (const [receiver, to] of isMap(value.routes) ? Object.entries(value.routes) : []) {
      const unknown = Array.isArray(to) ? to.find((name) => !known.includes(name)) : undefined;
      if (unknown !== undefined)
        refuse(['routes', receiver], `names ${unknown}, which is no chat, webhook or address`, choose);
    }
    if (typeof value.fallback === 'string' && !known.includes(value.fallback))
      refuse(['fallback'], 'is no chat, webhook or address', choose);
    checkActions(value.telegram, refuse);
    checkMail(value.email, refuse);
    // An edit that is sent anew is two requests and a pause: a slow one must not outlive the right to send it.
    const { lease, request_timeout: timeout } = value;
    if (typeof lease === 'number' && typeof timeout === 'number' && lease < 2 * timeout + SEND_PAUSES_MS)
      refuse(
        ['lease'],
        'is shorter than two request_timeouts and 5s',
        'Make it longer, or request_timeout shorter',
      );
  }, whenMap);

/** Where ways are named, in the order of the default. */
function waysOf(
  value: Readonly<Record<string, unknown>>,
): readonly (readonly [readonly string[], unknown])[] {
  const { telegram: bot, webhooks, slack, email: mail } = value;
  return [
    [['telegram', 'chats'], isMap(bot) ? bot.chats : undefined],
    [['webhooks'], webhooks],
    [['slack'], slack],
    [['email', 'to'], isMap(mail) ? mail.to : undefined],
  ];
}

function checkActions(bot: unknown, refuse: Refuse): void {
  const actions = isMap(bot) ? bot.actions : undefined;
  if (!isMap(bot) || !isMap(actions)) return;
  const path = ['telegram', 'actions'];
  const chats = isMap(bot.chats) ? Object.keys(bot.chats) : [];
  const unknown = Array.isArray(actions.chats)
    ? actions.chats.find((chat) => !chats.includes(chat))
    : undefined;
  if (unknown !== undefined)
    refuse([...path, 'chats'], `names ${unknown}, which is no chat`, `Known: ${chats.join(', ')}`);
  if (actions.enabled !== true) return;
  if (actions.users === undefined)
    refuse(
      [...path, 'users'],
      'is missing',
      'List the accounts that may act: whoever is in the chat is not enough',
    );
}

function checkMail(mail: unknown, refuse: Refuse): void {
  if (!isMap(mail)) return;
  const { user, password_file: password, tls } = mail;
  if (user !== undefined && password === undefined)
    refuse(['email', 'password_file'], 'is missing', 'Name the file with the password of user');
  if (password !== undefined && user === undefined)
    refuse(['email', 'user'], 'is missing', 'Name the account of the password');
  // A password must not cross a network that everyone can read.
  if (tls === 'off' && password !== undefined)
    refuse(['email', 'tls'], 'is off although there is a password', 'Write starttls or implicit');
}
