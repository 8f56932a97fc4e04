/** Owns the keys of each way to people: the bot and its buttons, addresses that take JSON, and the mail server. */
import { z } from 'zod';
import {
  count,
  defaulted,
  documented,
  flag,
  list,
  oneOf,
  optional,
  type Reader,
  required,
  text,
} from './fields.js';
import { file, filePath, parseChat, parseUrl } from './notification-fields.js';
import { bad, good } from './problem.js';

const MAX_PEOPLE = 200;

const account: Reader<string> = (raw) =>
  /^[1-9]\d{0,15}$/.test(String(raw))
    ? good(String(raw))
    : bad('is not the number of an account', 'Write its number, as @userinfobot shows it, not the @name');

const name: Reader<string> = text((value) => (value === '' ? bad('is empty', 'Write a name') : good(value)));

const actions = z.strictObject({
  enabled: defaulted(
    { meaning: 'Whether messages have buttons and commands are obeyed.', example: 'true', default: 'false' },
    flag(),
  ),
  chats: documented(list({ meaning: 'One chat.', example: 'critical' }, name, MAX_PEOPLE).optional(), {
    meaning: 'Names of the chats in which something can be done.',
    example: '[critical]',
    absent: 'all chats of `telegram.chats`',
  }),
  users: documented(list({ meaning: 'One account.', example: '123456789' }, account, MAX_PEOPLE).optional(), {
    meaning: "Accounts that may act, by Telegram's number.",
    example: '[123456789]',
    absent: 'required when enabled',
  }),
});

/** The bot of Telegram. */
export const telegram = z.strictObject({
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
  actions: documented(actions.prefault({}), {
    meaning:
      'Buttons under the messages and commands in the chat. They act through silences of the Alertmanager at `alertmanager.url`.',
    example: '{enabled: true, users: [123456789]}',
  }),
});

/** An address that takes messages. */
export const webhook = z.strictObject({
  url_file: required(
    file('A file with the address that takes the messages as JSON.', '/run/secrets/ops_webhook'),
    filePath,
  ),
});

const MAIL_ADDRESS = /^[^\s@<>"(),:;[\]\\]{1,64}@[A-Za-z0-9.-]{1,190}$/;
const mailAddress: Reader<string> = text((value) =>
  MAIL_ADDRESS.test(value)
    ? good(value)
    : bad('is not an e-mail address', 'Write it alone: oncall@example.org'),
);

/** The mail server, and who is written to. */
export const email = z.strictObject({
  host: required(
    { meaning: 'Name of the mail server.', example: 'smtp.example.org' },
    text((value) =>
      /^[\w.:-]{1,253}$/.test(value) ? good(value) : bad('is not a host', 'Write its name or number'),
    ),
  ),
  port: defaulted(
    { meaning: 'Its port.', example: '465', bounds: '1 to 65535', default: '587' },
    count(1, 65_535),
  ),
  tls: defaulted(
    {
      meaning:
        'How the connection is encrypted: `starttls` insists on it, `implicit` from the first byte, `off` not at all.',
      example: 'implicit',
      bounds: 'starttls, implicit, off; off only without a password',
      default: 'starttls',
    },
    oneOf(['starttls', 'implicit', 'off']),
  ),
  user: optional({ meaning: 'The account there.', example: 'alerts', absent: 'no login' }, name),
  password_file: optional(
    {
      ...file('A file with its password. It is read again for each message.', '/run/secrets/smtp'),
      absent: 'no login',
    },
    filePath,
  ),
  from: required({ meaning: 'Sender of the messages.', example: 'alerts@example.org' }, mailAddress),
  to: documented(
    z.record(
      z.string(),
      required({ meaning: 'One address, by its name.', example: 'oncall@example.org' }, mailAddress),
    ),
    { meaning: 'Addresses, by the names that `routes` use.', example: '{oncall-mail: oncall@example.org}' },
  ),
});
