/** Owns the proof of delivery by the relay: the rendered Alertmanager, the real exporter as docs/alerting.md configures it, Telegram. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse, stringify } from 'yaml';
import { parseConfig } from '../../src/config/load.js';
import { routingOf } from '../../src/notification-ways.js';
import { targetsOf } from '../../src/notifications/target.js';
import { type AlertmanagerServer, type PostedAlert, startAlertmanager } from '../harness/alertmanager.js';
import {
  type ExporterProcess,
  eventually,
  projectRoot,
  samplesOf,
  startExporterProcess,
} from '../harness/exporter.js';
import { freshDatabase } from '../harness/fresh-database.js';
import { freePort } from '../harness/ports.js';
import { renderInto, TEST_CHATS, TEST_TOKEN } from '../harness/rendered-alertmanager.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';
import { type FakeTelegram, startFakeTelegram } from '../harness/telegram.js';

const RELAY_TOKEN = 'relay-token-of-the-tests';
/** A plain alert of the last resort goes here by Alertmanager itself. */
const BROKEN = TEST_CHATS.TELEGRAM_CHAT_ID_BROKEN;

interface Section {
  webhook_token_file: string;
  telegram: { token_file: string; api_url?: string; chats: Record<string, number> };
  routes: Record<string, string[]>;
}

/** The section `notifications` that docs/alerting.md tells people to write. */
function documented(): Section {
  const page = readFileSync(join(projectRoot, 'docs', 'alerting.md'), 'utf8');
  const [, block] = /```yaml\n(notifications:\n[\s\S]*?)```/.exec(page)!;
  return (parse(block!) as { notifications: Section }).notifications;
}

/** The same with files that exist. */
function withFiles(directory: string, botToken: string): Section {
  const section = documented();
  section.webhook_token_file = join(directory, 'ingest-token');
  section.telegram.token_file = join(directory, 'bot-token');
  writeFileSync(section.webhook_token_file, RELAY_TOKEN, { mode: 0o600 });
  writeFileSync(section.telegram.token_file, botToken, { mode: 0o600 });
  return section;
}

function scratch(): string {
  const directory = scratchDirectory('alerting-relay');
  onTestFinished(() => removeScratch(directory));
  return directory;
}

interface Way {
  readonly telegram: FakeTelegram;
  readonly alertmanager: AlertmanagerServer;
  /** The chats of the page, by name. */
  readonly chats: Readonly<Record<string, number>>;
  readonly exporter: ExporterProcess;
  /** An exporter where the first one was. */
  again(): Promise<ExporterProcess>;
}

async function startWay(): Promise<Way> {
  const directory = scratch();
  const telegram = await startFakeTelegram();
  onTestFinished(() => telegram.close());
  const fresh = await freshDatabase();
  onTestFinished(() => fresh.drop());
  const section = withFiles(directory, telegram.token);
  section.telegram.api_url = telegram.url;
  const file = join(directory, 'flowgauge.yml');
  const web = { listen_address: `127.0.0.1:${await freePort()}` };
  writeFileSync(file, stringify({ web, source: { url: fresh.url }, notifications: section }), {
    mode: 0o600,
  });
  const start = async () => {
    const exporter = await startExporterProcess(file);
    onTestFinished(() => exporter.kill());
    return exporter;
  };
  const exporter = await start();
  const alertmanager = await startAlertmanager({
    env: {
      ALERT_DELIVERY: 'relay',
      RELAY_URL: exporter.url,
      RELAY_TOKEN,
      TELEGRAM_BOT_TOKEN: telegram.token,
      TELEGRAM_API_URL: telegram.url,
    },
    faster: 20,
  });
  onTestFinished(() => alertmanager.stop());
  return { telegram, alertmanager, chats: section.telegram.chats, exporter, again: start };
}

function alert(alertname: string, labels: Readonly<Record<string, string>>, endsAt?: string): PostedAlert {
  return {
    labels: { alertname, ...labels },
    annotations: {
      summary: `${alertname} speaks`,
      runbook_url: `http://127.0.0.1:9877/runbooks/${alertname}`,
    },
    startsAt: '2026-01-02T03:04:05Z',
    ...(endsAt === undefined ? {} : { endsAt }),
  };
}
const ENDED = '2026-01-02T04:04:05Z';

