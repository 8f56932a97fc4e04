/** Owns the way from the bundled alertmanager.yml to the one of an installation: a pure rewriting of its tree. */
import { parse, stringify } from 'yaml';
import type { AlertingVariables, ChatReceiver } from '../config/alerting-variables.js';
import type { Secret } from '../config/secret.js';

/** Major and minor number of Alertmanager. */
export type AlertmanagerVersion = readonly [major: number, minor: number];

/** The oldest one whose configuration we write: that of Debian 12. */
export const MINIMUM_VERSION: AlertmanagerVersion = [0, 25];
/** From here on tokens and addresses can be read from files of their own. */
const SECRETS_BY_FILE: AlertmanagerVersion = [0, 26];
const WEBHOOK_TIMEOUT: AlertmanagerVersion = [0, 28];

/** True when `version` is `least` or newer. */
export function isAtLeast(version: AlertmanagerVersion, least: AlertmanagerVersion): boolean {
  return version[0] > least[0] || (version[0] === least[0] && version[1] >= least[1]);
}

/** What is to be written. */
export interface RenderedAlertmanager {
  readonly config: string;
  /** True when the configuration itself holds secrets, because the version cannot read them from files. */
  readonly isSecret: boolean;
  /** Secrets by file name. */
  readonly secrets: ReadonlyMap<string, Secret>;
}

interface Tree {
  route: Route;
  receivers: Receiver[];
  [key: string]: unknown;
}
interface Route {
  receiver?: string;
  repeat_interval?: string;
  routes?: Route[];
}
type Entry = Record<string, unknown>;
interface Receiver {
  name: string;
  telegram_configs?: Entry[];
  webhook_configs?: Entry[];
  pagerduty_configs?: Entry[];
  email_configs?: Entry[];
  slack_configs?: Entry[];
}

/** Names of the files with secrets that may be written. */
export const SECRET_FILES = {
  botToken: 'telegram-bot-token',
  relayToken: 'relay-token',
  pagerduty: 'pagerduty-routing-key',
  slack: 'slack-webhook-url',
  smtp: 'smtp-password',
  webhook: 'webhook-url',
  ping: 'watchdog-ping-url',
} as const;

/** The receivers that stay on Telegram whatever the delivery, with whose chat they use: they speak of the relay itself. */
const LAST_RESORTS: Readonly<Record<string, ChatReceiver>> = {
  'notifications-broken': 'notifications-broken',
  'tier2-last-resort': 'tier2',
  'tier3-last-resort': 'tier3',
};
/** Alerts of one group in one request. The relay takes 1 MiB, and an alert with its annotations is about 2 KiB. */
const MAX_ALERTS_PER_REQUEST = 200;
/** Below the group_interval of the route, or every second round would find that it is not yet time. */
const WATCHDOG_REPEAT = '50s';

/** Rewrites the bundled `source`. `directory` is where Alertmanager will find the files. */
export function renderAlertmanager(
  source: string,
  variables: AlertingVariables,
  options: { readonly version: AlertmanagerVersion; readonly directory: string },
): RenderedAlertmanager {
  const tree = parse(source, { merge: true }) as Tree;
  const secrets = new Map<string, Secret>();
  const byFile = isAtLeast(options.version, SECRETS_BY_FILE);
  const filed = (name: string, secret: Secret): string => {
    secrets.set(name, secret);
    return `${options.directory}/${name}`;
  };
  const put = (entry: Entry, key: string, name: string, secret: Secret): void => {
    delete entry[key];
    if (byFile) entry[`${key}_file`] = filed(name, secret);
    else entry[key] = secret.reveal();
  };
  const drop = new Set<string>();
  for (const receiver of tree.receivers) {
    if (receiver.telegram_configs !== undefined) {
      if (variables.delivery === 'relay' && LAST_RESORTS[receiver.name] === undefined) toRelay(receiver);
      else for (const entry of receiver.telegram_configs) toTelegram(receiver, entry);
    } else if (!fillOptional(receiver)) {
      drop.add(receiver.name);
    }
  }
  tree.receivers = tree.receivers.filter(({ name }) => !drop.has(name));
  prune(tree.route);
  return {
    config: HEADER + stringify(tree, { aliasDuplicateObjects: false, lineWidth: 0 }),
    isSecret: !byFile,
    secrets,
  };

  function toTelegram({ name }: Receiver, entry: Entry): void {
    entry.chat_id = variables.chats[LAST_RESORTS[name] ?? (name as ChatReceiver)];
    entry.api_url = variables.telegramApiUrl;
    put(entry, 'bot_token', SECRET_FILES.botToken, variables.botToken);
  }

  function toRelay(receiver: Receiver): void {
    delete receiver.telegram_configs;
    const { relayToken } = variables;
    receiver.webhook_configs = [
      {
        url: `${variables.relayUrl}/api/alerts/webhook`,
        send_resolved: receiver.name !== 'watchdog',
        max_alerts: MAX_ALERTS_PER_REQUEST,
        ...(isAtLeast(options.version, WEBHOOK_TIMEOUT) ? { timeout: '10s' } : {}),
        ...(relayToken === undefined
          ? {}
          : {
              http_config: {
                authorization: { credentials_file: filed(SECRET_FILES.relayToken, relayToken) },
              },
            }),
      },
    ];
  }

  /** False when nothing is configured for it. */
  function fillOptional(receiver: Receiver): boolean {
    const { watchdogPingUrl, pagerdutyKey, webhookUrl, slack, email } = variables;
    const [webhook, pager, mail, chat] = [
      receiver.webhook_configs?.[0],
      receiver.pagerduty_configs?.[0],
      receiver.email_configs?.[0],
      receiver.slack_configs?.[0],
    ];
    if (webhook !== undefined) {
      const isPing = receiver.name === 'watchdog-ping';
      // The relay pings by itself, after Telegram has confirmed; a ping from here would hide that it does not.
      const url = isPing ? (variables.delivery === 'relay' ? undefined : watchdogPingUrl) : webhookUrl;
      if (url !== undefined) put(webhook, 'url', isPing ? SECRET_FILES.ping : SECRET_FILES.webhook, url);
      return url !== undefined;
    }
    if (pager !== undefined && pagerdutyKey !== undefined) {
      put(pager, 'routing_key', SECRET_FILES.pagerduty, pagerdutyKey);
      return true;
    }
    if (mail !== undefined && email !== undefined) {
      const { to, from, smarthost, username, password } = email;
      Object.assign(mail, {
        to,
        from,
        smarthost,
        ...(username === undefined ? {} : { auth_username: username }),
      });
      if (password !== undefined) put(mail, 'auth_password', SECRET_FILES.smtp, password);
      return true;
    }
    if (chat === undefined || slack === undefined) return false;
    Object.assign(chat, { channel: slack.channel, api_url_file: filed(SECRET_FILES.slack, slack.url) });
    return true;
  }

  function prune(route: Route): void {
    if (route.receiver === 'watchdog' && variables.delivery === 'relay') {
      route.repeat_interval = WATCHDOG_REPEAT;
    }
    if (route.routes === undefined) return;
    route.routes = route.routes.filter(({ receiver }) => receiver === undefined || !drop.has(receiver));
    for (const child of route.routes) prune(child);
  }
}

const HEADER = `# Written by: flowgauge render alertmanager
# A change made here is lost with the next rendering: change the environment, or the bundled alertmanager.yml.
`;
