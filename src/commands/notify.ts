/** Owns `flowgauge notify test`: one message to each chat, and in plain words what is wrong where it does not arrive. */
import type { NotificationsConfig } from '../config/notifications.js';
import { buildWays, routingOf } from '../notification-ways.js';
import type { Outcome, PermanentReason, TransientReason } from '../notifications/channel.js';
import { renderNotice } from '../notifications/message.js';
import { eventIdOf } from '../notifications/render.js';
import type { Target } from '../notifications/target.js';
import type { RootLogger } from '../telemetry/logger.js';
import type { Print } from './install.js';

/** Telegram takes one message per second and chat, and two names can be the same chat. */
const PAUSE_MS = 1_100;

/** A flag or its value is wrong. */
export class NotifyOptionError extends Error {
  override readonly name = 'NotifyOptionError';
  readonly code = 'NOTIFY_OPTION';
}

/** What the command needs. */
export interface NotifyOptions {
  readonly config: NotificationsConfig | undefined;
  /** Names of chats and webhooks; empty for all of them. */
  readonly only: readonly string[];
  readonly log: RootLogger;
  readonly print: Print;
  /** Wall clock in milliseconds. */
  readonly wallMs: () => number;
}

/** Takes `--to=NAME` out of the arguments. */
export function takeNames(argv: readonly string[]): { readonly only: string[]; readonly rest: string[] } {
  const flag = '--to=';
  const only = argv.filter((arg) => arg.startsWith(flag)).map((arg) => arg.slice(flag.length));
  return { only, rest: argv.filter((arg) => !arg.startsWith(flag)) };
}

/** Sends the test messages, past the queue. Resolves with true when every one was confirmed. Throws NotifyOptionError. */
export async function runNotifyTest({ config, only, log, print, wallMs }: NotifyOptions): Promise<boolean> {
  if (config === undefined)
    throw new NotifyOptionError(
      'No way to people is configured: write notifications.telegram, webhooks, slack or email.',
    );
  const { targets } = routingOf(config);
  const unknown = only.find((name) => !targets.has(name));
  if (unknown !== undefined)
    throw new NotifyOptionError(
      `--to=${unknown} is no chat, webhook or address; known: ${[...targets.keys()].join(', ')}`,
    );
  const ways = new Map(buildWays(config, log, undefined).map(({ channel }) => [channel.name, channel]));
  let good = true;
  for (const [name, target] of targets) {
    if (only.length > 0 && !only.includes(name)) continue;
    const sentAt = new Date(wallMs()).toISOString();
    const [part] = renderNotice(
      'Test message',
      `From flowgauge notify test, ${sentAt}. Nothing is wrong.`,
      eventIdOf(`test ${sentAt}`, 0),
    ).parts;
    const to = { chat: target.chat, ...(target.thread === 0 ? {} : { thread: target.thread }) };
    const outcome = await ways
      .get(target.channel)!
      .send({ to, text: part!.text, plain: part!.plain, silent: false });
    good &&= outcome.kind === 'sent';
    print(`${name} (${target.channel}): ${explain(outcome, target, config)}`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return good;
}

/** What an end means, and what to do about it. */
export function explain(outcome: Outcome, target: Target, config: NotificationsConfig): string {
  switch (outcome.kind) {
    case 'sent':
      return outcome.form === 'plain' && target.channel === 'telegram'
        ? 'arrived, but without formatting: its markup was refused'
        : 'arrived';
    case 'limited':
      return `not sent: it is too much at once for this chat. Wait ${outcome.afterSeconds} s and try again`;
    case 'migrated':
      return `not sent: the group became a supergroup. Write its new number into the configuration: ${outcome.chatId}`;
    case 'permanent':
      return `refused: ${PERMANENT[outcome.reason](target, config)} (${outcome.detail})`;
    case 'transient':
      return `not sent: ${TRANSIENT[outcome.reason](target, config)} (${outcome.detail})`;
  }
}

type Advice = (target: Target, config: NotificationsConfig) => string;

const tokenFile: Advice = (_, { telegram }) => telegram?.tokenFile ?? 'the token file';
const host: Advice = ({ channel }, { telegram, email }) => {
  if (channel === 'email') return email?.host ?? 'the mail server';
  return channel === 'telegram' ? (telegram?.apiUrl ?? 'Telegram') : 'the address in the url_file';
};

const PERMANENT: Readonly<Record<PermanentReason, Advice>> = {
  chat_not_found: ({ channel, chat }) =>
    channel === 'email'
      ? `the mail server knows no ${chat}`
      : channel === 'telegram'
        ? `there is no chat ${chat} for this bot. Check the number (groups begin with -, supergroups with -100), and add the bot to the chat; in a private chat, write /start to it first`
        : 'there is nothing at the address. Check the url_file',
  blocked: () => 'the bot was blocked or removed. Let somebody in the chat unblock it or add it again',
  no_rights: () =>
    'the bot may not write here. Give it the right to send messages, or make it an administrator of the channel',
  unauthorized: (target, config) =>
    `the token is not, or no longer, that of a bot. Ask @BotFather for the token and write it alone into ${tokenFile(target, config)}`,
  too_long: () => 'the message is too long, which is a fault of ours',
  empty: () => 'the message is empty, which is a fault of ours',
  rejected: () => 'it was not taken as it is',
};

const TRANSIENT: Readonly<Record<TransientReason, Advice>> = {
  timeout: (target, config) =>
    `no answer in time from ${host(target, config)}. Check firewall and proxy; a message may have arrived all the same`,
  reset: (target, config) =>
    `the connection to ${host(target, config)} broke. A firewall that forbids it looks like this`,
  refused: (target, config) => `nobody listens at ${host(target, config)}. Check the address`,
  dns: (target, config) =>
    `the name of ${host(target, config)} is not known here. Check the address and the DNS`,
  unreachable: (target, config) =>
    `there is no way to ${host(target, config)}. Check the network and its routes`,
  tls: (target, config) =>
    `the certificate of ${host(target, config)} is not trusted. Check the clock, and whether something between opens the connection`,
  server_error: (target, config) => `${host(target, config)} has trouble of its own. Try again later`,
  bad_answer: (target, config) =>
    `${host(target, config)} answered something that it should not. Is it the right address?`,
  circuit_open: () => 'too many failures in a row; nothing is tried for two minutes',
  unauthorized: (target, config) =>
    target.channel === 'email'
      ? `${host(target, config)} refuses the login. Check user and password_file`
      : PERMANENT.unauthorized(target, config),
  aborted: (target, config) => `given up. Check that ${tokenFile(target, config)} can be read`,
  other: () => 'the reason is not known to us',
};
