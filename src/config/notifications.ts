/** Owns the section `notifications` as the program uses it, and the first look at the files that it names. */
import { resolve } from 'node:path';
import type { z } from 'zod';
import { isMap } from './fields.js';
import type { ChatAddress } from './notification-fields.js';
import type { notificationsSchema } from './notifications-schema.js';
import { readSecretFile } from './secret-file.js';

/** The ways to people. Paths are absolute; spans are milliseconds. */
export interface NotificationsConfig {
  readonly webhookTokenFile: string | undefined;
  readonly telegram:
    | {
        readonly tokenFile: string;
        readonly apiUrl: string;
        readonly chats: ReadonlyMap<string, ChatAddress>;
        /** Undefined when it is off. */
        readonly actions: ChatActionsConfig | undefined;
      }
    | undefined;
  /** Files with addresses, by name. */
  readonly webhooks: ReadonlyMap<string, string>;
  /** The same for Slack. */
  readonly slack: ReadonlyMap<string, string>;
  readonly email: EmailConfig | undefined;
  readonly routes: ReadonlyMap<string, readonly string[]>;
  /** The chat or webhook of a receiver that nothing names. */
  readonly fallback: string;
  readonly ttlMs: number;
  readonly requestTimeoutMs: number;
  readonly leaseMs: number;
  readonly digestAbove: number;
  readonly retention: { readonly sentMs: number; readonly deadMs: number; readonly eventsMs: number };
  readonly watchdog: {
    readonly alertname: string;
    readonly patienceMs: number;
    readonly pingUrlFile: string | undefined;
  };
}

/** What may be done in the chat. */
export interface ChatActionsConfig {
  /** Names of chats. */
  readonly chats: readonly string[];
  /** Telegram's numbers of accounts. */
  readonly users: readonly string[];
  readonly alertmanagerUrl: string;
}

/** The mail server and who is written to. */
export interface EmailConfig {
  readonly host: string;
  readonly port: number;
  readonly tls: 'starttls' | 'implicit' | 'off';
  readonly login: { readonly user: string; readonly passwordFile: string } | undefined;
  readonly from: string;
  /** Addresses by name. */
  readonly to: ReadonlyMap<string, string>;
}

type Read = z.output<typeof notificationsSchema>;

/** The section, or undefined when it names no channel. `directory` is where relative paths begin. */
export function notificationsOf(
  read: Read,
  directory: string,
  alertmanagerUrl: string | undefined,
): NotificationsConfig | undefined {
  const chats = Object.entries(read.telegram?.chats ?? {});
  const [first] = [read.telegram?.chats, read.webhooks, read.slack, read.email?.to].flatMap((ways) =>
    Object.keys(ways ?? {}),
  );
  if (first === undefined) return undefined;
  const path = (file: string) => resolve(directory, file);
  const filesOf = (hooks: Read['webhooks']) =>
    new Map(Object.entries(hooks).map(([name, { url_file }]) => [name, path(url_file)]));
  const optional = (file: string | undefined) => (file === undefined ? undefined : path(file));
  return {
    webhookTokenFile: optional(read.webhook_token_file),
    telegram:
      read.telegram === undefined
        ? undefined
        : {
            tokenFile: path(read.telegram.token_file),
            apiUrl: read.telegram.api_url,
            chats: new Map(chats),
            actions: actionsOf(read.telegram, alertmanagerUrl),
          },
    webhooks: filesOf(read.webhooks),
    slack: filesOf(read.slack),
    email: read.email === undefined ? undefined : emailOf(read.email, path),
    routes: new Map(Object.entries(read.routes)),
    fallback: read.fallback ?? first,
    ttlMs: read.ttl,
    requestTimeoutMs: read.request_timeout,
    leaseMs: read.lease,
    digestAbove: read.digest_above,
    retention: { sentMs: read.retention.sent, deadMs: read.retention.dead, eventsMs: read.retention.events },
    watchdog: {
      alertname: read.watchdog.alertname,
      patienceMs: read.watchdog.patience,
      pingUrlFile: optional(read.watchdog.ping_url_file),
    },
  };
}

function actionsOf(
  { actions, chats }: NonNullable<Read['telegram']>,
  alertmanagerUrl: string | undefined,
): ChatActionsConfig | undefined {
  const { enabled, users } = actions;
  if (!enabled || users === undefined || alertmanagerUrl === undefined) return undefined;
  return { chats: actions.chats ?? Object.keys(chats), users, alertmanagerUrl };
}

function emailOf(read: NonNullable<Read['email']>, path: (file: string) => string): EmailConfig {
  const { host, port, tls, user, password_file: file, from, to } = read;
  const login = user === undefined || file === undefined ? undefined : { user, passwordFile: path(file) };
  return { host, port, tls, login, from, to: new Map(Object.entries(to)) };
}

/** One file that cannot be used. */
export interface NotificationFileProblem {
  readonly path: readonly string[];
  readonly what: string;
  readonly remedy: string;
}

/** What is wrong with the files that the section names: told at the start, not when the first alert fires. */
export function checkNotificationFiles(
  section: unknown,
  directory: string,
): readonly NotificationFileProblem[] {
  const root = isMap(section) ? section : {};
  const at = (value: unknown, key: string) => (isMap(value) ? value[key] : undefined);
  const files: (readonly [readonly string[], unknown])[] = [
    [['webhook_token_file'], root.webhook_token_file],
    [['telegram', 'token_file'], at(root.telegram, 'token_file')],
    [['watchdog', 'ping_url_file'], at(root.watchdog, 'ping_url_file')],
    [['email', 'password_file'], at(root.email, 'password_file')],
    ...(['webhooks', 'slack'] as const).flatMap((kind) =>
      Object.entries(isMap(root[kind]) ? root[kind] : {}).map(
        ([name, hook]) => [[kind, name, 'url_file'], at(hook, 'url_file')] as const,
      ),
    ),
  ];
  return files.flatMap(([path, file]) => {
    const read = typeof file === 'string' ? readSecretFile(resolve(directory, file)) : undefined;
    if (read === undefined || read.ok) return [];
    const remedy = /connection string/.test(read.remedy)
      ? 'Write the secret alone into a file of its own'
      : read.remedy;
    return [{ path: ['notifications', ...path], what: read.what, remedy }];
  });
}
