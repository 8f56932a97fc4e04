/** Owns the two ways that are measured side by side: one Alertmanager, its own Telegram receivers, and the relay behind its webhook. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { type AlertmanagerServer, startAlertmanagerOn } from '../tests/harness/alertmanager.js';
import {
  type ExporterProcess,
  eventually,
  startExporterProcess,
  writeConfig,
} from '../tests/harness/exporter.js';
import { startPostgres } from '../tests/harness/postgres.js';
import { type FakeTelegram, startFakeTelegram } from '../tests/harness/telegram.js';

/** Chats of each way; all of them private ones. */
export const CHATS = 10;

/** Both ways, running. */
export interface Ways {
  readonly alertmanager: AlertmanagerServer;
  readonly native: FakeTelegram;
  readonly ours: FakeTelegram;
  readonly exporter: ExporterProcess;
  stop(): Promise<void>;
}

/**
 * Starts both. The fakes keep the published limits and count time on this process's monotonic clock. `groupWait` is
 * how long Alertmanager collects before it tells a new group; `told` names the ways that its alerts go.
 */
export async function startWays(
  groupWait = '0s',
  told: readonly ('native' | 'ours')[] = ['native', 'ours'],
): Promise<Ways> {
  const server = await startPostgres({ settings: { fsync: 'on', full_page_writes: 'on' } });
  const directory = mkdtempSync(join(tmpdir(), 'flowgauge-bench-'));
  const nowMs = () => performance.now();
  const [native, ours] = [await startFakeTelegram({ nowMs }), await startFakeTelegram({ nowMs })];
  const url = await server.newDatabase();
  const tokenFile = join(directory, 'token');
  writeFileSync(tokenFile, ours.token, { mode: 0o600 });
  const chats = all((i) => `c${i}: "${100 + i}"`).join(', ');
  const config = `web: { listen_address: "127.0.0.1:0" }
source: { url: "${url}" }
notifications:
  telegram: { token_file: ${tokenFile}, api_url: "${ours.url}", chats: { ${chats} } }
`;
  const exporter = await startExporterProcess(writeConfig(directory, config));
  const alertmanager = await startAlertmanagerOn(alertmanagerConfig(native, exporter, groupWait, told));
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  // It listens before its tables are there.
  await eventually(
    () => sql`select from flowgauge.notification_deliveries limit 1`,
    () => true,
  );
  return {
    alertmanager,
    native,
    ours,
    exporter,
    async stop() {
      await alertmanager.stop();
      await exporter.stop();
      await sql.end({ timeout: 1 });
      await Promise.all([native.close(), ours.close()]);
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function all<T>(of: (chat: number) => T): readonly T[] {
  return Array.from({ length: CHATS }, (_, i) => of(i));
}

function alertmanagerConfig(
  native: FakeTelegram,
  exporter: ExporterProcess,
  groupWait: string,
  told: readonly ('native' | 'ours')[],
): string {
  const template =
    '{{ range .Alerts }}<b>{{ .Labels.alertname }}</b> {{ .Status }} {{ .Annotations.summary }}\\n{{ end }}';
  const names = { native: 'native', ours: 'c' };
  const routes = all((i) =>
    told
      .map((way) => `\n    - { receiver: ${names[way]}${i}, matchers: [chat="${i}"], continue: true }`)
      .join(''),
  );
  const receivers = all(
    (i) => `
  - name: native${i}
    telegram_configs:
      - api_url: ${native.url}
        bot_token: "${native.token}"
        chat_id: ${100 + i}
        parse_mode: HTML
        message: "${template}"
  - name: c${i}
    webhook_configs:
      - { url: "${exporter.url}/api/alerts/webhook", send_resolved: true }`,
  );
  return `
route:
  receiver: c0
  group_by: [alertname]
  group_wait: ${groupWait}
  group_interval: 1m
  repeat_interval: 4h
  routes:${routes.join('')}
receivers:${receivers.join('')}
`;
}
