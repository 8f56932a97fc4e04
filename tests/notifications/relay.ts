/** Owns the relay under test: a real store, a fake Telegram, real jobs in this process, and Alertmanager's words. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { openAlertDesk } from '../../src/alert-desk.js';
import { readWebhook } from '../../src/alerts/webhook.js';
import type { ChatViews } from '../../src/chat-control.js';
import { parseConfig } from '../../src/config/load.js';
import { createMetrics, type Metrics } from '../../src/metrics/registry.js';
import { createScraper } from '../../src/metrics/scrape.js';
import type { Relay } from '../../src/notification-relay.js';
import { systemJobClock } from '../../src/resilience/job-clock.js';
import { createSupervisor } from '../../src/resilience/supervisor.js';
import { type Database, openDatabase } from '../../src/storage/database.js';
import { migrate } from '../../src/storage/migrations.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { type FreshDatabase, freshDatabase } from '../harness/fresh-database.js';
import { type FakeTelegram, type FakeTelegramOptions, startFakeTelegram } from '../harness/telegram.js';

/** A store with our tables, for one test. */
export async function freshStore(): Promise<{ readonly db: Database; readonly fresh: FreshDatabase }> {
  const fresh = await freshDatabase();
  const db = openDatabase({ url: fresh.url, role: 'store', max: 4, applicationName: 'flowgauge-test' });
  onTestFinished(async () => {
    await db.close(1_000);
    await fresh.drop();
  });
  await migrate(db, { deadlineMs: 20_000 });
  return { db, fresh };
}

/** A directory that is gone after the test. */
export function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'flowgauge-notify-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A fake that is closed after the test. */
export async function fakeTelegram(options: FakeTelegramOptions = {}): Promise<FakeTelegram> {
  const fake = await startFakeTelegram(options);
  onTestFinished(() => fake.close());
  return fake;
}

/** The section `notifications` with these chats; `more` are further lines of it. */
export function section(
  directory: string,
  telegram: FakeTelegram,
  chats: Readonly<Record<string, string>>,
  more = '',
  actions = '',
): string {
  writeFileSync(join(directory, 'token'), telegram.token, { mode: 0o600 });
  const lines = Object.entries(chats).map(([name, chat]) => `${name}: "${chat}"`);
  return `notifications:
  telegram: { token_file: ${join(directory, 'token')}, api_url: "${telegram.url}", chats: { ${lines.join(', ')} }${actions === '' ? '' : `, ${actions}`} }
${more}`;
}

/** Options of {@link startRelay}. */
export interface RelaySetup {
  readonly db: Database;
  readonly telegram: FakeTelegram;
  readonly chats?: Readonly<Record<string, string>>;
  /** Further lines of the section. */
  readonly more?: string;
  /** The line `actions` of the bot's section. */
  readonly actions?: string;
  /** Address of the Alertmanager that the actions act upon. */
  readonly alertmanagerUrl?: string;
  readonly views?: ChatViews;
  readonly holder?: string;
  /** `by hand`: no job runs until `start`. */
  readonly jobs?: 'running' | 'by hand';
}

/** A relay in this process; its jobs end with the test. */
export function startRelay({
  db,
  telegram,
  chats = { critical: '100' },
  more = '',
  actions = '',
  alertmanagerUrl,
  views,
  holder = 'test',
  jobs = 'running',
}: RelaySetup): {
  readonly relay: Relay;
  readonly metrics: Metrics;
  readonly logs: readonly string[];
  readonly text: () => Promise<string>;
  readonly start: () => void;
  readonly stop: () => Promise<unknown>;
} {
  const config = parseConfig(
    [
      'source: { url: postgres://nobody@127.0.0.1/none }',
      ...(alertmanagerUrl === undefined ? [] : [`alertmanager: { url: "${alertmanagerUrl}" }`]),
      section(scratch(), telegram, chats, more, actions),
    ].join('\n'),
    { env: {} },
  );
  const metrics = createMetrics({ processMetrics: 'omit' });
  const logs: string[] = [];
  const log = createLogger({ stream: { write: (line: string) => void logs.push(line) }, repeatMs: 0 });
  const desk = openAlertDesk({
    config,
    store: db,
    metrics,
    log,
    holder,
    isReady: () => true,
    isLeader: () => true,
    failpoint: () => {},
    ...(views === undefined ? {} : { views }),
    wallMs: Date.now,
    nowMs: () => performance.now(),
  });
  const relay = desk.relay!;
  const supervisor = createSupervisor({
    clock: systemJobClock({ unref: false }),
    on: (event) => {
      if (event.kind === 'failed') log.warn(`${event.job} failed`, { err: event.error });
    },
  });
  const start = () => {
    for (const job of desk.jobs()) supervisor.start(job);
    relay.wakeBy((job) => supervisor.trigger(job));
  };
  const stop = () => supervisor.stopAll();
  if (jobs === 'running') start();
  onTestFinished(async () => {
    await stop();
  });
  const scraper = createScraper(metrics);
  const text = async () =>
    String(
      (await scraper.scrape({ accept: undefined, acceptEncoding: undefined, timeoutSeconds: undefined }))
        .body,
    );
  return { relay, metrics, logs, text, start, stop };
}

/** One alert, as Alertmanager writes it. */
export interface SentAlert {
  readonly name?: string;
  readonly fingerprint?: string;
  readonly status?: 'firing' | 'resolved';
  readonly severity?: string;
  readonly startsAt?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A notification of Alertmanager as JSON. */
export function notification(
  alerts: readonly SentAlert[],
  over: { readonly group?: string; readonly receiver?: string; readonly truncated?: number } = {},
): string {
  const name = alerts[0]?.name ?? 'FlowStalled';
  const sent = alerts.map((alert, index) => ({
    status: alert.status ?? 'firing',
    labels: { alertname: alert.name ?? name, severity: alert.severity ?? 'critical', flow: `flow-${index}` },
    annotations: { summary: `nothing moves (${alert.fingerprint ?? index})`, ...alert.annotations },
    startsAt: alert.startsAt ?? '2026-01-02T03:04:05.123456789Z',
    endsAt: alert.status === 'resolved' ? '2026-01-02T03:14:05Z' : '0001-01-01T00:00:00Z',
    generatorURL: 'http://prometheus.example/graph?g0.expr=up',
    fingerprint: alert.fingerprint ?? `fp${index}`,
  }));
  return JSON.stringify({
    version: '4',
    groupKey: over.group ?? `{}:{alertname="${name}"}`,
    receiver: over.receiver ?? 'critical',
    status: sent.some((alert) => alert.status === 'firing') ? 'firing' : 'resolved',
    alerts: sent,
    groupLabels: { alertname: name },
    commonLabels: { alertname: name },
    commonAnnotations: {},
    externalURL: 'http://alertmanager.example',
    truncatedAlerts: over.truncated ?? 0,
  });
}

/** The batch of a notification that is known to be good. */
export function batch(...args: Parameters<typeof notification>) {
  const read = readWebhook(notification(...args));
  if (!read.ok) throw new Error(JSON.stringify(read.fault));
  return read.batch;
}

/** The account: alert events per state of their deliveries, over all chats. */
export async function account(fresh: FreshDatabase): Promise<Readonly<Record<string, number>>> {
  const rows = await fresh.sql`
    select state, count(*)::int as n from flowgauge.notification_deliveries group by state order by state`;
  return Object.fromEntries(rows.map((row) => [row.state, row.n]));
}
