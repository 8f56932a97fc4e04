/** Owns the two ways of one alert side by side: Alertmanager's own Telegram receiver, and the relay, each to a Telegram of its own. */
import { randomUUID } from 'node:crypto';
import { onTestFinished } from 'vitest';
import {
  type AlertmanagerServer,
  alertmanagerVersion,
  type PostedAlert,
  startAlertmanagerOn,
} from '../harness/alertmanager.js';
import { type ExporterProcess, samplesOf } from '../harness/exporter.js';
import type { FreshDatabase } from '../harness/fresh-database.js';
import { type FakeTelegram, type FakeTelegramOptions, startFakeTelegram } from '../harness/telegram.js';
import { fakeTelegram } from './relay.js';
import { database, relayConfig, relayProcess } from './relay-process.js';

/** The chat on both ways. */
export const CHAT = '100';

/** Both ways, fed by one Alertmanager. */
export interface TwoWays {
  readonly alertmanager: AlertmanagerServer;
  /** What people get from Alertmanager itself. */
  readonly native: FakeTelegram;
  /** What people get from the relay. */
  readonly ours: FakeTelegram;
  readonly exporter: ExporterProcess;
  readonly fresh: FreshDatabase;
}

/** What differs from the ordinary. */
export interface TwoWaysOptions {
  /** Made anew for each of the two, so that each has its own script. */
  readonly telegram?: () => FakeTelegramOptions;
  /** Template of Alertmanager's own text. Default: name and summary of each alert. */
  readonly template?: string;
}

const TEMPLATE =
  '{{ range .Alerts }}<b>{{ .Labels.alertname }}</b> {{ .Status }} {{ .Annotations.summary }}\\n{{ end }}';

/**
 * One Alertmanager, one route to each way, one group per `alertname`. The groups are told again each second instead of
 * each minute; Alertmanager's own deadline of a send stays at its least, ten seconds.
 */
export async function startTwoWays(options: TwoWaysOptions = {}): Promise<TwoWays> {
  const fresh = await database();
  const ours = await fakeTelegram(options.telegram?.());
  // Another token than ours, so that a log tells whose it is; and Alertmanager is stopped before it hangs on a fake.
  const native = await startFakeTelegram({
    token: '7000000002:AANativeTokenOfTheTests-0123456789abcde',
    ...options.telegram?.(),
  });
  onTestFinished(() => native.close());
  const more = '  request_timeout: 500ms\n  lease: 6s\n';
  const exporter = await relayProcess(relayConfig(fresh.url, ours, { critical: CHAT }, more));
  const alertmanager = await startAlertmanagerOn(
    alertmanagerConfig(native, exporter, options.template ?? TEMPLATE),
  );
  onTestFinished(() => alertmanager.stop());
  console.log(`alertmanager ${alertmanagerVersion()}`);
  return { alertmanager, native, ours, exporter, fresh };
}

/** Both receivers; the native one as its manual shows it. */
export function alertmanagerConfig(
  native: FakeTelegram,
  exporter: { readonly url: string },
  template: string,
): string {
  return `
route:
  receiver: critical
  group_by: [alertname]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1h
  routes:
    - { receiver: native, continue: true }
    - { receiver: critical }
receivers:
  - name: native
    telegram_configs:
      - api_url: ${native.url}
        bot_token: "${native.token}"
        chat_id: ${CHAT}
        parse_mode: HTML
        message: "${template}"
  - name: critical
    webhook_configs:
      - { url: "${exporter.url}/api/alerts/webhook", send_resolved: true }
`;
}

/** An alert of the group `name` that fires, or has ended. */
export function alertOf(
  name: string,
  summary: string,
  options: { readonly item?: string; readonly over?: 'resolved' } = {},
): PostedAlert {
  const nowMs = Date.now();
  return {
    labels: { alertname: name, severity: 'critical', item: options.item ?? summary },
    annotations: { summary },
    ...(options.over === undefined ? {} : { endsAt: new Date(nowMs - 1).toISOString() }),
  };
}

/** A word that no other text has. */
export function mark(): string {
  return `mark-${randomUUID().slice(0, 8)}-end`;
}

/** Everything that people could read so far, earlier forms of edited messages too. */
export function readIn(telegram: FakeTelegram): string {
  return telegram
    .messages()
    .flatMap(({ history }) => history)
    .join('\n');
}

/** Alertmanager's own count of notifications of the native way that failed. */
export async function nativeFailures(alertmanager: AlertmanagerServer): Promise<number> {
  const answer = await fetch(`${alertmanager.url}/metrics`, { signal: AbortSignal.timeout(5_000) });
  const failed = samplesOf(await answer.text(), 'alertmanager_notifications_failed_total');
  return [...failed].reduce((sum, [labels, value]) => sum + (labels.includes('telegram') ? value : 0), 0);
}
