/** Owns the ways to people as configured: which channels there are, how each paces itself, and the names that lead to them. */
import type { NotificationsConfig } from './config/notifications.js';
import { watchPolicies } from './metrics/policies.js';
import type { Metrics } from './metrics/registry.js';
import type { Channel } from './notifications/channel.js';
import { type RestRule, telegramRest, unpaced } from './notifications/chat-pace.js';
import { EmailChannel } from './notifications/email.js';
import { slackBody } from './notifications/slack.js';
import type { Routing, Target } from './notifications/target.js';
import { TelegramChannel } from './notifications/telegram.js';
import { WebhookChannel, type WebhookChannelOptions } from './notifications/webhook-channel.js';
import { secretSource } from './secret-source.js';
import type { RootLogger } from './telemetry/logger.js';

/** One way out: how it sends, and how it paces itself. */
export interface Way {
  readonly channel: Channel;
  readonly rest: RestRule;
}

/** Builds the channels that the configuration names. */
export function buildWays(
  config: NotificationsConfig,
  log: RootLogger,
  metrics: Metrics | undefined,
): readonly Way[] {
  const ways: Way[] = [];
  const { telegram, webhooks, slack, email, requestTimeoutMs } = config;
  if (telegram !== undefined) {
    const token = secretSource(telegram.tokenFile, log);
    const channel = new TelegramChannel({ apiUrl: telegram.apiUrl, token, requestTimeoutMs });
    if (metrics !== undefined) watchPolicies(metrics, [channel.breaker]);
    ways.push({ channel, rest: telegramRest });
  }
  const hook = (files: ReadonlyMap<string, string>, how: Pick<WebhookChannelOptions, 'name' | 'bodyOf'>) => {
    if (files.size === 0) return;
    const sources = new Map([...files].map(([name, file]) => [name, secretSource(file, log)]));
    const urlOf = (name: string) => sources.get(name)!().reveal();
    ways.push({ channel: new WebhookChannel({ urlOf, requestTimeoutMs, ...how }), rest: unpaced });
  };
  hook(webhooks, {});
  hook(slack, { name: 'slack', bodyOf: slackBody });
  if (email !== undefined) {
    const { login, ...server } = email;
    const password = login === undefined ? undefined : secretSource(login.passwordFile, log);
    const own = login === undefined ? undefined : { user: login.user, password: password! };
    ways.push({ channel: new EmailChannel({ ...server, login: own, requestTimeoutMs }), rest: unpaced });
  }
  return ways;
}

/** The chats and addresses by the names of the configuration. */
export function routingOf(config: NotificationsConfig): Routing {
  const { telegram, webhooks, slack, email } = config;
  const chats = [...(telegram?.chats ?? [])].map(([name, address]): [string, Target] => [
    name,
    { channel: 'telegram', ...address },
  ]);
  // The store keeps the name: the address behind it is a secret.
  const hooks = (channel: string, files: ReadonlyMap<string, string>) =>
    [...files.keys()].map((name): [string, Target] => [name, { channel, chat: name, thread: 0 }]);
  const mails = [...(email?.to ?? [])].map(([name, chat]): [string, Target] => [
    name,
    { channel: 'email', chat, thread: 0 },
  ]);
  const targets = new Map([...chats, ...hooks('webhook', webhooks), ...hooks('slack', slack), ...mails]);
  return { targets, routes: config.routes, fallback: config.fallback };
}