describe('delivery by the relay', () => {
  it('has a way for every receiver that Alertmanager hands to it, with the section of docs/alerting.md', () => {
    const directory = scratch();
    renderInto(directory, { ALERT_DELIVERY: 'relay', RELAY_TOKEN }, ['--alertmanager-version', '0.25']);
    const { receivers } = parse(readFileSync(join(directory, 'alertmanager.yml'), 'utf8')) as {
      receivers: { name: string; webhook_configs?: { url: string }[] }[];
    };
    const relayed = receivers.filter(({ webhook_configs }) =>
      webhook_configs?.some(({ url }) => url.endsWith('/api/alerts/webhook')),
    );
    expect(relayed.map(({ name }) => name)).toEqual([
      'info',
      'warning',
      'critical',
      'tier2',
      'tier3',
      'watchdog',
    ]);
    const section = withFiles(directory, TEST_TOKEN);
    const text = stringify({ source: { url: 'postgres://nobody@127.0.0.1/none' }, notifications: section });
    const routing = routingOf(parseConfig(text, { env: {} }).notifications!);
    for (const { name } of relayed)
      expect([name, targetsOf(routing, name).known], 'notifications.routes').toEqual([name, true]);
    // Nothing on the page is for a receiver that does not exist.
    const names = receivers.map(({ name }) => name);
    expect(Object.keys(section.routes).filter((name) => !names.includes(name))).toEqual([]);
  });

  it('writes an alert into its chat, its end into the same message, and the sign of life beside it', async () => {
    const { telegram, alertmanager, chats, exporter } = await startWay();
    const critical = { severity: 'critical', flow: 'tokens', job: 'flowgauge', instance: 'a:9877' };
    const postedMs = performance.now();
    await alertmanager.post([
      alert('FlowStalled', critical),
      alert('CpuHigh', { severity: 'warning' }),
      alert('Watchdog', { severity: 'info', pipeline: 'watchdog' }),
    ]);
    const [first] = await eventually(
      async () => telegram.messages(chats.critical!),
      (sent) => sent.length === 1,
    );
    console.log(`posted to Alertmanager → in the chat: ${Math.round(performance.now() - postedMs)} ms`);
    expect(first!.text).toMatch(/^🔴 .*FlowStalled/);
    expect(first!.text).toContain('FlowStalled speaks');
    await eventually(
      async () => [telegram.messages(chats.warning!), telegram.messages(chats.watchdog!)],
      ([warning, watchdog]) => warning!.length === 1 && watchdog!.length === 1,
    );
    await alertmanager.post([alert('FlowStalled', critical, ENDED)]);
    const [ended, ...more] = await eventually(
      async () => telegram.messages(chats.critical!),
      ([message]) => message!.text.includes('resolved'),
    );
    expect(ended!.id).toBe(first!.id);
    expect(ended!.text).toMatch(/^🟢 .*FlowStalled/);
    expect(more).toEqual([]);
    const scrape = await eventually(
      () => exporter.metrics(),
      (text) => samplesOf(text, 'notification_watchdog_timestamp_seconds').size > 0,
    );
    expect(samplesOf(scrape, 'alert_events_total').get('alertname="FlowStalled",status="resolved"')).toBe(1);
    expect(exporter.output()).not.toContain('is not in notifications.routes');
    expect(telegram.messages(BROKEN)).toEqual([]);
    expect(telegram.violations()).toEqual([]);
  }, 120_000);

  it('leaves what is about itself to Alertmanager: told while no exporter runs, and the rest when one does', async () => {
    const { telegram, alertmanager, chats, exporter, again } = await startWay();
    expect(await exporter.stop()).toBe(0);
    const down = { severity: 'critical', job: 'flowgauge', instance: 'a:9877' };
    await alertmanager.post([
      alert('TargetDown', down),
      alert('ApiErrorsHigh', { severity: 'critical', api: 'market' }),
    ]);
    const [told] = await eventually(
      async () => telegram.messages(BROKEN),
      (sent) => sent.length === 1,
    );
    expect(told!.text).toContain('TargetDown speaks');
    // Plain, so that no text of it can be refused.
    expect(telegram.requests('sendMessage')[0]!.params.parse_mode).toBeFalsy();
    expect(telegram.messages(chats.critical!)).toEqual([]);

    const second = await again();
    await alertmanager.post([alert('TargetDown', down, ENDED)]);
    const both = await eventually(
      async () => telegram.messages(BROKEN),
      (sent) => sent.length === 2,
    );
    expect(both[1]!.text).toMatch(/RESOLVED.*TargetDown/);
    const late = await eventually(
      async () => telegram.messages(chats.critical!),
      (sent) => sent.length === 1,
    );
    expect(late[0]!.text).toContain('ApiErrorsHigh speaks');
    expect(second.output()).not.toContain('is not in notifications.routes');
    expect(telegram.violations()).toEqual([]);
  }, 120_000);
});
